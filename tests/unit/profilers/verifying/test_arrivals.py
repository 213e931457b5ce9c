"""Arrivals are a Poisson stream: counts and gaps have the distributions of one."""

import numpy as np
import pytest

from profilers.verifying.arrivals import MAX_REQUESTS, poisson_s


def test_counts_of_equal_spans_have_the_variance_of_their_mean():
    due_s = poisson_s(50.0, 2000.0, np.random.default_rng(1))

    counts = np.histogram(due_s, bins=2000, range=(0.0, 2000.0))[0]

    assert counts.mean() == pytest.approx(50.0, rel=0.02)
    assert counts.var() == pytest.approx(50.0, rel=0.1)


def test_gaps_are_exponential():
    gaps_s = np.diff(poisson_s(10.0, 5000.0, np.random.default_rng(2)))

    # P(gap > t) = exp(-10 t)
    for t in (0.05, 0.1, 0.3):
        assert (gaps_s > t).mean() == pytest.approx(np.exp(-10 * t), abs=0.01)


def test_instants_ascend_within_the_time():
    due_s = poisson_s(30.0, 10.0, np.random.default_rng(3))

    assert (np.diff(due_s) >= 0).all()
    assert due_s[0] >= 0
    assert due_s[-1] <= 10.0


def test_a_rate_beyond_one_sender_is_cut():
    due_s = poisson_s(1e6, 100.0, np.random.default_rng(4))

    assert len(due_s) == MAX_REQUESTS
