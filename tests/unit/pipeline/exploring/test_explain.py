"""What is said of a plan holds when it is solved anew."""

import itertools
from dataclasses import replace

import pytest

from planner.domain.placement import Solution
from planner.errors import SpecError
from planner.optimize.placement import place
from planner.pipeline.exploring.explain import explained, spec_of
from planner.pipeline.exploring.flips import RESOLUTION_FRAC
from planner.pipeline.exploring.kinds import kind
from planner.pipeline.exploring.near import near_plans, ways
from planner.pipeline.recommend import decide
from planner.pipeline.solving.answered import Answered, answered
from planner.pipeline.solving.scenarios import trial_of
from planner.specs.edit import with_values
from tests.support.questions import asked, document, knowledge, trials, world

# Two kinds of board, so that one can take over from the other.
SPEC = document(
    models__0__source__name="retinanet-800",
    workloads__0__quality=None,
    workloads__0__slo__latency_ms=120,
    workloads__0__traffic__rate_rps=40,
    sites__0__devices=[
        {"device": "jetson-agx-orin", "stock": 6, "capex_usd": 2000, "life_months": 48},
        {"device": "jetson-orin-nx-16gb", "stock": 12, "capex_usd": 700, "life_months": 48},
    ],
    policy__budget_usd_per_month=500,
)  # fmt: skip

pytestmark = pytest.mark.slow


def solved(changes):
    found = answered(asked(with_values(SPEC, changes)), time_limit_s=30)
    return found.solution if isinstance(found, Answered) and found.is_sure else None


@pytest.fixture(scope="module")
def plan():
    return decide(SPEC, world(), knowledge(SPEC))


@pytest.fixture(scope="module")
def told(plan):
    return explained(
        SPEC, plan, knowledge(SPEC), world(), search_s=1e9, clock_s=lambda: 0.0
    )


def test_the_plan_carries_its_own_question(plan):
    assert spec_of(plan) == SPEC


def test_a_plan_that_does_not_is_refused_with_the_way_out(plan):
    with pytest.raises(SpecError, match="planner recommend again"):
        spec_of(plan.model_copy(update={"spec": None}))


def test_it_explains_the_plan_that_was_made(plan, told):
    assert told.cost_usd_per_month == pytest.approx(plan.cost.total_usd_per_month)
    assert not any("changed since" in note for note in told.notes)


def test_a_plan_that_was_cut_on_simulated_traffic_is_explained_as_it_was_cut():
    bursts = {"dispersion_ratio": 1000, "time_scale_s": 10}
    spec = document(
        workloads__0__traffic={
            "kind": "constant",
            "rate_rps": 300,
            "burstiness": bursts,
        },
        workloads__0__slo__latency_ms=100,
        workloads__0__quality=None,
        sites__0__devices=[{"device": "raspberry-pi-4", "stock": 60, "capex_usd": 55}],
    )
    plan = decide(spec, replace(world(), simulates=True), knowledge(spec))
    ticks = itertools.count()

    told = explained(
        spec,
        plan,
        knowledge(spec),
        world(),
        search_s=5.0,
        clock_s=lambda: float(next(ticks)),
    )

    assert len(plan.simulation.rounds) > 1
    assert told.cost_usd_per_month == pytest.approx(plan.cost.total_usd_per_month)
    assert not any("changed since" in note for note in told.notes)
    assert any("held on simulated traffic" in note for note in told.notes)


def test_what_a_unit_is_worth_is_what_solving_says(told):
    base = solved({}).cost_usd_per_month
    moved = [(w.field, o) for w in told.worth for o in (w.easier, w.harder) if o]

    assert len(moved) >= 8
    for field, outcome in moved:
        answer = solved({field: outcome.to})
        if outcome.cost_usd_per_month is None:
            assert not isinstance(answer, Solution)
        else:
            assert answer.cost_usd_per_month == pytest.approx(
                outcome.cost_usd_per_month
            )
            assert outcome.change_usd_per_month == pytest.approx(
                answer.cost_usd_per_month - base, abs=1e-6
            )


