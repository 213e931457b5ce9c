"""A trace in a document: what it stands for, what is filled in, what is refused."""

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from planner.errors import SpecMistakesError
from planner.pipeline.asking.traces import traces_at_hand, with_traces
from planner.specs.edit import with_values
from planner.specs.load import parse_spec

TUESDAY = dt.datetime(2026, 11, 24, 13, 40, tzinfo=dt.UTC)


def document(folder: Path, *, traffic=None, payload=None, slo=None):
    return parse_spec(
        {
            "kind": "deployment",
            "version": 1,
            "name": "traced",
            "models": [
                {"name": "m", "source": {"kind": "reference", "name": "resnet-50"}}
            ],
            "workloads": [
                {
                    "name": "w",
                    "model": "m",
                    "origin": "us-east-1",
                    "traffic": {"kind": "trace", "file": "t.csv", **(traffic or {})},
                    "payload": payload or {},
                    "slo": slo or {"latency_ms": 100},
                }
            ],
            "sites": [{"kind": "cloud", "provider": "aws", "regions": ["us-east-1"]}],
        },
        document=str(folder),
    )


def trace(folder, *, hours, at=TUESDAY, every_s=60.0, columns="", cells=""):
    """A request every minute from `at` on; None: a clock from 0."""
    n = round(hours * 3600 / every_s)
    start = at.timestamp() if at else 0.0
    rows = [f"{start + i * every_s}{cells}" for i in range(n)]
    (folder / "t.csv").write_text("\n".join([f"timestamp_s{columns}", *rows]))


def read(folder, **fields):
    return with_traces(document(folder, **fields), folder)


def refused(folder, **fields):
    with pytest.raises(SpecMistakesError) as caught:
        read(folder, **fields)
    return str(caught.value)


def test_two_hours_are_no_month_and_the_ways_out_are_named(tmp_path):
    trace(tmp_path, hours=2)

    said = refused(tmp_path)

    assert "workloads.0.traffic.stands_for: the trace covers 2 h" in said
    assert "every_hour" in said
    assert "other_hours_ratio" in said


def test_two_hours_may_stand_for_every_hour(tmp_path):
    trace(tmp_path, hours=2)

    traffic = (
        read(tmp_path, traffic={"stands_for": "every_hour"}).spec.workloads[0].traffic
    )

    assert traffic.rates_rps == pytest.approx((1 / 60,), rel=0.01)
    assert traffic.seen.first_at == TUESDAY
    assert traffic.seen.n_requests == 120


def test_hours_fall_where_the_clock_says_and_the_others_are_what_is_stated(tmp_path):
    trace(tmp_path, hours=2)  # 13:40 to 15:40

    found = read(tmp_path, traffic={"stands_for": "day", "other_hours_ratio": 0.5})

    traffic = found.spec.workloads[0].traffic
    assert traffic.seen.covered_hours == (13, 14, 15)
    # Each covered hour has the trace's rate, however much of it is covered.
    expected = [1 / 60 if h in (13, 14, 15) else 0.5 / 60 for h in range(24)]
    assert traffic.rates_rps == pytest.approx(expected, rel=0.01)


def test_a_day_without_what_comes_in_other_hours_is_refused(tmp_path):
    trace(tmp_path, hours=2)

    said = refused(tmp_path, traffic={"stands_for": "day"})

    assert "of the 24 hours of a day the trace covers 3 (2 h)" in said


@pytest.mark.parametrize(("hours", "stands_for"), [(25, "day"), (170, "week")])
def test_a_dated_trace_of_a_day_or_a_week_needs_no_word(tmp_path, hours, stands_for):
    trace(tmp_path, hours=hours, every_s=120)

    traffic = read(tmp_path).spec.workloads[0].traffic

    assert traffic.stands_for == stands_for
    assert len(traffic.rates_rps) == {"day": 24, "week": 168}[stands_for]
    assert traffic.rates_rps == pytest.approx(
        np.full(len(traffic.rates_rps), 1 / 120), rel=0.1
    )


