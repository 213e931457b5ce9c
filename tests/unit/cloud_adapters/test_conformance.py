"""The conformance class bites: for each promise, a source that breaks only that one."""

import datetime as dt
from dataclasses import replace

import pytest

from cloud_adapters.conformance import PriceSourceConformance
from cloud_adapters.fake import QUOTES, TAKEN_AT, FakePrices
from planner.domain.quotes import PriceSnapshot

REGIONS = ("us-east-1", "eu-central-1")


class Careless:
    """Answers with whatever it was given, to whatever it is asked, and tells nobody."""

    def __init__(self, quotes=QUOTES, taken_at=TAKEN_AT):
        self.quotes, self.taken_at = quotes, taken_at

    def fetch(self, regions, *, on_progress):
        return PriceSnapshot(
            provider="aws", regions=REGIONS, taken_at=self.taken_at, quotes=self.quotes
        )


def judged(source):
    class Judged(PriceSourceConformance):
        regions = REGIONS

        def source(self):
            return source

    return Judged()


def first(**changes):
    return Careless((replace(QUOTES[0], **changes), *QUOTES[1:]))


@pytest.mark.parametrize(
    ("source", "broken"),
    [
        (Careless(QUOTES[:3]), "every_region_asked_for_has_quotes_and_no_other_has"),
        (Careless((*QUOTES, QUOTES[0])), "a_type_is_quoted_once_a_region"),
        (first(provider="gcp"), "quotes_carry_the_provider_of_their_snapshot"),
        (
            first(on_demand_usd_per_h=0.0),
            "prices_are_positive_and_at_least_one_is_stated",
        ),
        (
            first(on_demand_usd_per_h=None, spot_usd_per_h=None),
            "prices_are_positive_and_at_least_one_is_stated",
        ),
        (first(spot_usd_per_h=9.0), "spot_is_never_dearer_than_on_demand"),
        (first(memory_bytes=4.0), "shapes_are_of_real_machines"),
        (first(accelerator="L4"), "shapes_are_of_real_machines"),
        (first(on_demand_source=""), "every_price_says_who_stated_it_and_when"),
        (
            first(spot_as_of=dt.date(2027, 1, 1)),
            "every_price_says_who_stated_it_and_when",
        ),
        (
            Careless(taken_at=TAKEN_AT.replace(tzinfo=None)),
            "the_snapshot_is_dated_in_utc",
        ),
        (Careless(), "progress_names_every_region"),
        (
            first(interruption_frac_per_month=7.0),
            "the_snapshot_passes_the_catalogues_gate",
        ),
        (Careless(), "a_region_that_does_not_exist_is_refused_by_name"),
        (Careless(), "asking_for_no_region_is_refused"),
    ],
)
def test_a_broken_promise_fails_its_test(source, broken):
    with pytest.raises(AssertionError):
        getattr(judged(source), f"test_{broken}")()


@pytest.mark.parametrize(
    "promise", [n for n in dir(PriceSourceConformance) if n.startswith("test_")]
)
def test_a_careful_source_passes(promise):
    getattr(judged(FakePrices()), promise)()
