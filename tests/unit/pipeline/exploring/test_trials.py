"""Searches side by side find what one after the other finds, in the same order."""

from contextlib import closing
from dataclasses import replace

import pytest

from planner.domain.placement import Objective
from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.exploring.explain import explained
from planner.pipeline.exploring.pareto import spanned
from planner.pipeline.exploring.relaxations import ways_out
from planner.pipeline.exploring.trials import SearchCutShortError, Trials
from planner.pipeline.recommend import decide
from tests.support.questions import asked, document, knowledge, trials, world
from tests.support.solvers import AtOnce

TWO_BOARDS = {
    "models__0__source__name": "retinanet-800",
    "workloads__0__quality": None,
    "workloads__0__slo__latency_ms": 150,
    "workloads__0__traffic__rate_rps": 30,
    "sites__0__devices": [
        {"device": "jetson-agx-orin", "stock": 3, "capex_usd": 2000},
        {"device": "jetson-orin-nx-16gb", "stock": 4, "capex_usd": 700},
    ],
}


@pytest.fixture
def at_once():
    with closing(AtOnce()) as found:
        yield found


def plans_of(front):
    return [(p.cost_usd_per_month, p.promise_frac, p.description) for p in front.points]


@pytest.mark.slow
def test_an_explanation_is_the_same(at_once):
    spec = document(**TWO_BOARDS)
    plan = decide(spec, world(), knowledge(spec))
    one_by_one, side_by_side = (
        explained(
            spec, plan, knowledge(spec), w, search_s=1e9, clock_s=lambda: 0.0
        )
        for w in (world(), replace(world(), scenarios=at_once))
    )  # fmt: skip

    assert side_by_side == one_by_one
    assert len(at_once.asked) == one_by_one.n_solves > 40


@pytest.mark.slow
def test_a_front_is_the_same(at_once):
    spec = document(**TWO_BOARDS)
    one_by_one, side_by_side = (
        spanned(
            spec, knowledge(spec), w, search_s=1e9, clock_s=lambda: 0.0,
            objectives=(Objective.COST, Objective.LATENCY),
        )
        for w in (world(), replace(world(), scenarios=at_once))
    )  # fmt: skip

    assert plans_of(side_by_side) == plans_of(one_by_one)
    assert side_by_side.n_solves == one_by_one.n_solves == len(at_once.asked)


@pytest.mark.slow
def test_ways_out_are_the_same(at_once):
    capacities = Capacities()
    spec = document(policy__budget_usd_per_month=0.5)
    one_by_one, side_by_side = (
        ways_out(
            asked(spec, capacities), time_limit_s=30, search_s=1e9,
            clock_s=lambda: 0.0, scenarios=scenarios,
        )
        for scenarios in (None, at_once)
    )  # fmt: skip

    assert side_by_side == one_by_one
    assert one_by_one.relaxations


def test_a_document_asked_for_by_many_at_once_is_solved_once(at_once):
    some = Trials(
        asked(document()), time_limit_s=30, search_s=1e9, clock_s=lambda: 0.0,
        scenarios=at_once,
    )  # fmt: skip

    found = list(some.each(some.solve, [{}] * 6))

    assert some.n_solves == len(at_once.asked) == 1
    assert all(f is found[0] for f in found)


def test_what_was_found_before_the_time_ran_out_is_kept():
    ticks = iter(range(100))
    some = trials(asked(document()))
    few = Trials(
        some.question, time_limit_s=30, search_s=2.5, clock_s=lambda: float(next(ticks))
    )
    answers = few.each(few.solve, [{"policy.spare_replicas": n} for n in range(5)])
    found = [next(answers), next(answers)]

    with pytest.raises(SearchCutShortError):
        next(answers)

    assert all(found)


def test_a_change_that_makes_no_valid_document_is_no_plan_and_no_solve():
    some = trials(asked(document()))

    assert some.solve({"policy.confidence_frac": 7}) is None
    assert some.n_solves == 0