def test_a_clock_without_a_date_is_given_one_or_stands_for_every_hour(tmp_path):
    trace(tmp_path, hours=26, at=None)

    said = refused(tmp_path, traffic={"stands_for": "day"})
    dated = read(
        tmp_path, traffic={"stands_for": "day", "starts_at": "2026-11-23T08:00:00Z"}
    )

    assert "starts_at: the trace stands for a day, and its clock has no date" in said
    assert "of a clock without a date" in refused(tmp_path)
    assert dated.traces["w"].starts_at == dt.datetime(2026, 11, 23, 8, tzinfo=dt.UTC)


def test_sizes_fill_in_what_the_document_leaves_out_and_nothing_else(tmp_path):
    trace(
        tmp_path,
        hours=2,
        columns=",request_kib,prompt_tokens,output_tokens",
        cells=",40,700,90",
    )
    traffic = {"stands_for": "every_hour"}

    bare = read(tmp_path, traffic=traffic, slo={"ttft_ms": 500, "tpot_ms": 50})
    stated = read(tmp_path, traffic=traffic, payload={"request_kib": 10})

    payload = bare.spec.workloads[0].payload
    assert (payload.request_kib, payload.prompt_tokens, payload.output_tokens) == (
        40,
        700,
        90,
    )
    assert stated.spec.workloads[0].payload.request_kib == 10


def test_a_promise_of_tokens_needs_them_from_somewhere(tmp_path):
    trace(tmp_path, hours=2)

    said = refused(
        tmp_path,
        traffic={"stands_for": "every_hour"},
        slo={"ttft_ms": 500, "tpot_ms": 50},
    )

    assert "neither the payload nor the trace does" in said


def test_a_bad_row_is_named_by_file_and_line(tmp_path):
    (tmp_path / "t.csv").write_text("timestamp_s\n1\n=cmd|' /C calc'!A0\n3\nx\n")

    said = refused(tmp_path)

    assert "workloads.0.traffic.file" in said
    assert "t.csv:3" in said
    assert "lines 5" in said


def test_a_read_document_is_tied_to_that_file(tmp_path):
    trace(tmp_path, hours=2)
    first = read(tmp_path, traffic={"stands_for": "every_hour"})

    again = with_traces(first.spec, tmp_path)
    trace(tmp_path, hours=2, every_s=30)

    assert again.spec == first.spec
    assert list(again.traces) == ["w"]
    for refuses, where in ((with_traces, tmp_path), (traces_at_hand, [tmp_path])):
        with pytest.raises(
            SpecMistakesError, match="not the file that was read before"
        ):
            refuses(first.spec, where)


def test_a_plans_trace_is_replayed_where_its_file_is_and_only_there(tmp_path):
    trace(tmp_path, hours=2)
    spec = read(tmp_path, traffic={"stands_for": "every_hour"}).spec

    elsewhere = tmp_path / "elsewhere"
    assert list(traces_at_hand(spec, [tmp_path])) == ["w"]
    assert list(traces_at_hand(spec, [elsewhere, tmp_path])) == ["w"]
    assert traces_at_hand(spec, [elsewhere]) == {}


def test_another_meaning_of_a_read_trace_is_refused_not_ignored(tmp_path):
    trace(tmp_path, hours=2)
    spec = read(tmp_path, traffic={"stands_for": "every_hour"}).spec

    with pytest.raises(SpecMistakesError, match="remove `seen`"):
        with_values(spec, {"workloads.0.traffic.stands_for": "day"})


def test_scaling_scales_rates_and_what_exceeds_poisson(tmp_path):
    rng = np.random.default_rng(1)
    # 40 clumps of 50 requests within a second each, over two hours.
    at_s = np.sort((rng.random(40)[:, None] * 7200 + rng.random((40, 50))).ravel())
    rows = [f"{TUESDAY.timestamp() + t}" for t in at_s]
    (tmp_path / "t.csv").write_text("\n".join(["timestamp_s", *rows]))
    traffic = {"stands_for": "every_hour"}

    once = read(tmp_path, traffic=traffic).spec.workloads[0].traffic
    thrice = (
        read(tmp_path, traffic={**traffic, "scale_ratio": 3}).spec.workloads[0].traffic
    )

    assert thrice.rates_rps[0] == pytest.approx(3 * once.rates_rps[0])
    excess = once.burstiness.dispersion_ratio - 1
    assert excess > 10
    assert thrice.burstiness.dispersion_ratio - 1 == pytest.approx(3 * excess)
