"""The placement model against listing every plan, feature by feature, and all at once."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.domain.placement import (
    FailureDomain,
    NoPlan,
    Objective,
    PlacementProblem,
    Solution,
    Verdict,
)
from planner.optimize.placement import place
from tests.support.drawn_problems import with_limits
from tests.support.features import (
    FEATURES,
    by_request,
    commitments,
    everything,
    hours,
    plain,
    pools,
    pools_in_hours,
    rises_in_pools,
    spares,
    variety,
)
from tests.support.placement_oracle import best_by_listing
from tests.support.placements import candidate, offer


def value_of(problem, answer, objective):
    """What the plan is worth, added up from what it says."""
    hours = [b.h_per_month for b in problem.blocks]
    asked = sum(
        h * r
        for rates in problem.rate_rps.values()
        for h, r in zip(hours, rates, strict=True)
    )

    def per_request(figure):
        return sum(
            figure(a.candidate) * h * r / asked
            for a in answer.assignments
            for h, r in zip(hours, a.rates_rps, strict=True)
        )

    if objective is Objective.LATENCY:
        return per_request(lambda c: c.latency_s)
    if objective is Objective.QUALITY:
        return per_request(lambda c: 1 - (c.quality_frac or 0.0))
    if objective is Objective.CARBON:
        machines = {a.candidate.group: a for a in answer.assignments}
        return sum(
            problem.gco2e_per_machine_h[a.candidate.offer.name] * h * n
            for a in machines.values()
            for h, n in zip(hours, a.machines_on, strict=True)
        )
    return answer.cost_usd_per_month


@pytest.mark.slow
@pytest.mark.parametrize("feature", FEATURES, ids=lambda f: f.__qualname__)
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_the_best_plan_is_that_of_listing_every_plan(feature, data):
    problem = feature(data.draw)

    expected = best_by_listing(problem)
    answer = place(problem)

    assert isinstance(answer, NoPlan) == (expected is None)
    if isinstance(answer, Solution):
        found = [value_of(problem, answer, o) for o in problem.objectives]
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)
        assert answer.certificate.verdict is Verdict.OPTIMAL
        # The proof is of money, wherever it stands among the aims.
        aims = problem.objectives
        proved = aims.index(Objective.COST) if Objective.COST in aims else 0
        assert answer.certificate.bound_value == pytest.approx(expected[proved], rel=1e-5, abs=1e-6)  # fmt: skip


SAMPLE = [
    plain, hours, commitments, pools, spares, variety, rises_in_pools, by_request,
    everything,
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("feature", SAMPLE, ids=lambda f: f.__qualname__)
@given(data=st.data())
@settings(max_examples=5, deadline=None)
def test_highs_and_cbc_agree(feature, data):
    problem = feature(data.draw)

    one, other = place(problem), place(problem, solver="cbc")

    assert type(one) is type(other)
    if isinstance(one, Solution) and isinstance(other, Solution):
        assert one.cost_usd_per_month == pytest.approx(other.cost_usd_per_month)
        assert other.certificate.solver == "CBC"


def test_one_site_does_not_survive_its_own_loss_and_two_do():
    near = candidate("a", offer("o", 1.0, site="s"), 5.0)
    far = candidate("a", offer("new", 4.0, site="t"), 5.0)
    problem = PlacementProblem(
        rate_rps={"a": (5.0,)}, candidates=(near,), stock={}, uplink_bytes_per_s={}
    )
    surviving = with_limits(problem, survives=(FailureDomain.SITE,))

    assert isinstance(place(surviving), NoPlan)
    both = place(replace(surviving, candidates=(near, far)))
    assert isinstance(both, Solution)
    assert both.cost_usd_per_month == pytest.approx(730 * 5.0)


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_what_is_sold_is_what_the_rows_ask(data):
    """Traffic adds up, machines carry it with their spares, and every machine is paid."""
    problem = with_limits(pools_in_hours(data.draw), spare_replicas=1)
    answer = place(problem)
    if not isinstance(answer, Solution):
        return

    for t in range(len(problem.blocks)):
        for w, rates in problem.rate_rps.items():
            served = [a.rates_rps[t] for a in answer.assignments if a.candidate.workload == w]  # fmt: skip
            assert sum(served) == pytest.approx(rates[t])
        groups = {a.candidate.group: a for a in answer.assignments}
        for g, a in groups.items():
            busy = sum(
                b.rates_rps[t] / b.candidate.capacity_rps
                for b in answer.assignments
                if b.candidate.group == g
            )
            assert a.machines_on[t] - (busy > 0) >= busy - 1e-6
        for o in {a.candidate.offer.name for a in answer.assignments}:
            on = sum(a.machines_on[t] for a in groups.values() if a.candidate.offer.name == o)  # fmt: skip
            paid = sum(
                p.kept + p.paid_by_hour[t]
                for p in answer.purchases
                if p.offer.name == o
            )
            assert paid == on
