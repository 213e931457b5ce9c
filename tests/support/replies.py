"""Replies of a load that was never sent: judgement needs no server."""

import numpy as np

from planner.domain.verification import Outcome
from profilers.verifying.answers import Answer
from profilers.verifying.load import Reply
from profilers.verifying.payloads import Payloads


def reply(due_s, latency_s, *, lag_s=0.0, sample=0, outcome=Outcome.ANSWERED, **told):
    return Reply(
        sample=sample,
        due_s=due_s,
        began_s=due_s + lag_s,
        ended_s=due_s + latency_s,
        answer=Answer(outcome=outcome, **told),
    )


def replies(latencies_s, *, rate_rps=100.0, **told):
    """One every 1/rate seconds, in order of arrival."""
    return [
        reply(i / rate_rps, float(latency_s), **told)
        for i, latency_s in enumerate(latencies_s)
    ]


def payloads(n=1, *, labels=None):
    return Payloads(bodies=(b"{}",) * n, origin="a test", labels=labels)


def exponential_s(n, mean_s, *, seed=0):
    return np.random.default_rng(seed).exponential(mean_s, size=n)
