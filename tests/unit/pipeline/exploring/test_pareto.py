"""The front against plans solved on a grid: nothing on it is beaten, nothing missing."""

import itertools

import pytest

from planner.domain.placement import Objective
from planner.errors import SpecError
from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.exploring.pareto import front, spanned
from planner.pipeline.exploring.staircase import RESOLUTION_FRAC, tightened
from planner.pipeline.solving.answered import Answered, answered
from planner.specs.edit import with_values
from tests.support.questions import asked, document, knowledge, world

SPEC = document(
    models__0__source__name="retinanet-800",
    workloads__0__quality=None,
    workloads__0__slo__latency_ms=150,
    workloads__0__traffic__rate_rps=40,
    sites__0__devices=[
        {"device": "jetson-agx-orin", "stock": 6, "capex_usd": 2000, "life_months": 48},
        {"device": "jetson-orin-nx-16gb", "stock": 12, "capex_usd": 700, "life_months": 48},
    ],
    policy__budget_usd_per_month=500,
)  # fmt: skip

pytestmark = pytest.mark.slow
CAPACITIES = Capacities()


@pytest.fixture(scope="module")
def found():
    return spanned(
        SPEC, knowledge(SPEC), world(), search_s=1e9, clock_s=lambda: 0.0,
        objectives=(Objective.COST, Objective.LATENCY),
    )  # fmt: skip


def cost(promise_frac):
    spec = with_values(SPEC, tightened(SPEC, promise_frac))
    found = answered(asked(spec, CAPACITIES), time_limit_s=30)
    is_sure = isinstance(found, Answered) and found.is_sure
    return found.solution.cost_usd_per_month if is_sure else None


def test_dearer_points_are_faster(found):
    costs = [p.cost_usd_per_month for p in found.points]
    promises = [p.promise_frac for p in found.points]

    assert len(found.points) >= 3
    assert found.complete
    assert costs == sorted(set(costs))
    assert promises == sorted(set(promises), reverse=True)


def test_every_point_is_a_certified_plan_for_its_own_promise(found):
    for p in found.points:
        promised_ms = p.plan.spec["workloads"][0]["slo"]["latency_ms"]
        assert p.plan.certificate.checked
        assert promised_ms == pytest.approx(150 * p.promise_frac)
        assert p.workloads[0].latency_ms == pytest.approx(promised_ms)
        assert p.plan.cost.total_usd_per_month == pytest.approx(p.cost_usd_per_month)


def test_on_a_grid_of_promises_no_plan_is_cheaper_than_the_front_says(found):
    for promise in (0.95, 0.8, 0.65, 0.5, 0.42, 0.35, 0.3, 0.25, 0.2):
        kept = [p for p in found.points if p.promise_frac <= promise]
        near = [p for p in found.points if p.promise_frac <= promise * (1 + 2 * RESOLUTION_FRAC)]  # fmt: skip
        least = cost(promise)

        if least is None:
            assert not kept
        else:
            bound = min(p.cost_usd_per_month for p in near)
            assert least >= bound * (1 - 1e-4)
            if kept:
                assert least <= kept[0].cost_usd_per_month * (1 + 1e-4)


def test_quality_adds_points_that_answer_better():
    spec = document(policy__budget_usd_per_month=500, sites__0__devices__0__stock=40,
                    workloads__0__quality=None, workloads__0__slo__latency_ms=600,
        workloads__0__traffic__rate_rps=30)  # fmt: skip

    three = spanned(
        spec, knowledge(spec), world(), search_s=1e9, clock_s=lambda: 0.0,
        objectives=(Objective.COST, Objective.QUALITY),
    )  # fmt: skip

    qualities = [p.workloads[0].quality_frac for p in three.points]
    assert len(three.points) >= 2
    assert qualities == sorted(set(qualities))
    best = max(
        c.profile.quality.value_frac
        for c in asked(spec).problem.candidates
        if c.profile.quality
    )
    assert qualities[-1] == pytest.approx(best)


@pytest.mark.parametrize(
    "objectives",
    [(Objective.COST,), (Objective.COST, Objective.COST), (Objective.COST, Objective.CARBON)],
)  # fmt: skip
def test_objectives_that_span_no_front_are_refused(objectives):
    with pytest.raises(SpecError, match="two or three different objectives"):
        front(SPEC, world(), objectives=objectives)


def test_a_search_without_time_is_not_called_complete():
    ticks = itertools.count()

    cut = spanned(
        SPEC, knowledge(SPEC), world(), search_s=4, clock_s=lambda: float(next(ticks)),
        objectives=(Objective.COST, Objective.LATENCY),
    )  # fmt: skip

    assert not cut.complete
    assert any("cut short" in note for note in cut.notes)
