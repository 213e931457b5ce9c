"""A plan of a similar problem is begun with where it keeps every row, and changes no cost."""

from dataclasses import replace

import pytest

from planner.domain.placement import Limits, NoPlan
from planner.optimize.columns import undominated
from planner.optimize.placement import place
from planner.optimize.rows import add_rows
from planner.optimize.start import start_values
from planner.optimize.variables import variables
from tests.support.questions import asked, document

PROBLEM = asked(
    document(
        models__0__source__name="retinanet-800",
        workloads__0__quality=None,
        workloads__0__slo__latency_ms=150,
        workloads__0__traffic__rate_rps=30,
        sites__0__devices=[
            {"device": "jetson-agx-orin", "stock": 6, "capex_usd": 2000},
            {"device": "jetson-orin-nx-16gb", "stock": 8, "capex_usd": 700},
        ],
        policy__budget_usd_per_month=None,
    )
).problem


def model_of(problem):
    model = variables(problem, undominated(problem))
    add_rows(model)
    return model


def times(factor):
    rates = {w: tuple(factor * r for r in rs) for w, rs in PROBLEM.rate_rps.items()}
    return replace(PROBLEM, rate_rps=rates)


def test_a_plan_is_a_start_of_its_own_problem_at_its_own_cost():
    plan = place(PROBLEM)
    model = model_of(PROBLEM)

    values = start_values(model, plan)

    cost = float(model.cost().sums(values, 1)[0])
    assert cost == pytest.approx(plan.cost_usd_per_month)


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.1, 1.5])
@pytest.mark.parametrize("spares", [0, 1])
def test_beginning_with_a_plan_of_other_rates_changes_no_cost(factor, spares):
    limits = Limits(spare_replicas=spares)
    plan = place(replace(PROBLEM, limits=limits))
    other = replace(times(factor), limits=limits)

    assert start_values(model_of(other), plan) is not None
    cold, warm = place(other), place(other, start=plan)
    assert warm.cost_usd_per_month == pytest.approx(cold.cost_usd_per_month)
    assert warm.certificate.verdict is cold.certificate.verdict


def test_without_its_columns_or_stock_a_plan_is_no_start():
    plan = place(PROBLEM)
    used = {a.candidate.offer.name for a in plan.assignments}
    others = tuple(c for c in PROBLEM.candidates if c.offer.name not in used)
    short = replace(PROBLEM, stock=dict.fromkeys(PROBLEM.stock, 0))

    assert start_values(model_of(replace(PROBLEM, candidates=others)), plan) is None
    assert start_values(model_of(short), plan) is None
    assert isinstance(place(short, start=plan), NoPlan)


def test_where_the_plan_is_beyond_the_budget_a_cheaper_one_is_still_found():
    plan = place(times(2.0))
    cheaper = place(PROBLEM)
    limits = Limits(budget_usd_per_month=cheaper.cost_usd_per_month * 1.001)

    found = place(replace(PROBLEM, limits=limits), start=plan)

    assert found.cost_usd_per_month == pytest.approx(cheaper.cost_usd_per_month)
