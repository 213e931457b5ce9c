"""Round trips and prices of places: known, bounded by physics, or refused."""

import itertools

import pytest

from planner.errors import PriceMissingError, UnknownReferenceError
from planner.reference.catalog import Catalog

CATALOG = Catalog.shipped()
# Light in fibre, two thirds of c: nothing answers sooner.
FIBRE_M_PER_S = 2e8
# Great-circle distances between the cities, https://www.greatcirclemapper.net
DISTANCES_KM = {
    ("us-east-1", "eu-central-1"): 6550,
    ("eu-central-1", "ap-northeast-1"): 9320,
    ("us-west-2", "ap-northeast-1"): 7830,
    ("europe-west1", "us-central1"): 7150,
}


@pytest.mark.parametrize("pair", DISTANCES_KM, ids="-".join)
def test_a_round_trip_is_slower_than_light_in_fibre_and_no_more_than_four_times(pair):
    rtt_s, source = CATALOG.rtt_s(*pair)

    least_s = 2 * DISTANCES_KM[pair] * 1000 / FIBRE_M_PER_S
    assert least_s <= rtt_s <= 4 * least_s
    assert source


def test_a_round_trip_is_the_same_both_ways():
    names = [r.name for p in CATALOG.providers() for r in CATALOG.regions(p)]

    for one, other in itertools.combinations(names, 2):
        there, back = CATALOG.rtt_s(one, other), CATALOG.rtt_s(other, one)
        assert (there and there[0]) == (back and back[0])


def test_inside_a_region_or_a_city_the_round_trip_is_small_and_sourced():
    for one, other in [("eu-central-1", "eu-central-1"), ("us-east-1", "eastus")]:
        rtt_s, source = CATALOG.rtt_s(one, other)

        assert 0 < rtt_s < 0.003
        assert "cloudping" in source


def test_where_only_cities_are_known_the_source_says_so():
    _, source = CATALOG.rtt_s("westeurope", "us-central1")

    assert "nearest cities Amsterdam and Des Moines" in source


def test_an_offer_that_says_only_us_is_as_far_as_the_farthest_hub():
    anywhere, _ = CATALOG.rtt_s("US", "eu-central-1")
    east, _ = CATALOG.rtt_s("us-east4", "europe-west3")

    assert anywhere > east


def test_places_that_nobody_measured_between_have_no_round_trip():
    assert CATALOG.rtt_s("eu-central-1", "the-moon") is None


def test_typical_access_networks_have_round_trip_and_bandwidth_both_ways():
    names = [n.name for n in CATALOG.access_networks()]

    assert {"fibre", "cable", "dsl", "lte"} <= set(names)
    assert CATALOG.access_network("lte").rtt_s == pytest.approx(0.070)
    assert CATALOG.access_network("lte").up_bytes_per_s == pytest.approx(1.5e6)
    with pytest.raises(UnknownReferenceError, match="fibre"):
        CATALOG.access_network("fiber")


@pytest.mark.parametrize(
    ("provider", "region", "usd_per_gb"),
    [
        # First paid tiers: AWS 0.09 in the US and EU, 0.114 in Tokyo; Azure 0.087.
        ("aws", "us-east-1", 0.09),
        ("aws", "eu-central-1", 0.09),
        ("aws", "ap-northeast-1", 0.114),
        ("azure", "eastus", 0.087),
        ("gcp", "us-central1", 0.12),
        ("lambda", "us-east-1", 0.0),
    ],
)
def test_egress_is_the_first_paid_tier(provider, region, usd_per_gb):
    price, source = CATALOG.egress_usd_per_gb(provider, region)

    assert price == pytest.approx(usd_per_gb)
    assert "http" in source or "PyPI" in source


def test_unknown_egress_is_never_taken_as_free():
    with pytest.raises(PriceMissingError, match="gcp asia-south1"):
        CATALOG.egress_usd_per_gb("gcp", "asia-south1")


def test_electricity_falls_back_to_the_world_and_says_so():
    price, source = CATALOG.electricity_usd_per_kwh("eu")
    world, world_source = CATALOG.electricity_usd_per_kwh("antarctica")

    assert (price, world) == (0.204, 0.161)
    assert "Europe" in source
    assert "World average" in world_source


def test_a_grid_factor_in_the_wrong_unit_is_no_figure():
    # The source states 402,000,000 g/kWh for this region.
    assert CATALOG.carbon_gco2e_per_kwh("azure", "germanywestcentral") is None


def test_a_grid_factor_comes_with_its_source():
    grams, source = CATALOG.carbon_gco2e_per_kwh("gcp", "europe-north1")

    assert grams == pytest.approx(39.32)
    assert "region-carbon-info" in source


def test_residency_zones_tell_london_from_the_union():
    zones = {r.name: r.zone for r in CATALOG.regions("aws")}

    assert (zones["eu-central-1"], zones["eu-west-2"]) == ("eu", "uk")
    assert (zones["us-west-2"], zones["ap-northeast-1"]) == ("us", "ap")
