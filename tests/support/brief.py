"""Measures as ever, but briefly: for tests of what becomes of a measurement, not of its figures."""

from functools import partial

from profilers.language import tokens
from profilers.measuring.measure import SamplingRule
from profilers.worker import begin_trial

RULE = SamplingRule(min_samples=6, max_point_s=0.02, warm_up_s=0.02, n_retries=0)


def begin(trial, **around):
    """In a process of its own, whose language models are all measured so."""
    tokens.measured = partial(tokens.measured, rule=RULE)
    return begin_trial(trial, **around)
