"""Which points are timed on curves of known shape, and what is said of the others."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profilers.points import (
    FLOOR_FRAC,
    Curve,
    Reach,
    at_their_fastest,
    completed,
    read_off,
    until_decided,
)
from tests.support.timed import point

GRID = (1, 2, 4, 8, 16, 32, 64, 128)


def timed_until_known(truth, *, grid=GRID, limit_s=None):
    order = []

    def timed(batches):
        order.extend(batches)
        return {b: truth(b) for b in batches}

    curve = Curve.unknown(grid, limit_s=limit_s)
    return completed(curve, timed), order


def test_a_fixed_cost_and_a_cost_an_item_need_three_points_of_eight():
    curve, order = timed_until_known(lambda b: 0.010 + 0.001 * b)

    assert order[:2] == [1, 128]
    assert len(order) == 3
    assert curve.line_s(16) == pytest.approx(0.026)


def test_a_grid_of_one_batch_is_timed_once():
    _, order = timed_until_known(lambda b: 0.010, grid=(4,))

    assert order == [4]


def knee(b):
    return max(0.010, 0.0008 * b)


def test_a_curve_with_a_knee_is_timed_until_the_line_is_near_it_everywhere():
    curve, order = timed_until_known(knee)

    off = [abs(curve.line_s(b) / knee(b) - 1) for b in GRID]
    assert max(off) <= 2 * FLOOR_FRAC
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


@dataclass(frozen=True)
class Batch:
    batch: int
    p50_s: float


class Machine:
    """Times sessions of curves; from `broken` on a curve cannot be had."""

    def __init__(self, truth, broken=None):
        self.truth = truth
        self.broken = broken or {}
        self.sessions = []

    def timed(self, wanted):
        self.sessions += [(n, r.asked) for n, r in wanted.items()]
        return {
            n for n, r in wanted.items() if max(r.timed) >= self.broken.get(n, 1000)
        }

    def hoped_s(self, n, reach):
        """Service seconds by batch, those that are not known at their fastest."""
        points = [Batch(b, self.truth[n][b]) for b in reach.asked]
        return {p.batch: p.p50_s for p in at_their_fastest(points, reach)}


def best(curves, promise_s):
    """What is bought is the largest throughput among batches within the promise."""
    ways = [
        (b / s, n, b)
        for n, service_s in curves.items()
        for b, s in service_s.items()
        if s <= promise_s
    ]
    return max(ways, key=lambda w: (w[0], -w[1]), default=None)


@given(
    base=st.lists(st.floats(1, 100), min_size=4, max_size=4),
    power=st.floats(0.2, 1),
    promise_s=st.floats(1, 1000),
)
def test_the_winner_is_the_one_of_the_whole_grid_though_losers_are_hardly_timed(
    base, power, promise_s
):
    truth = {n: {b: base[n] * b**power for b in GRID} for n in range(4)}
    machine = Machine(truth)

    def planned(known):
        way = best({n: machine.hoped_s(n, r) for n, r in known.items()}, promise_s)
        return {} if way is None else {way[1]: way[2]}

    known = until_decided(
        {n: Reach(grid=GRID) for n in truth}, timed=machine.timed, planned=planned
    )

    way, of_all = planned(known), best(truth, promise_s)
    if of_all is None:
        assert way == {}
        assert all(asked == (1,) for _, asked in machine.sessions)
    else:
        ((n, b),) = way.items()
        assert b in known[n].known
        assert b / truth[n][b] == pytest.approx(of_all[0])
    assert len(machine.sessions) == len(set(machine.sessions))


@given(
    fixed_s=st.floats(0.1, 100), item_s=st.floats(0.01, 10), power=st.floats(0.3, 1),
    reach=st.builds(
        Reach, grid=st.just(GRID), timed=st.frozensets(st.sampled_from(GRID)).map(lambda b: b | {1})
    ),
)  # fmt: skip
def test_no_curve_that_rises_is_faster_than_it_is_hoped_to_be(
    fixed_s, item_s, power, reach
):
    truth = {b: fixed_s + item_s * b**power for b in GRID}

    hoped_s = Machine({"a": truth}).hoped_s("a", reach)

    assert set(hoped_s) == set(GRID)
    assert all(s <= truth[b] * (1 + 1e-9) for b, s in hoped_s.items())
    assert all(hoped_s[b] == truth[b] for b in reach.asked)


def test_what_is_read_off_of_a_curve_that_is_known_is_not_hoped_for():
    reach = Reach(grid=(1, 2, 4, 8), timed=frozenset({1, 2, 4}))

    hoped = at_their_fastest([Batch(1, 1.0), Batch(4, 4.0)], reach)

    assert hoped == (Batch(1, 1.0), Batch(4, 4.0), Batch(8, 4.0))


def test_nothing_is_timed_beyond_the_smallest_where_no_plan_uses_anything():
    machine = Machine({})

    known = until_decided(
        {"a": Reach(grid=GRID)}, timed=machine.timed, planned=lambda _: {}
    )

    assert machine.sessions == [("a", (1,))]
    assert known["a"].known == (1,)


def test_what_lies_between_is_timed_only_if_the_plan_uses_the_curve_still():
    machine = Machine({})

    def planned(known):
        """At their fastest both would do; known up to 16, b is out."""
        return {"b": 16} if 16 not in known["b"].timed else {"a": 16}

    known = until_decided(
        {"a": Reach(grid=GRID), "b": Reach(grid=GRID)},
        timed=machine.timed,
        planned=planned,
    )

    assert machine.sessions == [
        ("a", (1,)), ("b", (1,)), ("b", (1, 16)), ("a", (1, 16)), ("a", (1, 2, 4, 8, 16)),
    ]  # fmt: skip
    assert known["a"].known == (1, 2, 4, 8, 16)
    assert known["b"].known == (1,), "nobody knows what lies between 1 and 16"


def test_no_more_is_timed_than_what_the_plan_uses_and_nothing_that_was_is_forgotten():
    machine = Machine({})
    limits = iter((64, 4, 8, 8))

    known = until_decided(
        {"a": Reach(grid=GRID)},
        timed=machine.timed,
        planned=lambda _: {"a": next(limits)},
    )

    assert [asked for _, asked in machine.sessions] == [
        (1,), (1, 64), (1, 2, 4, 64), (1, 2, 4, 8, 64),
    ]  # fmt: skip
    assert known["a"].known == (1, 2, 4, 8)


def test_what_is_known_before_is_asked_for_once_for_its_times():
    machine = Machine({})

    until_decided(
        {"a": Reach(grid=GRID, timed=frozenset(GRID))},
        timed=machine.timed,
        planned=lambda _: {"a": 64},
    )

    assert machine.sessions == [("a", GRID)]


def test_a_batch_that_cannot_be_had_is_left_out_with_all_larger_ones():
    machine = Machine({}, broken={"a": 32})

    known = until_decided(
        {"a": Reach(grid=GRID), "b": Reach(grid=GRID)},
        timed=machine.timed,
        planned=lambda known: {"a": known["a"].grid[-1]},
    )

    assert [k for n, k in machine.sessions if n == "a"] == [
        (1,), (1, 128), (1, 64), (1, 32), (1, 16), (1, 2, 4, 8, 16),
    ]  # fmt: skip
    assert known["a"].known == known["a"].grid == (1, 2, 4, 8, 16)
    assert known["b"].known == (1,)


def test_a_curve_that_cannot_be_had_at_all_is_tried_once():
    machine = Machine({}, broken={"a": 1})

    known = until_decided(
        {"a": Reach(grid=GRID)}, timed=machine.timed, planned=lambda _: {}
    )

    assert machine.sessions == [("a", (1,))]
    assert known["a"].known == ()


def test_a_use_between_two_batches_of_the_grid_is_known_up_to_the_smaller():
    first = Reach(grid=(1, 4, 16, 64), timed=frozenset({1}))

    assert first.towards(40).asked == (1, 16)
    assert first.towards(40).known == (1,)
    assert first.towards(15).known == (1, 4)
    assert first.towards(40).towards(40).known == (1, 4, 16)


def test_what_lies_between_two_timed_batches_has_all_times_on_their_line():
    timed = (point(0.010, p95_s=0.020), point(0.030, batch=5, p95_s=0.080))

    first, between, last = read_off(timed, (1, 2, 5, 8))

    assert (first, last) == timed
    assert between.batch == 2
    assert (between.p50_s, between.p95_s) == pytest.approx((0.015, 0.035))
    assert between.p99_high_s is None


def test_what_is_known_at_one_end_alone_is_not_known_between():
    timed = (point(0.010, p95_high_s=0.020), point(0.030, batch=5))

    _, between, _ = read_off(timed, (1, 2, 5))

    assert between.p95_high_s is None
