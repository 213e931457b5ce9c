"""Promises hold as surely as asked when several uncertain profiles serve a workload."""

import itertools
import math
from dataclasses import replace

import pytest

from planner.domain.placement import NoPlan, Solution
from planner.optimize.placement import place
from planner.pipeline.recommend import decide
from planner.pipeline.solving.answered import Answered, answered
from planner.pipeline.solving.joint import joint_frac, shortfalls
from tests.support.questions import asked, document, knowledge, world

# Two kinds of board with error bands of their own; the cheapest plan uses both.
SPLIT = {
    "models__0__source__name": "retinanet-800",
    "workloads__0__quality": None,
    "workloads__0__slo": {"percentile": 99, "latency_ms": 120},
    "workloads__0__traffic__rate_rps": 36,
    "sites__0__devices": [
        {"device": "jetson-agx-orin", "stock": 20, "capex_usd": 2000},
        {"device": "jetson-orin-nx-16gb", "stock": 20, "capex_usd": 700},
    ],
    "policy__budget_usd_per_month": None,
}


def profiles(solution: Solution):
    return {(a.candidate.profile.device, a.candidate.profile.variant) for a in solution.assignments}  # fmt: skip


def split(**changes):
    return asked(document(**{**SPLIT, **changes}))


@pytest.fixture(scope="module")
def question():
    return split()


@pytest.fixture(scope="module")
def found(question):
    return answered(question, time_limit_s=30)


def test_placements_on_one_profile_err_together_and_those_on_two_apart():
    columns = split().problem.candidates
    agx = next(c.profile for c in columns if c.profile.device == "jetson-agx-orin")
    nx = next(c.profile for c in columns if c.profile.device == "jetson-orin-nx-16gb")

    together = joint_frac([(agx, 0.95), (agx, 0.92)])
    apart = joint_frac([(agx, 0.95), (nx, 0.92), (nx, 0.99)])

    assert together == 0.92
    assert apart == pytest.approx(0.95 * 0.92)
    assert joint_frac([]) == 1.0


def test_the_cheapest_plan_uses_two_profiles_and_is_less_sure_than_asked(question):
    cheapest = place(question.problem)

    (short,) = shortfalls(question, cheapest)

    assert len(profiles(cheapest)) == 2
    assert short.workload == "cameras"
    assert short.n_profiles == 2
    assert 0.9**2 * 0.995 <= short.joint_frac < 0.9


def test_the_plan_told_is_as_sure_as_asked_and_says_what_that_costs(question, found):
    cheapest = place(question.problem)

    assert shortfalls(found.question, found.solution) == ()
    assert found.joint is not None
    assert found.joint.why_not == ""
    more = found.solution.cost_usd_per_month - cheapest.cost_usd_per_month
    assert more > 0
    assert found.joint.price_usd_per_month == pytest.approx(more)


def test_no_plan_on_one_profile_and_none_with_every_profile_surer_is_cheaper(
    question, found
):
    alone = [
        place(replace(question.problem, candidates=tuple(some)))
        for _, some in itertools.groupby(
            sorted(
                question.problem.candidates, key=lambda c: (c.profile.device, str(c.profile.variant))
            ),
            key=lambda c: (c.profile.device, str(c.profile.variant)),
        )
    ]  # fmt: skip
    surer = place(
        asked(
            document(**SPLIT, policy__confidence_frac=math.sqrt(0.9))
        ).problem
    )  # fmt: skip

    costs = [p.cost_usd_per_month for p in (*alone, surer) if isinstance(p, Solution)]
    assert found.solution.cost_usd_per_month == pytest.approx(min(costs))


def test_the_plan_document_records_it_and_states_the_joint_probability():
    spec = document(**SPLIT)

    plan = decide(spec, world(), knowledge(spec))

    (w,) = plan.workloads
    assert w.slo_met_probability_frac >= 0.9 * (1 - 5e-3)
    assert plan.joint is not None
    assert [s.workload for s in plan.joint.splits] == ["cameras"]
    assert plan.certificate.checked


def test_where_the_money_is_short_the_cheapest_plan_stands_and_says_why(
    question, found
):
    cheapest = place(question.problem).cost_usd_per_month
    between = (cheapest + found.solution.cost_usd_per_month) / 2

    poor = answered(split(policy__budget_usd_per_month=between), time_limit_s=30)

    assert isinstance(poor, Answered)
    assert poor.solution.cost_usd_per_month == pytest.approx(cheapest)
    assert "90 %" in poor.joint.why_not
    assert poor.joint.price_usd_per_month == 0.0


def test_no_plan_stays_no_plan():
    assert isinstance(
        answered(split(policy__budget_usd_per_month=1.0), time_limit_s=30), NoPlan
    )


def test_whoever_takes_figures_at_their_word_is_not_made_surer():
    trusting = split(policy__confidence_frac=0.5)

    taken = answered(trusting, time_limit_s=30)

    assert taken.joint is None
    assert taken.solution.cost_usd_per_month == pytest.approx(
        place(trusting.problem).cost_usd_per_month
    )


def test_one_profile_needs_nothing_more():
    one = asked(document())

    taken = answered(one, time_limit_s=30)

    assert taken.question is one
    assert taken.joint is None
