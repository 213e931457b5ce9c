"""CSV traces: what is read, what is refused, and public traces where they are."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from planner.errors import SpecFileError
from planner.simulate.fit import fitted
from planner.specs.traces import read_trace

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
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(tmp_path, text, words):
    with pytest.raises(SpecFileError, match=words):
        read_trace(written(tmp_path, text))


def test_missing_binary_and_parquet_files_are_refused_in_a_sentence(tmp_path):
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "c.csv.gz").write_bytes(b"not gzip")
    for name in ("none.csv", "b.csv", "c.csv.gz", "d.parquet"):
        with pytest.raises(SpecFileError) as refused:
            read_trace(tmp_path / name)
        assert name in str(refused.value)


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
