"""Which points are timed on curves of known shape, and what is said of the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profilers.points import TOLERANCE_FRAC, Curve, until_decided

GRID = (1, 2, 4, 8, 16, 32, 64, 128)


def timed_until_known(truth, *, limit_s=None):
    curve, order = Curve.unknown(GRID, limit_s=limit_s), []
    while (batch := curve.next_batch()) is not None:
        order.append(batch)
        curve = curve.with_timed(batch, truth(batch))
    return curve, order


def test_a_fixed_cost_and_a_cost_an_item_need_three_points_of_eight():
    curve, order = timed_until_known(lambda b: 0.010 + 0.001 * b)

    assert order[:2] == [1, 128]
    assert len(order) == 3
    assert curve.line_s(16) == pytest.approx(0.026)


def test_a_curve_with_a_knee_is_timed_until_the_line_is_near_it_everywhere():
    def truth(b):
        return max(0.010, 0.0008 * b)

    curve, order = timed_until_known(truth)

    off = [abs(curve.line_s(b) / truth(b) - 1) for b in GRID]
    assert max(off) <= 2 * TOLERANCE_FRAC
    assert len(order) < len(GRID)


def test_batches_that_take_longer_than_any_promise_are_not_timed():
    _, order = timed_until_known(lambda b: 0.010 * b**0.9, limit_s=0.05)

    assert set(order) <= {1, 2, 4, 8, 128}, "half of what 128 takes is too long for 64"


@given(
    fixed_ms=st.floats(0.1, 100), item_ms=st.floats(0.01, 10), power=st.floats(0.3, 1)
)
def test_the_truth_lies_where_the_uncertainty_says_for_any_curve_that_rises(
    fixed_ms, item_ms, power
):
    def truth(b):
        return fixed_ms + item_ms * b**power

    curve = Curve.unknown(GRID).with_timed(1, truth(1)).with_timed(128, truth(128))

    for batch in GRID:
        off = max(
            truth(batch) / curve.line_s(batch), curve.line_s(batch) / truth(batch)
        )
        assert off - 1 <= curve.uncertainty_frac(batch) + 1e-9


@given(
    base=st.lists(st.floats(1, 100), min_size=4, max_size=4), power=st.floats(0.2, 1)
)
def test_the_winner_is_the_one_of_the_whole_grid_though_losers_are_hardly_timed(
    base, power
):
    """Four curves; what is bought is the largest throughput at the largest batch."""
    truth = {n: {b: base[n] * b**power for b in GRID} for n in range(4)}
    n_timed = []

    def planned(curves):
        best = min(curves, key=lambda n: (curves[n].fastest_s(128), n))
        return {best: 128}

    def timed(n, batch):
        n_timed.append((n, batch))
        return truth[n][batch]

    known = until_decided(
        {n: Curve.unknown(GRID) for n in truth}, planned=planned, timed=timed
    )

    winner = min(truth, key=lambda n: (truth[n][128], n))
    assert list(planned(known)) == [winner]
    assert 128 in known[winner].timed_s
    assert len(n_timed) == len(set(n_timed)) < 4 * len(GRID)
