"""CSV traces: what is read, what is refused, and public traces where they are."""

import datetime as dt
import gzip
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from planner.errors import MissingExtraError, SpecFileError
from planner.simulate.fit import arrivals_of, fitted
from planner.specs import trace_rows
from planner.specs.traces import read_trace, read_traces

PUBLIC = Path(os.environ.get("PLANNER_DATA", "../shared/data")) / "traces"


def written(tmp_path, text, name="trace.csv"):
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


def test_instants_in_seconds_are_sorted_and_count_from_the_first(tmp_path):
    file = written(tmp_path, "timestamp_s,request_kib\n7,1\n5,2\n9,3\n")

    trace = read_trace(file)

    assert list(trace.at_s) == [0.0, 2.0, 4.0]
    assert list(trace.request_kib) == [2.0, 1.0, 3.0]
    assert trace.span_s == pytest.approx(6.0)


def test_iso_instants_and_public_token_columns_are_known(tmp_path):
    file = written(
        tmp_path,
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:48.1805900,396,109\n",
    )

    trace = read_trace(file)

    assert trace.at_s == pytest.approx([0.0, 1.5])
    assert list(trace.prompt_tokens) == [374, 396]
    assert list(trace.output_tokens) == [44, 109]


def test_milliseconds_and_compressed_files(tmp_path):
    file = tmp_path / "t.csv.gz"
    with gzip.open(file, "wt") as stream:
        stream.write("timestamp_ms,input_length,output_length\n0,1,2\n500,3,4\n")

    assert read_trace(file).at_s == pytest.approx([0.0, 0.5])


def test_counts_by_the_minute(tmp_path):
    trace = read_trace(written(tmp_path, "minute,requests\n3,10\n4,0\n6,20\n"))

    assert trace.n_requests == 30
    assert list(trace.at_s) == [0.0, 60.0, 180.0]
    assert trace.span_s == 240.0


def test_each_workload_of_a_file_is_a_trace_on_the_files_clock(tmp_path):
    text = "timestamp_s,Workload,request_kib\n9,b,3\n1,a,1\n5,b,2\n3,a,4\n"

    read = read_traces(written(tmp_path, text))

    a, b = read.of("a"), read.of("b")
    assert read.workloads == ("a", "b")
    assert list(a.at_s) == [0.0, 2.0]
    assert list(b.at_s) == [4.0, 8.0]
    assert list(b.request_kib) == [2.0, 3.0]
    assert a.span_s == b.span_s == pytest.approx(8 * 4 / 3)
    assert a.sha256 == b.sha256


def test_counts_of_several_workloads_share_intervals(tmp_path):
    text = "minute,workload,requests\n0,a,5\n0,b,1\n1,b,2\n5,b,4\n"

    read = read_traces(written(tmp_path, text))

    a, b = read.of("a"), read.of("b")
    assert (a.n_requests, b.n_requests) == (5, 7)
    assert a.span_s == b.span_s == 360.0
    sent = arrivals_of(a, np.random.default_rng(1))
    assert sent.at_s.max() < 60.0
    late = arrivals_of(b.between(60.0, 360.0), np.random.default_rng(1))
    assert list(np.histogram(late.at_s, [0, 60, 240, 300])[0]) == [2, 0, 4]


def test_a_workload_that_the_file_has_not_is_refused_with_those_it_has(tmp_path):
    read = read_traces(written(tmp_path, "timestamp_s,workload\n1,a\n2,b\n"))

    with pytest.raises(SpecFileError, match=r"no requests of 'c'.*'a', 'b'"):
        read.of("c")


def test_a_file_that_tells_no_workloads_apart_is_whole_for_any(tmp_path):
    read = read_traces(written(tmp_path, "timestamp_s\n1\n2\n"))

    assert read.workloads == ()
    assert read.of("c") is read.of("d")


