"""Promises of an emitted plan while demand rises, and what room for it costs."""

from dataclasses import replace
from functools import cache

import pytest

from planner.errors import SpecMistakesError
from planner.pipeline.checking.certify import Inputs, violations
from planner.pipeline.recommend import decide
from planner.reference.catalog import Catalog
from planner.report.certainty import how_sure
from planner.specs.edit import with_values
from planner.specs.load import parse_spec
from tests.support.questions import document, world
from tests.support.questions import knowledge as published_knowledge


def knowledge(spec):
    """Published profiles, with a memory for each: without one nothing is shared."""
    known = published_knowledge(spec)
    profiles = {
        model: tuple(replace(p, memory_bytes=1e8) for p in every)
        for model, every in known.profiles.items()
    }
    return replace(known, profiles=profiles)


def shop(rates_rps=(10, 10, 10), *, share=True, rises=None, own_rise=None):
    """Cameras on boards of their own site; any of them may see more."""
    base = document().model_dump(mode="json", exclude_unset=True)
    first = base["workloads"][0]
    first["slo"] = {"percentile": 95, "latency_ms": 1000}
    base["workloads"] = [
        first
        | {"name": f"camera-{i}", "traffic": {"kind": "constant", "rate_rps": rate}}
        for i, rate in enumerate(rates_rps)
    ]
    if own_rise is not None:
        base["workloads"][0]["traffic"]["rise_frac"] = own_rise
    base["sites"][0]["devices"][0]["stock"] = 40
    base["policy"] = {"share_machines": share}
    if rises is not None:
        base["policy"]["demand_rises"] = rises
    return parse_spec(base, document="shop")


@cache
def planned(most_at_once, *, share, own_rise=None):
    rises = {"most_at_once": most_at_once, "rise_frac": 3.0}
    spec = shop(rises=rises, share=share, own_rise=own_rise)
    return decide(spec, world(), knowledge(spec)), spec


def found(plan, spec):
    inputs = Inputs(
        spec=spec, catalog=Catalog.shipped(), profiles=knowledge(spec).profiles
    )
    return list(violations(plan, inputs))


def machines(plan):
    return sum(p.paid_by_hour[0] + p.kept for p in plan.purchases)


@pytest.mark.parametrize("share", [True, False])
def test_a_plan_for_the_rates_alone_breaks_its_promises_when_one_rises(share):
    spec = shop(share=share)
    plan = decide(spec, world(), knowledge(spec))
    assert found(plan, spec) == []
    feared = with_values(
        spec, {"policy.demand_rises": {"most_at_once": 1, "rise_frac": 9.0}}
    )

    broken = found(plan, feared)

    assert any("answers in" in b and "rises" in b for b in broken)


def test_machines_that_are_shared_need_less_for_one_rise_than_for_all():
    alone = [machines(planned(n, share=False)[0]) for n in (0, 1, 3)]
    shared = [machines(planned(n, share=True)[0]) for n in (0, 1, 3)]

    # Alone, every workload must be ready for its own rise; together they lend each other.
    assert alone[1] == alone[2] > alone[0]
    assert shared[0] <= shared[1] < shared[2]


def test_no_rise_at_once_is_the_plan_without_any():
    none, _ = planned(0, share=True)
    spec = shop(share=True)
    plain = decide(spec, world(), knowledge(spec))

    assert none.cost == plain.cost
    assert none.safety.rises is None


def test_a_workload_may_rise_further_than_the_others():
    calm, _ = planned(1, share=False)
    wild, spec = planned(1, share=False, own_rise=9.0)

    assert machines(wild) > machines(calm)
    assert found(wild, spec) == []


def test_the_premium_for_rises_is_what_the_two_plans_differ_by():
    plan, _ = planned(1, share=True)
    steady, _ = planned(0, share=True)

    told = plan.safety.rises
    assert told.premium_usd_per_month == pytest.approx(
        plan.cost.total_usd_per_month - steady.cost.total_usd_per_month
    )
    assert (told.most_at_once, told.n_rising, told.largest_rise_frac) == (1, 3, 3.0)
    sentence = next(s for s in how_sure(plan) if "at once" in s)
    assert "any 1 of 3 workloads ask for up to 300 % more than stated" in sentence
    assert f"${told.premium_usd_per_month:.2f} a month more" in sentence


def test_a_rise_of_ones_own_needs_to_know_how_many_come_at_once():
    with pytest.raises(SpecMistakesError, match="how many workloads rise") as refused:
        shop(own_rise=0.5)

    assert "workloads.0.traffic.rise_frac" in str(refused.value)
