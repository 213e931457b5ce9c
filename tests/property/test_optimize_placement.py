"""The placement model against enumeration, and laws that any such model obeys."""

import datetime as dt
import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.domain.evidence import Evidence, Provenance
from planner.domain.hardware import Offer, Purchase
from planner.domain.placement import (
    BatchPolicy,
    Candidate,
    NoPlan,
    Objective,
    PlacementProblem,
    Solution,
)
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.domain.variants import Precision, Runtime, Variant
from planner.optimize.placement import place

DAY = dt.date(2026, 1, 1)
PROFILE = BatchProfile(
    model="m",
    variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH),
    device="d",
    points=(ServicePoint(batch=1, p50_s=0.01),),
    evidence=Evidence(provenance=Provenance.MEASURED, source="s", as_of=DAY, error_frac=0),
)  # fmt: skip


def column(workload, offer_number, price, capacity, uplink_bytes=0.0):
    offer = Offer(
        name=f"o{offer_number}", provider="p", site="s", instance_type="i", device="d",
        device_count=1, purchase=Purchase.ON_DEMAND, price_usd_per_h=price,
        price_source="s", price_as_of=DAY,
    )  # fmt: skip
    return Candidate(
        name=f"{workload}|{offer_number}", workload=workload, offer=offer, profile=PROFILE,
        policy=BatchPolicy(max_batch=1, max_wait_s=0), replicas_per_machine=1,
        capacity_rps=capacity, latency_s=0.1,
        uplink="site" if uplink_bytes else None, uplink_bytes_per_request=uplink_bytes,
    )  # fmt: skip


@st.composite
def problems(draw):
    offers = range(draw(st.integers(1, 3)))
    prices = {o: draw(st.integers(1, 9)) for o in offers}
    names = ["a", "b"][: draw(st.integers(1, 2))]
    columns = [
        column(w, o, prices[o], draw(st.integers(1, 9)), 0.0)
        for w in names
        for o in offers
    ]
    return PlacementProblem(
        rate_rps={w: float(draw(st.integers(1, 12))) for w in names},
        candidates=tuple(columns),
        stock={f"o{o}": draw(st.integers(0, 4)) for o in offers},
        uplink_bytes_per_s={},
        budget_usd_per_month=draw(st.none() | st.integers(1, 60).map(lambda x: x * 730.0)),
        objective=Objective.COST,
        spare_replicas=draw(st.integers(0, 1)),
    )  # fmt: skip


def cheapest_by_listing(problem):
    """Every purchase of up to four machines a column, priced one by one."""
    best = None
    ranges = [range(problem.stock[c.offer.name] + 1) for c in problem.candidates]
    for counts in itertools.product(*ranges):
        bought = dict.fromkeys(problem.stock, 0)
        serves = dict.fromkeys(problem.rate_rps, 0.0)
        for c, n in zip(problem.candidates, counts, strict=True):
            bought[c.offer.name] += n
            serves[c.workload] += max(0, n - problem.spare_replicas) * c.capacity_rps
        cost = 730 * sum(
            c.offer.price_usd_per_h * n
            for c, n in zip(problem.candidates, counts, strict=True)
        )
        fits = all(bought[o] <= s for o, s in problem.stock.items())
        enough = all(serves[w] >= r for w, r in problem.rate_rps.items())
        budget = problem.budget_usd_per_month
        if fits and enough and (budget is None or cost <= budget):
            best = cost if best is None else min(best, cost)
    return best


@given(problem=problems())
@settings(max_examples=40, deadline=None)
def test_cost_equals_that_of_listing_every_purchase(problem):
    answer = place(problem)
    expected = cheapest_by_listing(problem)

    assert isinstance(answer, NoPlan) == (expected is None)
    if isinstance(answer, Solution):
        assert answer.cost_usd_per_month == pytest.approx(expected)
        assert answer.certificate.bound_value == pytest.approx(expected, rel=1e-6)


@given(problem=problems())
@settings(max_examples=15, deadline=None)
def test_highs_and_cbc_agree(problem):
    one, other = place(problem), place(problem, solver="cbc")

    assert type(one) is type(other)
    if isinstance(one, Solution) and isinstance(other, Solution):
        assert one.cost_usd_per_month == pytest.approx(other.cost_usd_per_month)


@given(problem=problems())
@settings(max_examples=15, deadline=None)
def test_more_stock_never_costs_more(problem):
    before = place(problem)
    after = place(replace(problem, stock={o: s + 1 for o, s in problem.stock.items()}))

    if isinstance(before, Solution):
        assert isinstance(after, Solution)
        assert after.cost_usd_per_month <= before.cost_usd_per_month * (1 + 1e-9)


def test_traffic_that_leaves_a_site_keeps_within_its_uplink():
    near, far = column("a", 0, 5.0, 10.0), column("a", 1, 1.0, 10.0, uplink_bytes=100.0)
    problem = PlacementProblem(
        rate_rps={"a": 10.0}, candidates=(near, far), stock={},
        uplink_bytes_per_s={"site": 400.0}, budget_usd_per_month=None,
        objective=Objective.COST, spare_replicas=0,
    )  # fmt: skip

    answer = place(problem)

    assert isinstance(answer, Solution)
    routed = {a.candidate.offer.name: a.rate_rps for a in answer.assignments}
    assert routed.get("o1", 0.0) <= 4.0 + 1e-6