def test_easier_limits_never_cost_more_and_harder_ones_never_less(told):
    for w in told.worth:
        if w.easier and w.easier.change_usd_per_month is not None:
            assert w.easier.change_usd_per_month <= 1e-6
        if w.harder and w.harder.change_usd_per_month is not None:
            assert w.harder.change_usd_per_month >= -1e-6


def test_traffic_flips_where_it_is_said_to(told):
    chosen = kind(solved({}))
    flips = [f for f in told.flips if f.what == "traffic"]

    assert flips
    for flip in flips:
        keeps = solved({"workloads.0.traffic.rate_rps": 40 * flip.change.not_enough})
        turns = solved({"workloads.0.traffic.rate_rps": 40 * flip.change.to})
        assert kind(keeps) == chosen
        assert not isinstance(turns, Solution) or kind(turns) != chosen
        ratio = flip.change.to / flip.change.not_enough
        assert max(ratio, 1 / ratio) <= 1 + 2 * RESOLUTION_FRAC


def test_a_dearer_machine_loses_where_its_plan_costs_what_the_next_one_does(told):
    base = solved({})
    dearer = [
        f for f in told.flips
        if f.what.startswith("price of") and f.change.to > f.change.from_
    ]  # fmt: skip

    assert dearer
    for flip in dearer:
        bought = next(
            p for p in base.purchases if p.offer.price_usd_per_h == flip.change.from_
        )
        at_flip = base.cost_usd_per_month + 730 * bought.kept * (
            flip.change.to - flip.change.from_
        )
        # The plan as it is can only be beaten where it costs no less than the winner.
        assert flip.cost_usd_per_month <= at_flip * (1 + 1e-9)


def test_below_its_own_cost_no_budget_has_a_plan(told):
    flip = next(f for f in told.flips if f.what == "budget")

    assert isinstance(
        solved({"policy.budget_usd_per_month": flip.change.not_enough}), Solution
    )
    assert not isinstance(
        solved({"policy.budget_usd_per_month": flip.change.to}), Solution
    )


def test_near_plans_are_those_that_listing_finds():
    within = 0.6
    question = asked(SPEC)
    base = place(question.problem)
    every_way = sorted({w for c in question.problem.candidates for w in ways_of(c)})
    limit = base.cost_usd_per_month * (1 + within)
    listed = {}
    for count in (1, 2, 3):
        for some in itertools.combinations(every_way, count):
            answer = solved_with(question.problem, some)
            if isinstance(answer, Solution) and answer.cost_usd_per_month <= limit:
                used = ways(answer)
                cost = min(listed.get(used, limit), answer.cost_usd_per_month)
                listed[used] = cost

    told = trial_of(answered(question, time_limit_s=30))
    found = list(near_plans(trials(question), told, within_frac=within))

    costs = [n.cost_usd_per_month for n in found]
    assert costs == sorted(costs)
    minimal = {
        used for used in listed
        if used != ways(base) and not any(other < used for other in listed)
    }  # fmt: skip
    assert minimal
    for used in minimal:
        assert any(c == pytest.approx(listed[used]) for c in costs)


def ways_of(candidate):
    return [
        (
            candidate.workload,
            candidate.offer.instance_type,
            str(candidate.profile.variant),
        )
    ]


def solved_with(problem, some):
    from dataclasses import replace

    columns = tuple(c for c in problem.candidates if ways_of(c)[0] in some)
    return place(replace(problem, candidates=columns))


def test_a_search_without_time_says_so(plan):
    ticks = itertools.count()

    told = explained(
        SPEC, plan, knowledge(SPEC), world(), search_s=4,
        clock_s=lambda: float(next(ticks)),
    )  # fmt: skip

    assert any("cut short" in note for note in told.notes)
