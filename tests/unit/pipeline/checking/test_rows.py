"""A plan that breaks one row of the formulation is refused, and for that row."""

import re
from dataclasses import replace
from functools import cache

import pytest

from planner.domain.hardware import Purchase
from planner.optimize.placement import place
from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.asking.question import ask
from planner.pipeline.checking.certify import Inputs, violations
from planner.pipeline.telling.answer import plan_document
from planner.reference.catalog import Catalog
from planner.specs.edit import with_values
from planner.specs.load import parse_spec
from tests.support.questions import NOW, document
from tests.support.questions import knowledge as published_knowledge

CATALOG = Catalog.shipped()


def knowledge(spec):
    """Published profiles, with a memory for each: without one nothing is shared."""
    known = published_knowledge(spec)
    profiles = {
        model: tuple(replace(p, memory_bytes=1e8) for p in every)
        for model, every in known.profiles.items()
    }
    return replace(known, profiles=profiles)


def street():
    """Cameras and a till that works offline: boxes, machines by the hour and on spot."""
    base = document().model_dump(mode="json", exclude_unset=True)
    first, site = base["workloads"][0], base["sites"][0]
    by_hour = [2.0] * 8 + [6.0] * 16
    base["workloads"] = [
        first
        | {
            "name": "cameras",
            "traffic": {"kind": "constant", "rate_rps": 1200},
            "slo": {"percentile": 95, "latency_ms": 300},
            "quality": {"metric": "top1_accuracy", "minimum_frac": 0.7, "over": "mean"},
        },
        first
        | {
            "name": "till",
            "traffic": {"kind": "hourly", "rates_rps": by_hour},
            "slo": {"percentile": 95, "latency_ms": 400},
            "offline_frac": 0.5,
        },
    ]
    base["sites"] = [
        site
        | {
            "devices": [{"device": "raspberry-pi-4", "stock": 2, "capex_usd": 5000}],
            "uplink": {"rtt_ms": 25, "bandwidth_mbps": 5000, "to": "eu-central-1"},
        },
        {
            "kind": "cloud",
            "provider": "aws",
            "regions": ["eu-central-1"],
            "purchase": ["on_demand", "spot"],
            "instance_types": ["c7g.2xlarge"],
        },
    ]
    base["policy"] = {
        "least_machines": 1,
        "spot_share_frac": 0.5,
        "survive": {"loss_of": ["spot_pool"], "traffic_frac": 0.5},
    }
    return parse_spec(base, document="street")


@cache
def planned():
    spec = street()
    question = ask(spec, CATALOG, knowledge(spec), Capacities())
    solution = place(question.problem)
    return plan_document(question, solution, now=NOW, why={}, runners_up={}), spec


def found(plan, spec):
    inputs = Inputs(spec=spec, catalog=CATALOG, profiles=knowledge(spec).profiles)
    return list(violations(plan, inputs))


def test_the_plan_as_emitted_keeps_every_row():
    plan, spec = planned()

    kinds = {p.purchase for p in plan.placements}
    assert kinds == {Purchase.OWNED, Purchase.ON_DEMAND, Purchase.SPOT}
    assert found(plan, spec) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"policy.spare_replicas": 1}, "0 spare machines, 1 are asked for"),
        ({"policy.least_machines": 9}, "9 are the least"),
        ({"policy.spot_share_frac": 0.1}, "runs on spot"),
        ({"policy.most_configurations": 1}, "configurations are used, 1 may be"),
        ({"policy.most_providers": 1}, "2 providers are used, 1 may be"),
        ({"policy.most_regions": 1}, "2 regions are used, 1 may be"),
        ({"policy.budget_usd_per_month": 100}, "over the budget of 100"),
        ({"policy.share_machines": False}, "shares its machines, which nobody may"),
        ({"policy.carbon_kgco2e_per_month": 1e-3}, "emits?"),
        (
            {"policy.survive": {"loss_of": ["provider"], "traffic_frac": 0.9}},
            "90% of the traffic is not carried without (aws|edge)",
        ),
        (
            {"policy.survive": {"loss_of": ["site"], "traffic_frac": 0.9}},
            "90% of the traffic is not carried without (eu-central-1|shop)",
        ),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else "",
)
def test_a_stricter_policy_refuses_it_for_what_it_is_stricter_in(changes, words):
    plan, spec = planned()

    broken = found(plan, with_values(spec, changes))

    assert broken
    assert all(re.search(words, b) for b in broken)


def placements(which, **changes):
    """The plan with some placements changed."""
    plan, _ = planned()
    some = [p for p in plan.placements if which(p)]
    assert some
    return plan.model_copy(
        update={
            "placements": tuple(
                p.model_copy(update=changes) if p in some else p
                for p in plan.placements
            )
        }
    )


