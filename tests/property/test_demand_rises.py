"""Rises of demand against their meaning: every set of them, tried on the emitted plan."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.domain.placement import DemandRises, PlacementProblem, Solution
from planner.optimize.placement import place
from tests.support.placements import candidate, offer

WORKLOADS = "abcd"


@st.composite
def problems(draw):
    """Up to four workloads, alone or in a pool on each of two offers, over one line."""
    names = WORKLOADS[: draw(st.integers(2, 4))]
    offers = [offer(f"o{i}", float(draw(st.integers(1, 9)))) for i in range(2)]
    return PlacementProblem(
        rate_rps={w: (float(draw(st.integers(1, 9))),) for w in names},
        candidates=tuple(
            replace(
                candidate(
                    w, o, float(draw(st.integers(2, 9))), pool=f"p{o.name}" if pooled else None
                ),
                uplink="u",
                uplink_bytes_per_request=float(draw(st.integers(0, 3))),
            )
            for o in offers
            for pooled in [draw(st.booleans())]
            for w in names
        ),
        stock={},
        uplink_bytes_per_s={"u": 1000.0},
    )  # fmt: skip


def rising(problem, extra_rps, most_at_once):
    return replace(
        problem,
        rises=DemandRises(
            extra_rps={w: (e,) for w, e in extra_rps.items()}, most_at_once=most_at_once
        ),
    )


def extras(problem, data):
    return {w: float(data.draw(st.integers(0, 6))) for w in problem.rate_rps}


def is_carried(answer, problem, risen, extra_rps):
    """Whether machines and line carry it with the traffic shared out as planned."""
    load, machines, sent = {}, {}, 0.0
    for a in answer.assignments:
        c = a.candidate
        (stated,) = problem.rate_rps[c.workload]
        more = extra_rps[c.workload] if c.workload in risen else 0.0
        rate_rps = a.rates_rps[0] / stated * (stated + more)
        load[c.group] = load.get(c.group, 0.0) + rate_rps / c.capacity_rps
        machines[c.group] = a.machines_on[0]
        sent += rate_rps * c.uplink_bytes_per_request
    fits = all(load[g] <= machines[g] + 1e-6 for g in load)
    return fits and sent <= problem.uplink_bytes_per_s["u"] + 1e-6


@given(problem=problems(), data=st.data(), most=st.integers(0, 4))
@settings(max_examples=40, deadline=None)
def test_the_plan_carries_every_set_of_rises_that_may_come(problem, data, most):
    extra_rps = extras(problem, data)
    tight = sum(
        r[0] * max(c.uplink_bytes_per_request for c in problem.candidates)
        for r in problem.rate_rps.values()
    )
    problem = replace(problem, uplink_bytes_per_s={"u": 2 * tight})

    answer = place(rising(problem, extra_rps, most))

    if isinstance(answer, Solution):
        sets = itertools.chain.from_iterable(
            itertools.combinations(problem.rate_rps, n) for n in range(most + 1)
        )
        assert all(is_carried(answer, problem, set(s), extra_rps) for s in sets)


@given(problem=problems(), data=st.data())
@settings(max_examples=20, deadline=None)
def test_more_at_once_never_costs_less_from_none_to_all(problem, data):
    extra_rps = extras(problem, data)
    count = len(problem.rate_rps)

    costs = [
        place(rising(problem, extra_rps, most)).cost_usd_per_month
        for most in range(count + 1)
    ]

    assert all(b >= a - 1e-6 * a for a, b in itertools.pairwise(costs))
    assert costs[0] == pytest.approx(place(problem).cost_usd_per_month)
    risen = {w: (r[0] + extra_rps[w],) for w, r in problem.rate_rps.items()}
    everyone = place(replace(problem, rate_rps=risen))
    assert costs[-1] == pytest.approx(everyone.cost_usd_per_month)
