"""Ways out of "no" are sufficient, minimal and irreducible; each is solved here anew."""

import itertools
import math

import pytest

from planner.domain.placement import Solution
from planner.optimize.placement import place
from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.exploring.knobs import knobs
from planner.pipeline.exploring.relaxations import ways_out
from planner.specs.edit import with_values
from tests.support.questions import asked, document, trials

pytestmark = pytest.mark.slow

CAPACITIES = Capacities()
# Boards answer in about 60 ms, and three of them carry this much traffic.
TIGHT = {
    "workloads__0__slo__latency_ms": 60,
    "workloads__0__traffic__rate_rps": 40,
    "sites__0__devices__0__stock": 3,
    "policy__spare_replicas": 1,
}


def cost(spec, changes):
    answer = place(asked(with_values(spec, changes), CAPACITIES).problem)
    return answer.cost_usd_per_month if isinstance(answer, Solution) else None


@pytest.fixture(scope="module")
def spec():
    return document(**TIGHT)


@pytest.fixture(scope="module")
def found(spec):
    return ways_out(
        asked(spec, CAPACITIES), time_limit_s=30, search_s=1e9,
        clock_s=lambda: 0.0,
    )  # fmt: skip


def test_single_changes_and_pairs_are_found_and_the_search_ends(found):
    sizes = {len(r.change) for r in found.relaxations}

    assert sizes >= {1, 2}
    assert found.note == ""


def test_every_relaxation_applied_is_feasible_at_its_cost(spec, found):
    for r in found.relaxations:
        assert cost(spec, {c.field: c.to for c in r.change}) == pytest.approx(
            r.cost_usd_per_month
        )


def test_what_is_told_not_to_be_enough_is_not(spec, found):
    for r in found.relaxations:
        for c in r.change:
            others = {o.field: o.to for o in r.change if o is not c}
            assert cost(spec, {**others, c.field: c.not_enough}) is None


def test_a_whole_number_is_minimal_to_one(spec, found):
    for r in found.relaxations:
        for c in r.change:
            if c.field.endswith("stock"):
                assert c.to - c.not_enough == 1


def test_a_single_time_is_minimal_to_its_resolution(found):
    singles = [r.change[0] for r in found.relaxations if len(r.change) == 1]
    times = [c for c in singles if c.field.endswith("latency_ms")]

    assert times
    # 50-fold in 1,024 turns, and four digits.
    assert all(1 < c.to / c.not_enough < 50 ** (1 / 1024) * 1.002 for c in times)


def test_no_part_of_a_combination_suffices_alone(spec, found):
    combined = [r for r in found.relaxations if len(r.change) > 1]

    assert combined
    for r in combined:
        for count in range(1, len(r.change)):
            for part in itertools.combinations(r.change, count):
                assert cost(spec, {c.field: c.to for c in part}) is None


def test_what_asks_least_comes_first(found):
    asks = [r.ask_ratio for r in found.relaxations]

    assert asks == sorted(asks)
    assert all(ask > 1 for ask in asks)


def test_three_limits_that_each_forbid_everything_are_relaxed_together():
    spec = document(
        workloads__0__quality__minimum_frac=0.99,
        workloads__0__slo__latency_ms=5,
        policy__budget_usd_per_month=0.01,
    )

    found = ways_out(
        asked(spec, CAPACITIES), time_limit_s=30, search_s=1e9,
        clock_s=lambda: 0.0,
    )  # fmt: skip

    assert found.relaxations
    assert all(len(r.change) == 3 for r in found.relaxations)
    fields = {c.field for r in found.relaxations for c in r.change}
    assert {
        "workloads.0.quality.minimum_frac",
        "workloads.0.slo.latency_ms",
        "policy.budget_usd_per_month",
    } <= fields
    for r in found.relaxations:
        assert cost(spec, {c.field: c.to for c in r.change}) is not None


def test_turns_beyond_a_plan_and_before_a_proof_are_not_solved_again(spec):
    question = asked(spec, CAPACITIES)
    searched = trials(question)
    searched.limits = {knob.field: knob for knob in knobs(question)}
    stock, spare = "sites.0.devices.0.stock", "policy.spare_replicas"
    few, many = {stock: 3}, {stock: 100}
    assert not searched.suffices(few)
    assert searched.suffices(many)
    n_solved = searched.n_solves

    assert searched.suffices({stock: 101, spare: 0})
    assert not searched.suffices({})
    assert searched.n_solves == n_solved
    assert cost(spec, {stock: 101, spare: 0}) is not None

    assert not searched.suffices({stock: 4}), "between the two nobody knows"
    assert searched.n_solves == n_solved + 1
    searched.suffices({**many, "policy.objective": "latency"})
    assert searched.n_solves == n_solved + 2, "what is no limit is not compared"


def test_combinations_without_a_needed_limit_are_not_asked():
    hopeless = document(
        workloads__0__quality__minimum_frac=0.99,
        workloads__0__slo__latency_ms=5,
        policy__budget_usd_per_month=0.01,
    )
    question = asked(hopeless, CAPACITIES)
    n_limits = len(list(knobs(question)))

    found = ways_out(question, time_limit_s=30, search_s=1e9, clock_s=lambda: 0.0)

    pairs = math.comb(n_limits, 2)
    assert found.relaxations
    assert found.n_solves < pairs + math.comb(n_limits, 3)


def test_a_search_without_time_says_that_it_was_cut_short(spec):
    ticks = itertools.count()

    found = ways_out(
        asked(spec, CAPACITIES), time_limit_s=30, search_s=3,
        clock_s=lambda: float(next(ticks)),
    )  # fmt: skip

    assert "cut short after 3 s" in found.note
    assert found.n_solves <= 3


def test_the_budget_asked_for_is_the_least_cost_of_any_plan(spec):
    poor = document(policy__budget_usd_per_month=0.5)

    found = ways_out(
        asked(poor, CAPACITIES), time_limit_s=30, search_s=1e9,
        clock_s=lambda: 0.0,
    )  # fmt: skip

    budget = next(
        r.change[0] for r in found.relaxations
        if [c.field for c in r.change] == ["policy.budget_usd_per_month"]
    )  # fmt: skip
    cheapest = cost(poor, {"policy.budget_usd_per_month": None})
    assert cheapest <= budget.to < cheapest + 0.01


def test_with_latency_first_the_budget_asked_for_is_still_the_least():
    poor = document(policy__budget_usd_per_month=0.5, policy__objective="latency")
    question = asked(poor, CAPACITIES)
    budget = next(
        k for k in knobs(question) if k.field.endswith("budget_usd_per_month")
    )

    found = budget.least(trials(question), {}, start=None, coarse_frac=0.01)

    cheapest = cost(
        poor, {"policy.budget_usd_per_month": None, "policy.objective": "cost"}
    )
    assert found.value == pytest.approx(cheapest, abs=0.011)
