"""Hosts beside accelerators: the narrowest that is known counts."""

import statistics

import pytest

from planner.reference.catalog import Catalog
from planner.reference.tables import rows

CATALOG = Catalog.shipped()


def scores(device, begins=""):
    return {
        r["instance"]: float(r["passmark_single"])
        for r in rows("hosts.csv")
        if r["device"] == device and r["instance"].startswith(begins)
    }


def ratio(beside, **without):
    return CATALOG.host_speed_ratio("nvidia-l4", beside, **without)


def test_an_instance_type_is_as_fast_as_it_was_measured():
    slow, fast = "gcp g2-standard-16", "upcloud GPU-12xCPU-128GB-1xL4"
    known = scores("nvidia-l4")

    assert ratio(slow) / ratio(fast) == pytest.approx(known[slow] / known[fast])
    # As published: Cascade Lake at 2.2 GHz against Zen 5.
    assert known[slow] == pytest.approx(1690.7)
    assert known[fast] == pytest.approx(3938)


def test_a_provider_is_its_median_instance_and_nobody_is_the_median_of_all():
    every, aws = scores("nvidia-l4"), scores("nvidia-l4", "aws ")
    first = next(iter(every.values())) / ratio(next(iter(every)))

    assert ratio("aws") == pytest.approx(statistics.median(aws.values()) / first)
    assert ratio(None) == pytest.approx(statistics.median(every.values()) / first)
    assert ratio("a provider without it") == ratio(None)


def test_what_is_held_back_is_in_no_median():
    own = "gcp g2-standard-16"
    others = {n: s for n, s in scores("nvidia-l4", "gcp ").items() if n != own}
    typical = scores("nvidia-l4")[own] / ratio(own)

    held = ratio("gcp", without=own)

    assert held == pytest.approx(statistics.median(others.values()) / typical)


def test_a_device_without_a_known_host_is_taken_to_have_a_typical_one():
    assert CATALOG.host_speed_ratio("nvidia-gh200-96gb", "aws") == 1.0
    assert CATALOG.hosts("nvidia-gh200-96gb") == ()


def test_providers_and_instance_types_are_told():
    hosts = CATALOG.hosts("nvidia-l4")

    assert hosts[:3] == ("aws", "gcp", "upcloud")
    assert "aws g6.xlarge" in hosts


def test_of_an_offer_the_narrowest_that_is_known_is_its_host():
    for named, told in (
        (("aws", "g6.xlarge"), "aws g6.xlarge"),
        (("aws", "g6.of-next-year"), "aws"),
        (("azure", "NV-with-an-L4"), None),
    ):
        assert CATALOG.host("nvidia-l4", *named) == told
    assert CATALOG.host("nvidia-gh200-96gb", "aws", "g6.xlarge") is None


def test_who_measured_the_hosts_is_said():
    assert "PassMark" in CATALOG.host_source
