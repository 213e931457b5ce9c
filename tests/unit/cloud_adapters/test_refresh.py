"""A refresh replaces the regions it asked for, keeps the others, or changes nothing."""

import datetime as dt
from dataclasses import replace

import pytest

from cloud_adapters.fake import QUOTES, FakePrices
from cloud_adapters.refresh import refresh
from planner.errors import (
    CatalogIntegrityError,
    ProviderUnavailableError,
    SpecFileError,
    UnknownReferenceError,
)
from planner.reference.snapshots import read_snapshot

LATER = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "aws.json"


def asked(path, regions, *, source=None):
    told = []
    answer = refresh(source or FakePrices(), regions, path, on_progress=told.append)
    return answer, told


def dearer(factor):
    """The fake's prices of another day."""
    quotes = tuple(
        replace(
            q,
            on_demand_usd_per_h=factor * q.on_demand_usd_per_h,
            on_demand_as_of=LATER.date(),
        )
        for q in QUOTES
    )
    return FakePrices(quotes=quotes, taken_at=LATER)


def test_what_is_returned_is_what_the_file_holds(path):
    answer, told = asked(path, ["us-east-1"])

    assert read_snapshot(path) == answer
    assert "3 instance types" in told[-1]


def test_a_refreshed_region_is_replaced_and_the_other_keeps_its_dates(path):
    asked(path, ["us-east-1", "eu-central-1"])

    answer, _ = asked(path, ["us-east-1"], source=dearer(2.0))

    dates = {(q.region, q.on_demand_as_of) for q in answer.quotes}
    assert dates == {
        ("us-east-1", LATER.date()),
        ("eu-central-1", dt.date(2026, 1, 1)),
    }
    assert sorted(answer.regions) == ["eu-central-1", "us-east-1"]
    assert answer.taken_at == LATER
    assert len(answer.quotes) == 6


def test_a_type_that_is_no_longer_sold_disappears(path):
    asked(path, ["us-east-1"])
    left = tuple(q for q in QUOTES if q.instance_type != "g6.xlarge")

    answer, _ = asked(path, ["us-east-1"], source=FakePrices(quotes=left))

    assert {q.instance_type for q in answer.quotes} == {"c7g.large", "m5.xlarge"}


@pytest.mark.parametrize(
    ("source", "regions", "error"),
    [
        (
            FakePrices(failure=ProviderUnavailableError("no network")),
            ["us-east-1"],
            ProviderUnavailableError,
        ),
        (FakePrices(), ["us-east-1", "mars-1"], UnknownReferenceError),
        (FakePrices(quotes=(*QUOTES, QUOTES[0])), ["us-east-1"], CatalogIntegrityError),
    ],
    ids=["no network", "unknown region", "broken rules"],
)
def test_after_any_error_the_old_file_is_as_it_was(path, source, regions, error):
    asked(path, ["us-east-1", "eu-central-1"])
    before = path.read_bytes()

    with pytest.raises(error):
        asked(path, regions, source=source)

    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_after_an_error_without_an_old_file_there_is_none(path):
    broken = FakePrices(failure=ProviderUnavailableError("no network"))

    with pytest.raises(ProviderUnavailableError, match="no network"):
        asked(path, ["us-east-1"], source=broken)

    assert list(path.parent.iterdir()) == []


def test_a_file_of_another_provider_is_not_overwritten(path):
    asked(path, ["us-east-1"])
    before = path.read_bytes()
    other = FakePrices(quotes=tuple(replace(q, provider="gcp") for q in QUOTES))

    with pytest.raises(CatalogIntegrityError, match="holds prices of aws, not of gcp"):
        asked(path, ["us-east-1"], source=other)

    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["", "{}", "[1, 2]", '{"kind": "price-snapshot"'])
def test_a_file_that_is_no_snapshot_is_left_alone_and_nobody_is_asked(path, text):
    path.write_text(text)
    offline = FakePrices(failure=ProviderUnavailableError("asked"))

    with pytest.raises(SpecFileError, match="move the file away"):
        asked(path, ["us-east-1"], source=offline)

    assert path.read_text() == text


def test_a_place_that_cannot_be_written_is_one_message(tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")

    with pytest.raises(SpecFileError, match="cannot be written"):
        asked(in_the_way / "aws.json", ["us-east-1"])
