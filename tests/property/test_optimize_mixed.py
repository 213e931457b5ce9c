"""With every feature at once: what must not matter does not, and every road leads to one cost."""

import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from planner.domain.placement import Solution
from planner.optimize import cuts, decomposition, search
from planner.optimize.placement import place
from tests.support.mixed_problems import mixed_problems

# Drawing a problem of forty figures takes long where the machine is busy.
CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def cost(problem, **how):
    """The proven least cost; infinite where there is no plan."""
    answer = place(problem, **how)
    return answer.cost_usd_per_month if isinstance(answer, Solution) else math.inf


def same(cost_usd):
    return pytest.approx(cost_usd, rel=1e-5, abs=1e-6)


def dearer(problem):
    def twice(offer):
        return replace(offer, price_usd_per_h=2 * offer.price_usd_per_h)

    return replace(
        problem,
        candidates=tuple(
            replace(c, offer=twice(c.offer), usd_per_request=2 * c.usd_per_request)
            for c in problem.candidates
        ),
        commitments=tuple(
            replace(m, usd_per_h=2 * m.usd_per_h) for m in problem.commitments
        ),
    )


def in_halves(problem):
    """The first hour block as two equal ones."""

    def twice(figures):
        return (figures[0], *figures)

    day, night = problem.blocks
    half = replace(day, h_per_month=day.h_per_month / 2)
    rises = problem.rises
    return replace(
        problem,
        blocks=(half, replace(half, name="later"), night),
        rate_rps={w: twice(r) for w, r in problem.rate_rps.items()},
        rises=rises
        and replace(rises, extra_rps={w: twice(e) for w, e in rises.extra_rps.items()}),
    )


def turned_round(problem):
    """Everything in another order."""
    rises = problem.rises
    return replace(
        problem,
        candidates=problem.candidates[::-1],
        blocks=problem.blocks[::-1],
        rate_rps={w: problem.rate_rps[w][::-1] for w in reversed(problem.rate_rps)},
        rises=rises
        and replace(rises, extra_rps={w: e[::-1] for w, e in rises.extra_rps.items()}),
    )


@given(mixed_problems())
@settings(CALM, max_examples=20)
def test_twice_the_prices_twice_the_cost(problem):
    assert cost(dearer(problem)) == same(2 * cost(problem))


@given(mixed_problems())
@settings(CALM, max_examples=15)
def test_another_order_costs_the_same(problem):
    assert cost(turned_round(problem)) == same(cost(problem))


@given(mixed_problems())
@settings(CALM, max_examples=15)
def test_an_hour_block_in_halves_costs_the_same_or_less_where_a_mean_ties_them(problem):
    whole, halved = cost(problem), cost(in_halves(problem))

    if problem.limits.least_mean_quality_frac:
        # One half may be served well so that the other need not be.
        assert halved <= whole * (1 + 1e-6)
    else:
        assert halved == same(whole)


@given(mixed_problems())
@settings(CALM, max_examples=8)
def test_highs_and_cbc_agree(problem):
    assert cost(problem, solver="cbc") == same(cost(problem))


def with_cuts(patch):
    patch.setattr(cuts, "LEAST_MACHINE_COLUMNS", 0)
    patch.setattr(cuts, "LEAST_RISE_FRAC", 0.0)


def in_pieces(patch):
    patch.setattr(decomposition, "LEAST_COLUMNS", 0)
    patch.setattr(decomposition, "LEAST_PIECES", 1)


def by_sifting(patch):
    patch.setattr(search, "is_large", lambda _: True)


@pytest.mark.parametrize("road", [with_cuts, in_pieces, by_sifting])
@given(problem=mixed_problems())
@settings(CALM, max_examples=20)
def test_every_road_leads_to_the_same_cost(road, problem):
    straight = cost(problem)
    event(f"has a plan: {straight < math.inf}")

    with pytest.MonkeyPatch.context() as patch:
        road(patch)
        round_about = cost(problem)

    assert round_about == same(straight)


@given(mixed_problems(), st.sampled_from([0.5, 0.9, 1.1]))
@settings(CALM, max_examples=20)
def test_a_plan_of_other_rates_to_begin_with_changes_no_cost(problem, factor):
    other = replace(
        problem,
        rate_rps={w: tuple(factor * r for r in rs) for w, rs in problem.rate_rps.items()},
    )  # fmt: skip
    plan = place(other)
    assume(isinstance(plan, Solution))

    assert cost(problem, start=plan) == same(cost(problem))
