"""The score interval against published figures and its own defining equation."""

from math import sqrt

import pytest

from profilers.quality.intervals import wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_the_published_one(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("successes", "n"), [(3, 10), (180, 360), (359, 360)])
def test_at_its_ends_the_observed_share_is_just_not_surprising(successes, n):
    for end in wilson(successes, n):
        surprise = abs(successes / n - end) / sqrt(end * (1 - end) / n)

        assert surprise == pytest.approx(1.959964, abs=1e-5)


def test_all_right_does_not_mean_certainly_always_right():
    low, high = wilson(50, 50)

    assert high == 1.0
    assert 0.9 < low < 0.95
