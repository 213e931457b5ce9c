"""What a measurement costs, and which ones there are."""

import pytest

from planner.domain.evidence import Provenance
from planner.domain.hardware import Purchase
from planner.pipeline.informing.prices import SET_UP_S, VARIANT_S, sessions
from planner.specs.load import parse_spec
from tests.support.questions import asked, document

CLOUD = {
    "kind": "cloud",
    "provider": "aws",
    "regions": ["us-east-1"],
    "instance_types": ["g6.xlarge", "g6.2xlarge"],
    "purchase": ["on_demand", "spot"],
}
SHOP = document(
    models__0__source__name="retinanet-800",
    workloads__0__quality=None,
    workloads__0__slo__latency_ms=1000,
    policy__budget_usd_per_month=None,
)


def priced(**facts):
    spec = SHOP.model_dump(mode="json", exclude_unset=True)
    spec["sites"][0]["uplink"] = {"rtt_ms": 10, "bandwidth_mbps": 100}
    spec["sites"].append(CLOUD)
    question = asked(parse_spec(spec, document="shop"))
    return question, sessions(question, **{"here": None, "own_models": (), **facts})


def test_a_cloud_session_takes_the_cheapest_machine_on_demand_from_boot_to_the_last_variant():
    question, found = priced()
    (session,) = [s for s in found if s.device == "nvidia-l4"]
    # Seconds are billed, and a quarter of an hour is more than the least of them.
    offers = [p.offer for p in question.places if p.offer.device == "nvidia-l4"]
    cheapest = min(
        o.price_usd_per_h for o in offers if o.purchase is Purchase.ON_DEMAND
    )

    assert session.offer.purchase is Purchase.ON_DEMAND
    assert session.time_s > SET_UP_S + VARIANT_S * len(session.keys)
    assert session.price_usd == pytest.approx(cheapest * session.time_s / 3600)


def test_a_box_of_the_users_own_costs_time_alone():
    spec = document()
    (session,) = sessions(asked(spec), here=None, own_models=())

    assert (session.device, session.price_usd) == ("raspberry-pi-4", 0.0)
    assert session.time_s == SET_UP_S + VARIANT_S * len(session.keys)


def test_this_machine_needs_neither_boot_nor_price():
    _, found = priced(here="nvidia-l4", own_models=("m",))
    (session,) = [s for s in found if s.device == "nvidia-l4"]

    assert session.is_here
    assert (session.price_usd, session.time_s) == (0.0, VARIANT_S * len(session.keys))


def test_nothing_here_measures_a_model_that_is_not_the_users():
    _, found = priced(here="nvidia-l4")

    assert not any(s.is_here for s in found)


def test_every_session_settles_bands_that_nobody_measured_for_this_user():
    question, found = priced()
    known = {
        (p.device, p.variant): p.evidence for p in question.knowledge.profiles["m"]
    }

    assert found
    for session in found:
        for key in session.keys:
            evidence = known[key.device, key.variant]
            assert evidence.error_frac > 0
            assert evidence.provenance is not Provenance.MEASURED
