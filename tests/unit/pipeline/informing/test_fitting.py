"""Which measurements lead to a plan where there is none, against closed forms."""

import math
from statistics import NormalDist

import pytest

from planner.pipeline.informing.fitting import fitting, minimal
from tests.support.measurements import draws, key, session

PLAN_USD = 40.0


def needing(*ways, usd=PLAN_USD):
    """A plan exists once all devices of one of the ways are known to be quick enough."""

    def cost(world):
        fits = (
            all(world.get(key(d), math.inf) <= most for d, most in way.items())
            for way in ways
        )
        return usd if any(fits) else math.inf

    return cost


def chance(sigma, most):
    return NormalDist(0, sigma).cdf(math.log(most))


def found(cost, sigmas, *, prices=None, budget_usd=100.0, **options):
    prices = prices or {}
    known = [session(d, prices.get(d, 1.0)) for d in sigmas]
    drawing = draws(cost, sigmas, **options)
    return fitting(known, drawing, budget_usd=budget_usd), drawing


def devices(way):
    return sorted(s.device for s in way.sessions)


@pytest.mark.parametrize(("sigma", "most"), [(0.2, 0.9), (0.5, 0.8), (0.3, 1.2)])
def test_one_profile_leads_to_a_plan_as_likely_as_it_is_quick_enough(sigma, most):
    fits, _ = found(needing({"b": most}), {"b": sigma})

    ((way, adds),) = fits.chosen
    assert way.probability_frac == pytest.approx(chance(sigma, most), abs=1e-3)
    assert adds == fits.probability_frac == fits.possible_frac == way.probability_frac
    assert way.usd_per_month == PLAN_USD


def test_two_that_are_both_needed_are_one_way_though_neither_does_alone():
    sigmas, most = {"b": 0.4, "c": 0.7, "d": 0.5}, {"b": 0.9, "d": 1.1}

    fits, _ = found(needing(most), sigmas, n_worlds=4000)

    (way,) = fits.ways
    assert devices(way) == ["b", "d"]
    both = chance(0.4, 0.9) * chance(0.5, 1.1)
    assert way.probability_frac == pytest.approx(both, abs=0.02)


def test_ways_that_do_not_need_each_other_add_up_as_independent_chances():
    sigmas = {"b": 0.4, "c": 0.7}

    fits, _ = found(needing({"b": 0.9}, {"c": 0.8}), sigmas, n_worlds=4000)

    assert sorted(map(devices, fits.ways)) == [["b"], ["c"]]
    either = 1 - (1 - chance(0.4, 0.9)) * (1 - chance(0.7, 0.8))
    assert fits.probability_frac == pytest.approx(either, abs=0.02)
    assert fits.possible_frac == pytest.approx(fits.probability_frac)


def test_the_likelier_per_dollar_is_measured_first_and_the_budget_bounds_all():
    sigmas = {"b": 0.5, "c": 0.5}
    cost = needing({"b": 0.9}, {"c": 0.9})

    both, _ = found(cost, sigmas, prices={"b": 6.0, "c": 2.0})
    one, _ = found(cost, sigmas, prices={"b": 6.0, "c": 2.0}, budget_usd=7.0)

    assert [devices(w) for w, _ in both.chosen] == [["c"], ["b"]]
    assert [devices(w) for w, _ in one.chosen] == [["c"]]
    assert len(one.ways) == 2
    assert one.probability_frac < one.possible_frac


def test_what_costs_nothing_is_measured_first():
    fits, _ = found(
        needing({"b": 0.95}, {"c": 0.7}), {"b": 0.5, "c": 0.5}, prices={"b": 1.0, "c": 0.0}
    )  # fmt: skip

    assert devices(fits.chosen[0][0]) == ["c"]


def test_a_budget_of_nothing_measures_nothing_and_tells_the_ways():
    fits, _ = found(needing({"b": 0.9}), {"b": 0.5}, prices={"b": 0.0}, budget_usd=0.0)

    assert fits.chosen == ()
    assert fits.probability_frac == 0
    assert len(fits.ways) == 1


def test_where_even_luck_leads_to_no_plan_one_solve_says_so():
    fits, drawing = found(needing({"b": 1e-9}), dict.fromkeys("bcdefg", 0.3))

    assert fits.ways == ()
    assert fits.possible_frac == 0
    assert drawing.n_solves == 1


def test_without_anything_to_measure_nothing_is_solved():
    fits, drawing = found(needing({"b": 1.0}), {})

    assert (fits.ways, fits.possible_frac, drawing.n_solves) == ((), 0, 0)


def test_what_was_tried_in_vain_is_left_out():
    drawing = draws(needing({"b": 0.9}, {"c": 0.9}), {"b": 0.5, "c": 0.5})

    fits = fitting(
        [session("b"), session("c")], drawing, budget_usd=9.0, cannot=[("m", "b")]
    )

    assert [devices(w) for w in fits.ways] == [["c"]]
    assert fits.n_able == 1


def test_what_failed_could_still_have_led_to_a_plan():
    drawing = draws(needing({"b": 0.9}), {"b": 0.5})

    fits = fitting([session("b")], drawing, budget_usd=9.0, cannot=[("m", "b")])

    assert (fits.ways, fits.n_able, fits.probability_frac) == ((), 0, 0.0)
    assert fits.possible_frac == pytest.approx(chance(0.5, 0.9), abs=1e-3)


def test_the_few_of_many_are_found_with_few_solves():
    named = [session(f"d{i}") for i in range(64)]
    wanted = {"d3", "d37", "d38"}
    n_asked = 0

    def suffices(some):
        nonlocal n_asked
        n_asked += 1
        return wanted <= {s.device for s in some}

    assert {s.device for s in minimal(named, suffices)} == wanted
    assert n_asked <= 2 * 3 * math.log2(64)


def test_of_two_that_do_equally_the_cheaper_is_the_way():
    fits, _ = found(
        needing({"b": 0.9, "a": 2.0}, {"c": 0.9, "a": 2.0}),
        {"a": 0.3, "b": 0.5, "c": 0.5},
        prices={"a": 0.0, "b": 9.0, "c": 1.0},
    )

    assert devices(fits.ways[0]) == ["a", "c"]


def test_when_the_time_runs_out_what_was_found_stands():
    ticks = iter(range(10_000))

    fits, _ = found(
        needing({"b": 0.9}, {"c": 0.9}),
        {"b": 0.5, "c": 0.5},
        n_worlds=10,
        now_s=lambda: float(next(ticks)),
        ends_s=25.0,
    )

    assert fits.is_cut_short
    assert fits.possible_frac is not None
    assert [devices(w) for w in fits.ways] == [["b"]]


def test_ways_share_no_measurement():
    fits, _ = found(
        needing({"a": 0.9, "b": 2.0}, {"a": 0.9, "c": 2.0}),
        dict.fromkeys("abc", 0.5),
        prices={"a": 9.0, "b": 1.0, "c": 2.0},
    )

    assert [devices(w) for w in fits.ways] == [["a", "b"]]


def test_once_a_plan_is_sure_nothing_more_is_measured():
    fits, _ = found(needing({"b": 1e9}, {"c": 1e9}), dict.fromkeys("bc", 0.5))

    assert len(fits.ways) == 2
    assert [adds for _, adds in fits.chosen] == [1.0]
