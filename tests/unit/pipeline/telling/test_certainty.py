"""The premium of caution and the risk of the budget, against sums made by hand."""

import datetime as dt
import itertools
from dataclasses import replace

import pytest

from planner.domain.hardware import Purchase
from planner.domain.placement import Purchased, Solution
from planner.optimize.placement import place
from planner.pipeline.telling.certainty import (
    budget_exceeded_frac,
    rise_probability_frac,
    safety,
)
from tests.support.questions import asked, document

TODAY = dt.date(2026, 8, 1)


def solved(spec):
    question = asked(spec)
    answer = place(question.problem)
    assert isinstance(answer, Solution)
    return question, answer


def with_bills(question, solution, usd_per_h, budget):
    """The same plan, paid at those list prices."""
    offer = solution.purchases[0].offer
    bought = tuple(
        Purchased(
            offer=replace(
                offer, name=f"o{i}", purchase=Purchase.ON_DEMAND,
                price_usd_per_h=price, price_as_of=TODAY - dt.timedelta(days=30 * i),
            ),
            kept=0,
            paid_by_hour=(1,),
        )
        for i, price in enumerate(usd_per_h)
    )  # fmt: skip
    cost = 730 * sum(usd_per_h)
    limits = replace(question.problem.limits, budget_usd_per_month=budget)
    plan = replace(solution, purchases=bought, cost_usd_per_month=cost)
    return replace(question.problem, limits=limits), plan


def test_15_months_leave_805_of_829_prices_where_they_were():
    as_of = TODAY - dt.timedelta(days=round(14 * 365.25 / 12))

    assert rise_probability_frac(as_of, TODAY) == pytest.approx(24 / 829, rel=1e-2)


def test_a_budget_with_a_tenth_to_spare_is_never_outgrown():
    question, solution = solved(document())
    problem, plan = with_bills(question, solution, [1.0, 2.0], budget=730 * 3.31)

    assert budget_exceeded_frac(problem, plan, today=TODAY) == 0.0


def test_without_a_budget_there_is_no_risk_to_state():
    question, solution = solved(document(policy__budget_usd_per_month=None))

    assert budget_exceeded_frac(question.problem, solution, today=TODAY) is None


def test_the_risk_is_that_of_the_sets_of_prices_that_take_it_over():
    prices = [1.0, 2.0, 4.0]
    question, solution = solved(document())
    # Room for a rise of 4 USD/h or of 1 and 2 together, and not of 4 and another.
    problem, plan = with_bills(question, solution, prices, budget=730 * 7.41)
    odds = [
        rise_probability_frac(TODAY - dt.timedelta(days=30 * i), TODAY)
        for i in range(3)
    ]
    expected = 0.0
    for risen in itertools.product([0, 1], repeat=3):
        if sum(r * p for r, p in zip(risen, prices, strict=True)) > 4.1:
            chance = 1.0
            for r, p in zip(risen, odds, strict=True):
                chance *= p if r else 1 - p
            expected += chance

    found = budget_exceeded_frac(problem, plan, today=TODAY)

    assert found == pytest.approx(expected)
    assert 0 < found < 0.01


def test_whoever_fears_nothing_pays_no_premium():
    spec = document(policy__confidence_frac=0.5)
    question, solution = solved(spec)

    found = safety(question, solution, today=TODAY, time_limit_s=30)

    assert found.premium_usd_per_month == pytest.approx(0.0)


def test_the_premium_is_the_difference_to_the_plan_that_trusts():
    bold = document(workloads__0__traffic__rate_rps=22)
    careful = document(
        workloads__0__traffic__rate_rps=22, policy__demand_error_frac=1.0,
        policy__confidence_frac=0.95,
    )  # fmt: skip
    trusting = document(workloads__0__traffic__rate_rps=22, policy__confidence_frac=0.5)
    question, solution = solved(careful)
    _, naive = solved(trusting)

    found = safety(question, solution, today=TODAY, time_limit_s=30)

    assert found.trusting_usd_per_month == pytest.approx(naive.cost_usd_per_month)
    assert found.premium_usd_per_month > 0
    assert found.premium_usd_per_month == pytest.approx(
        solution.cost_usd_per_month - naive.cost_usd_per_month
    )
    assert solved(bold)[1].cost_usd_per_month <= solution.cost_usd_per_month
