"""Intervals of paired differences, against published figures and against chance."""

import numpy as np
import pytest

from profilers.quality.paired import difference


def test_it_gives_the_published_interval_of_the_airway_example():
    # Fagerland, Lydersen, Laake (2014), hyper-responsiveness before and after: 1, 1, 7, 12.
    d, low, high = difference(1, 1, 7, 12)

    assert (d, low, high) == pytest.approx((-0.286, -0.507, -0.026), abs=5e-4)


def test_it_contains_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(5)
    shares, n = (0.90, 0.05, 0.02, 0.03), 300
    counts = rng.multinomial(n, shares, size=2000)

    kept = [
        low <= 0.03 <= high
        for _, low, high in (difference(*map(int, c)) for c in counts)
    ]

    assert 0.94 <= np.mean(kept) <= 0.99


def test_exchanging_the_two_turns_the_interval_round():
    d, low, high = difference(80, 12, 5, 3)

    assert difference(80, 5, 12, 3) == pytest.approx((-d, -high, -low))


@pytest.mark.parametrize("n", [10, 100, 1000])
def test_without_a_flip_the_difference_is_nothing_but_not_sure(n):
    d, low, high = difference(int(0.9 * n), 0, 0, n - int(0.9 * n))

    assert d == 0
    assert low < 0 < high
    assert high < difference(int(0.09 * n), 0, 0, n // 10 - int(0.09 * n))[2]


def test_all_right_on_both_sides_is_bounded_all_the_same():
    d, low, high = difference(50, 0, 0, 0)

    assert d == 0
    assert -0.1 < low < 0 < high < 0.1
