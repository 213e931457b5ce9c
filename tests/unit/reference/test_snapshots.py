"""A snapshot on disk: whole or not there, and one clear sentence when it is broken."""

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.domain.quotes import InstanceQuote, PriceSnapshot
from planner.errors import SpecFileError
from planner.reference.snapshots import read_snapshot, write_snapshot

prices = st.none() | st.floats(min_value=1e-4, max_value=1e4)
words = st.text(min_size=1, max_size=12)
quotes = st.builds(
    InstanceQuote,
    provider=st.just("aws"),
    region=st.sampled_from(["us-east-1", "eu-central-1"]),
    instance_type=words,
    vcpus=st.integers(1, 448),
    memory_bytes=st.floats(1e8, 1e13),
    accelerator=st.none() | words,
    accelerator_count=st.floats(0, 16),
    on_demand_usd_per_h=prices,
    on_demand_source=words,
    on_demand_as_of=st.dates(),
    spot_usd_per_h=prices,
    spot_source=words,
    spot_as_of=st.none() | st.dates(),
    interruption_frac_per_month=st.none() | st.floats(0, 1),
)
snapshots = st.builds(
    PriceSnapshot,
    provider=st.just("aws"),
    regions=st.just(("us-east-1", "eu-central-1")),
    taken_at=st.datetimes(timezones=st.just(dt.UTC)),
    quotes=st.lists(quotes, max_size=4).map(tuple),
)


@given(snapshot=snapshots)
def test_what_is_written_is_read_back_the_same(tmp_path_factory, snapshot):
    path = tmp_path_factory.mktemp("snapshots") / "aws.json"

    write_snapshot(path, snapshot)

    assert read_snapshot(path) == snapshot


def some_snapshot(source="list"):
    quote = InstanceQuote(
        provider="aws",
        region="us-east-1",
        instance_type="c7g.large",
        vcpus=2,
        memory_bytes=4e9,
        accelerator=None,
        accelerator_count=0,
        on_demand_usd_per_h=0.07,
        on_demand_source=source,
        on_demand_as_of=dt.date(2026, 11, 1),
    )
    return PriceSnapshot(
        provider="aws",
        regions=("us-east-1",),
        taken_at=dt.datetime(2026, 11, 1, tzinfo=dt.UTC),
        quotes=(quote,),
    )


def test_the_document_says_what_it_is(tmp_path):
    write_snapshot(tmp_path / "deep" / "aws.json", some_snapshot())

    document = json.loads((tmp_path / "deep" / "aws.json").read_text())

    assert (document["kind"], document["version"]) == ("price-snapshot", 1)
    assert document["taken_at"] == "2026-11-01T00:00:00+00:00"


def test_a_write_that_fails_leaves_the_old_snapshot_and_no_litter(tmp_path):
    path = tmp_path / "aws.json"
    write_snapshot(path, some_snapshot())

    with pytest.raises(TypeError):
        write_snapshot(path, some_snapshot(source=object()))

    assert read_snapshot(path) == some_snapshot()
    assert list(tmp_path.iterdir()) == [path]


def broken(**changes):
    return json.dumps(
        {
            "kind": "price-snapshot",
            "version": 1,
            "provider": "aws",
            "regions": [],
            "taken_at": "2026-11-01T00:00:00+00:00",
            "quotes": [],
        }
        | changes
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        broken(kind="deployment"),
        broken(version=2),
        broken(taken_at="2026-11-01T00:00:00"),
        broken(taken_at="yesterday"),
        broken(quotes=[{"provider": "aws"}]),
        broken(quotes=[{"price": 1}]),
        broken(quotes=[7]),
        broken(regions=3),
    ],
    ids=range(12),
)
def test_a_broken_snapshot_is_one_sentence_with_the_file_and_the_way_out(
    tmp_path, text
):
    path = tmp_path / "aws.json"
    path.write_text(text)

    with pytest.raises(SpecFileError) as refused:
        read_snapshot(path)

    assert str(path) in str(refused.value)
    assert "planner catalog refresh" in str(refused.value)


def test_a_missing_snapshot_is_refused_the_same_way(tmp_path):
    with pytest.raises(SpecFileError, match="cannot be read: No such file"):
        read_snapshot(tmp_path / "none.json")
