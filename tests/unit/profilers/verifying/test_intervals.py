"""Intervals hold the truth as often as they say, also when neighbours are alike."""

import numpy as np
import pytest

from profilers.quality.intervals import wilson
from profilers.verifying.intervals import (
    design_effect,
    quantile_interval_s,
    requests_needed,
    share_interval,
)


def clustered(rng, *, n=4000, mean_run=40):
    """A two-state chain whose share of True is 0.2 and whose runs are long."""
    leave_true, leave_false = 1 / mean_run, 0.25 / mean_run
    state = rng.random() < 0.2
    draws = rng.random(n)
    events = np.empty(n, dtype=bool)
    for i, draw in enumerate(draws):
        events[i] = state
        if draw < (leave_true if state else leave_false):
            state = not state
    return events


def test_an_interval_of_independent_requests_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(400):
        _, low, high = share_interval(rng.random(500) < 0.95)
        held += low <= 0.95 <= high

    assert held / 400 > 0.92


def test_requests_that_resemble_their_neighbours_count_for_less():
    rng = np.random.default_rng(12)
    runs = [clustered(rng) for _ in range(60)]

    held = [low <= 0.2 <= high for _, low, high in map(share_interval, runs)]
    naive = [abs(r.mean() - 0.2) <= 1.96 * (0.16 / len(r)) ** 0.5 for r in runs]

    assert np.mean(naive) < 0.5
    assert np.mean(held) > 0.85


def test_a_share_of_nothing_or_all_has_no_effect_to_see():
    assert design_effect(np.ones(1000, dtype=bool)) == 1.0
    assert design_effect(np.zeros(1000, dtype=bool)) == 1.0


def test_a_percentiles_interval_holds_that_of_the_distribution():
    rng = np.random.default_rng(13)
    truth_s = -np.log(0.05)  # the 95th percentile of an exponential of mean 1
    held = 0
    for _ in range(200):
        _, low, high = quantile_interval_s(rng.exponential(size=400), 0.95)
        held += low <= truth_s <= high

    assert held / 200 > 0.9


def test_so_few_requests_leave_the_tail_open():
    value, low, high = quantile_interval_s(np.arange(1.0, 51.0), 0.99)

    assert value == 50.0
    assert low is not None
    assert high is None


def test_no_answer_stands_above_all_latencies():
    latencies_s = np.concatenate([np.full(90, 0.1), np.full(10, np.inf)])

    assert quantile_interval_s(latencies_s, 0.5)[0] == 0.1
    assert quantile_interval_s(latencies_s, 0.95)[0] == np.inf


@pytest.mark.parametrize(
    ("share", "promised"), [(1.0, 0.99), (0.97, 0.95), (0.9, 0.95)]
)
def test_so_many_requests_decide_and_half_as_many_do_not(share, promised):
    n = requests_needed(share, promised, 1.0)

    low, high = wilson(share * n, n)
    low_of_half, high_of_half = wilson(share * n / 2, n / 2)

    assert low >= promised or high < promised
    assert low_of_half < promised <= high_of_half


def test_a_share_at_the_promise_is_never_settled():
    assert requests_needed(0.95, 0.95, 1.0) is None
