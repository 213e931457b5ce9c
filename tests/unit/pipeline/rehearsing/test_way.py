"""The way that a written plan's requests take is that of its document."""

import pytest

from planner.errors import SpecError
from planner.pipeline.rehearsing.way import way_to
from planner.reference.catalog import Catalog
from planner.units import BYTES_PER_KIB, milliseconds
from tests.support import ways
from tests.support.plans import digits_placement, storefront_plan


def found(plan):
    return way_to(plan, plan.placements[0], Catalog.shipped())


def test_it_is_the_sites_uplink_and_the_workloads_payload():
    path, payload_bytes = found(ways.digits_plan())

    assert payload_bytes == (ways.REQUEST_KIB + ways.RESPONSE_KIB) * BYTES_PER_KIB
    assert milliseconds(path.rtt_s) == pytest.approx(ways.RTT_MS)
    assert milliseconds(path.jitter_s) == pytest.approx(ways.JITTER_MS)
    assert path.transfer_s == pytest.approx(payload_bytes * 8 / 20e6)
    assert path.uplink_load_frac > 0
    assert "berlin-store" in path.source


def test_an_offer_that_is_gone_is_refused():
    with pytest.raises(SpecError, match="run planner recommend again"):
        found(ways.digits_plan(offer="aws/eu-central-1/t1.none/on_demand"))


def test_a_workload_that_is_gone_is_refused():
    with pytest.raises(SpecError, match="run planner recommend again"):
        found(ways.digits_plan(workload="other"))


def test_a_plan_without_its_document_is_refused():
    plan = storefront_plan()
    assert plan.spec is None

    with pytest.raises(SpecError, match="does not carry its document"):
        way_to(plan, digits_placement(), Catalog.shipped())