def purchases(purchase, **changes):
    """The plan with what is paid so paid otherwise."""
    plan, _ = planned()
    return plan.model_copy(
        update={
            "purchases": tuple(
                b.model_copy(update=changes) if b.purchase is purchase else b
                for b in plan.purchases
            )
        }
    )


def owned(p):
    return p.purchase is Purchase.OWNED


def cameras(p):
    return p.workload == "cameras"


def shorter(plan):
    blocks = tuple(b.model_copy(update={"h_per_month": b.h_per_month / 2}) for b in plan.blocks)  # fmt: skip
    return plan.model_copy(update={"blocks": blocks})


def unpromised(plan):
    workloads = tuple(w.model_copy(update={"quality_floor": None}) for w in plan.workloads)  # fmt: skip
    return plan.model_copy(update={"workloads": workloads})


TAMPERED = {
    "demand": (lambda: placements(cameras, rates_rps=(1.0, 1.0)), "served"),
    "capacity": (lambda: placements(cameras, rates_rps=(4e4, 4e4)), "answers in"),
    "owned": (lambda: purchases(Purchase.OWNED, kept=0, paid_by_hour=(1, 1)), "is owned, and paid by the hour"),
    "owned machines": (lambda: purchases(Purchase.OWNED, kept=0), "0 paid"),
    "hourly": (lambda: purchases(Purchase.ON_DEMAND, paid_by_hour=(0, 0)), "0 paid"),
    "kept": (lambda: purchases(Purchase.ON_DEMAND, kept=1), "all month without a commitment"),
    "commitment": (lambda: purchases(Purchase.ON_DEMAND, kept=1, term_months=12), "which nobody offers"),
    "price": (lambda: purchases(Purchase.SPOT, usd_per_h=1e-3), "not as offered"),
    "stock": (lambda: placements(owned, machines=9, machines_on=(9, 9)), "of shop/raspberry-pi-4/owned on at once, 2 in stock"),
    "memory": (lambda: placements(cameras, memory_gib=0.001), "its memory is not its profile's"),
    "quality": (lambda: placements(cameras, quality=None), "its quality is not its profile's"),
    "share": (lambda: placements(cameras, share_frac=0.0), "its share is stated as 0.000"),
    "offline": (lambda: placements(owned, offline_rates_rps=(0.0, 0.0)), "of till is answered while the uplink"),
    "provider": (lambda: placements(owned, provider="aws"), "its provider is stated as aws"),
    "kind of site": (lambda: placements(cameras, site_kind="edge"), "its kind of site is stated as edge"),
    "purchase": (lambda: placements(cameras, purchase=Purchase.OWNED), "its purchase is stated as owned"),
    "machines": (lambda: placements(cameras, machines=50), "its machines is stated as 50"),
    "hours": (lambda: shorter(planned()[0]), "the hours are not those"),
    "floor": (lambda: unpromised(planned()[0]), "cameras is promised another quality"),
}  # fmt: skip


@pytest.mark.parametrize("row", TAMPERED)
def test_a_plan_that_was_tampered_with_is_refused_for_its_row(row):
    plan, words = TAMPERED[row]
    _, spec = planned()

    assert words in " | ".join(found(plan(), spec))


def test_a_thinner_line_than_the_traffic_needs_is_noticed():
    plan, spec = planned()
    thin = with_values(spec, {"sites.0.uplink.bandwidth_mbps": 300})

    assert any("bytes/s leave shop" in b for b in found(plan, thin))


@pytest.mark.parametrize(("traffic_frac", "is_kept"), [(0.75, True), (0.9, False)])
def test_what_is_left_without_spot_carries_its_part_and_no_more(traffic_frac, is_kept):
    plan, spec = planned()
    left = [p for p in plan.placements if p.purchase is not Purchase.SPOT]
    carried_rps = sum(max(p.rates_rps) for p in left if p.workload == "cameras")
    assert 0.75 < carried_rps / 1200 < 0.9

    broken = found(plan, with_values(spec, {"policy.survive.traffic_frac": traffic_frac}))  # fmt: skip

    assert (broken == []) is is_kept


def test_spares_are_at_work_when_something_is_lost():
    _, spec = planned()
    spared = placements(lambda p: p.purchase is Purchase.ON_DEMAND, spare_machines=1)

    broken = found(spared, spec)

    # One machine beside the spare is too little every day; both are enough without spot.
    assert any("answers in" in b for b in broken)
    assert not any("without" in b for b in broken)


def test_capacities_that_are_stated_too_high_do_not_survive_a_loss():
    """One small box is said to carry all that aws did."""
    plan, spec = planned()
    loss = {"policy.survive": {"loss_of": ["provider"], "traffic_frac": 0.9}}
    feared = with_values(spec, loss)
    boasted = found(placements(owned, capacity_rps=1e6), feared)

    assert any("not carried without aws" in b for b in found(plan, feared))
    assert not any("not carried without aws" in b for b in boasted)
    assert any(re.search("without aws, cameras .* answers in", b) for b in boasted)
