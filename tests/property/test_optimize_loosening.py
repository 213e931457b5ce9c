"""What is looser never costs more, and a gap that is allowed is kept."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.domain.placement import (
    Solution,
)
from planner.optimize.placement import place
from tests.support.drawn_problems import with_candidates, with_limits
from tests.support.features import everything
from tests.support.placements import candidate, offer


def more_stock(problem):
    return replace(problem, stock={o: n + 1 for o, n in problem.stock.items()})


def more_money(problem):
    limit = problem.limits.budget_usd_per_month
    return with_limits(problem, budget_usd_per_month=None if limit is None else 2 * limit)  # fmt: skip


def more_carbon(problem):
    limit = problem.limits.carbon_gco2e_per_month
    return with_limits(problem, carbon_gco2e_per_month=None if limit is None else 2 * limit)  # fmt: skip


def more_spot(problem):
    return with_limits(problem, spot_share_frac=None)


def fewer_spares(problem):
    return with_limits(problem, spare_replicas=0)


def fewer_machines(problem):
    return with_limits(problem, least_machines=0)


def less_to_survive(problem):
    return with_limits(problem, survivable_frac=0.25)


def more_kinds(problem):
    return with_limits(problem, most_configurations=3, most_regions=2)


def less_quality(problem):
    return with_limits(problem, least_mean_quality_frac={})


def fewer_rises(problem):
    return replace(problem, rises=None)


def one_rise_less(problem):
    if problem.rises is None or not problem.rises.most_at_once:
        return problem
    fewer = problem.rises.most_at_once - 1
    return replace(problem, rises=replace(problem.rises, most_at_once=fewer))


def less_offline(problem):
    parts = {w: part / 2 for w, part in problem.limits.offline_frac.items()}
    return with_limits(problem, offline_frac=parts)


def faster_machines(problem):
    return with_candidates(problem, lambda _, c: replace(c, capacity_rps=2 * c.capacity_rps))  # fmt: skip


def less_traffic(problem):
    halved = {w: tuple(r / 2 for r in rates) for w, rates in problem.rate_rps.items()}
    return replace(problem, rate_rps=halved)


def another_offer(problem):
    more = [
        candidate(w, offer("new", 4.0, memory_bytes=None), 5.0, quality_frac=0.7)
        for w in problem.rate_rps
    ]
    grams = {**problem.gco2e_per_machine_h, "new": 2.0}
    return replace(
        problem,
        candidates=(*problem.candidates, *more),
        gco2e_per_machine_h=grams,
    )


LOOSER = [
    more_stock, more_money, more_carbon, more_spot, fewer_spares, fewer_machines,
    less_to_survive, more_kinds, less_quality, fewer_rises, one_rise_less,
    less_offline, faster_machines,
    less_traffic, another_offer,
]  # fmt: skip


@pytest.mark.parametrize("loosen", LOOSER, ids=lambda f: f.__name__)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_what_is_looser_never_costs_more(loosen, data):
    problem = everything(data.draw)

    before, after = place(problem), place(loosen(problem))

    if isinstance(before, Solution):
        assert isinstance(after, Solution)
        assert after.cost_usd_per_month <= before.cost_usd_per_month * (1 + 1e-6)


@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_a_gap_that_is_allowed_is_kept(data):
    problem = everything(data.draw)

    exact, rough = place(problem), place(problem, gap_frac=0.2)

    if isinstance(exact, Solution):
        assert isinstance(rough, Solution)
        assert rough.certificate.gap_frac <= 0.2 + 1e-9
        assert rough.certificate.bound_value <= exact.cost_usd_per_month * (1 + 1e-6)
        assert rough.cost_usd_per_month <= exact.cost_usd_per_month / 0.8 + 1e-6