def test_a_column_of_identities_is_no_column_of_workloads(tmp_path, monkeypatch):
    monkeypatch.setattr(trace_rows, "MOST_NAMES", 2)
    text = "timestamp_s,workload\n1,a\n2,b\n3,a\n4,c\n"

    with pytest.raises(SpecFileError, match="more than 2 workloads"):
        read_traces(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("when,who\n1,2\n", "no column timestamp_s"),
        ("", "no column"),
        ("timestamp_s\n", "no requests"),
        ("timestamp_s\n1\nsoon\n", "line 3"),
        ("timestamp_s\n1\nnan\n", "line 3"),
        ("timestamp_s,request_kib\n1,-2\n", "line 2"),
        ("timestamp_s\n1\n1\n", "one instant"),
        ("minute\n1\n", "requests"),
        ("minute,requests\n1,5\n1,5\n", "twice"),
        ("minute,requests\n1,0\n", "no requests at all"),
        ("minute,workload,requests\n1,a,5\n1,a,5\n", "twice"),
        ("minute,workload,requests\n1,a,5\n1,b,0\n", "no requests of 'b'"),
        ("timestamp_s,workload\n1,a\n2, \n", "line 3"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(tmp_path, text, words):
    with pytest.raises(SpecFileError, match=words):
        read_trace(written(tmp_path, text))


def test_missing_binary_and_garbled_files_are_refused_in_a_sentence(tmp_path):
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "c.csv.gz").write_bytes(b"not gzip")
    (tmp_path / "d.parquet").write_bytes(b"PAR1 is not all there is to it")
    (tmp_path / "e.csv").write_text("timestamp_s\n" + "1" * 70_000)
    (tmp_path / "f.csv").mkdir()
    (tmp_path / "g.csv").write_text("timestamp_s\n1\n1e300\n")
    for name in (
        "none.csv",
        "b.csv",
        "c.csv.gz",
        "d.parquet",
        "e.csv",
        "f.csv",
        "g.csv",
    ):
        with pytest.raises(SpecFileError) as refused:
            read_trace(tmp_path / name)
        assert name in str(refused.value)


def test_every_bad_row_is_named_by_its_line_and_none_is_run_or_echoed_raw(tmp_path):
    text = "timestamp_s\n1\n=HYPERLINK(\x1b[2J)\n3\nx\n" + "y" * 5000 + "\n"

    with pytest.raises(SpecFileError) as refused:
        read_trace(written(tmp_path, text))

    said = str(refused.value)
    assert "trace.csv:3: line 3" in said
    assert "nor are lines 5, 6 requests" in said
    assert "\x1b" not in said
    assert len(said) < 400


def test_too_many_rows_are_refused_without_reading_them_all(tmp_path, monkeypatch):
    monkeypatch.setattr(trace_rows, "MOST_ROWS", 3)

    with pytest.raises(SpecFileError, match="more than 3 rows"):
        read_trace(written(tmp_path, "timestamp_s\n1\n2\n3\n4\n"))


def test_a_file_is_known_by_its_content_and_its_first_instant(tmp_path):
    text = "timestamp\n2026-11-23T09:30:00+01:00\n2026-11-23 08:31:00\n"
    undated = written(tmp_path, "timestamp_s\n5\n6\n", "u.csv")
    unix = written(tmp_path, "timestamp_s\n1763886600\n1763886660\n", "x.csv")

    trace = read_trace(written(tmp_path, text))

    assert trace.starts_at == dt.datetime(2026, 11, 23, 8, 30, tzinfo=dt.UTC)
    assert list(trace.at_s) == [0.0, 60.0]
    assert trace.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert read_trace(undated).starts_at is None
    assert read_trace(unix).starts_at == dt.datetime(2025, 11, 23, 8, 30, tzinfo=dt.UTC)


def parquet(tmp_path, **columns):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as files

    files.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def test_parquet_holds_what_the_same_csv_does(tmp_path):
    rows = [("2026-11-23T08:00:00", 10, 3), ("2026-11-23T08:00:02.5", 20, 4)]
    text = "\n".join(f"{at},{p},{o}" for at, p, o in rows)
    csv = written(tmp_path, f"timestamp,prompt_tokens,output_tokens\n{text}\n")
    file = parquet(
        tmp_path,
        Timestamp=[dt.datetime.fromisoformat(at) for at, _, _ in rows],
        prompt_tokens=[p for _, p, _ in rows],
        output_tokens=[o for _, _, o in rows],
        unused=[{"a": 1}, {"a": 2}],
    )

    one, other = read_trace(csv), read_trace(file)

    assert list(one.at_s) == list(other.at_s) == [0.0, 2.5]
    assert one.starts_at == other.starts_at
    assert list(one.prompt_tokens) == list(other.prompt_tokens) == [10, 20]


def test_parquet_rows_that_make_no_sense_are_named(tmp_path):
    with pytest.raises(SpecFileError, match=r"t\.parquet:2: row 2"):
        read_trace(parquet(tmp_path, timestamp_s=[1.0, None, 3.0]))
    with pytest.raises(SpecFileError, match="no column timestamp_s"):
        read_trace(parquet(tmp_path, when=[1.0, 2.0]))


def test_parquet_without_its_reader_is_refused_with_what_to_install(
    tmp_path, monkeypatch
):
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(MissingExtraError, match=r"deployment-planner\[parquet\]"):
        read_trace(tmp_path / "t.parquet")


def public(name):
    file = PUBLIC / name
    if not file.is_file():
        pytest.skip(f"{file} is not here: public traces are not part of the product")
    return read_trace(file)


def test_a_public_conversation_trace_is_burstier_than_poisson():
    trace = public("AzureLLMInferenceTrace_2023_conv.csv.gz")

    found = fitted(trace)

    assert trace.n_requests == 19_366
    assert found.rates_rps == pytest.approx([5.53], rel=0.01)
    assert found.dispersion_ratio > 10


@pytest.mark.slow
def test_three_weeks_of_counts_become_a_week_of_rates():
    found = fitted(public("twitter_tweets_per_minute.csv"))

    assert len(found.rates_rps) == 168
    assert np.mean(found.rates_rps) == pytest.approx(63.6, rel=0.02)
