"""Traces on the plan's clock: which hours they fall in, and how often they come."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from planner.domain.workloads import LatencySlo, Workload
from planner.pipeline.rehearsing.replay_traffic import AS_DECLARED, Wish, sending
from planner.pipeline.rehearsing.stretches import busiest, hours_left
from planner.specs.load import parse_spec
from planner.specs.traces import Trace

NOON = dt.datetime(2026, 11, 24, 12, 20, tzinfo=dt.UTC)
SHA = "a" * 64


def workload(name, rates_rps):
    return Workload(
        name=name,
        model="m",
        origin="us-east-1",
        rates_rps=rates_rps,
        slo=LatencySlo(percentile_frac=0.95, latency_s=0.1),
        request_bytes=0.0,
        response_bytes=0.0,
    )


def trace(*, n=600, span_s=7200.0, at=NOON, name="t"):
    at_s = np.linspace(0, span_s, n, endpoint=False)
    return Trace(name=name, at_s=at_s, span_s=span_s, starts_at=at, sha256=SHA)


def document(traffic, *, feared=0.0):
    def asked(name, kind):
        return {
            "name": name,
            "model": "m",
            "origin": "us-east-1",
            "traffic": kind,
            "slo": {"latency_ms": 100},
        }

    return parse_spec(
        {
            "kind": "deployment",
            "version": 1,
            "name": "d",
            "models": [{"name": "m", "source": {"kind": "reference", "name": "r"}}],
            "workloads": [
                asked("traced", traffic),
                asked("other", {"kind": "constant", "rate_rps": 1}),
            ],
            "sites": [{"kind": "cloud", "provider": "aws", "regions": ["us-east-1"]}],
            "policy": {"demand_error_frac": feared},
        },
        document="d",
    )


OWN = {
    "kind": "trace",
    "file": "t.csv",
    "stands_for": "every_hour",
    "scale_ratio": 2.0,
    "seen": {"sha256": SHA, "span_s": 7200.0, "n_requests": 600, "rates_rps": [0.08]},
}


def sent(spec, traces, *, other=(1.0,), blocks=(0,)):
    flat = (0.08,) * len(other)
    return sending(
        spec,
        [workload("traced", flat), workload("other", other)],
        blocks,
        wish=Wish(traces=traces),
        most_requests=1000,
        seed=1,
    )


def test_others_send_at_the_rates_of_the_hours_that_the_trace_falls_in():
    # Half past twelve on: 40 minutes of hour 12, all of 13, 20 minutes of 14.
    of_hour = [0.0] * 24
    of_hour[12], of_hour[13], of_hour[14] = 3.0, 0.0, 9.0
    spec = document({"kind": "constant", "rate_rps": 0.08})

    found = sent(spec, {"traced": trace()}, other=tuple(of_hour), blocks=range(24))

    at_s = found.arrivals["other"].at_s
    assert (found.hours, found.into_s) == ((12, 13, 14), 1200.0)
    assert np.histogram(at_s, [0, 2400, 6000, 7200])[0] == pytest.approx(
        [3 * 2400, 0, 9 * 1200], rel=0.05
    )


def test_a_later_trace_comes_later_and_one_without_a_date_at_once():
    traces = {
        "traced": trace(),
        "other": trace(at=NOON + dt.timedelta(minutes=30), name="o"),
    }
    spec = document({"kind": "constant", "rate_rps": 0.08})
    silent = (0.0,) * 24
    later = sent(spec, traces, other=silent, blocks=range(24))
    undated = sent(
        spec, traces | {"other": trace(at=None)}, other=silent, blocks=range(24)
    )

    assert later.arrivals["traced"].at_s[0] == 0.0
    assert later.arrivals["other"].at_s[0] == 1800.0
    assert undated.arrivals["other"].at_s[0] == 0.0


def test_before_and_after_its_trace_a_workload_sends_at_the_plans_rates():
    traces = {
        "traced": trace(),
        "other": trace(n=60, span_s=3600.0, at=NOON + dt.timedelta(hours=3)),
    }
    spec = document({"kind": "constant", "rate_rps": 0.08})

    found = sent(spec, traces, other=(2.0,) * 24, blocks=range(24))

    other, traced = found.arrivals["other"], found.arrivals["traced"]
    # From 12:20 to 15:20 nobody saw what it sends, then it is a request a minute.
    by_hour = np.histogram(other.at_s, 3600.0 * np.arange(5))[0]
    assert list(by_hour[:3]) == pytest.approx([7200] * 3, rel=0.05)
    assert by_hour[3] == 60
    assert list(np.histogram(traced.at_s, [0, 7200])[0]) == [600]
    assert (traced.at_s > 7200).sum() == pytest.approx(0.08 * 7200, rel=0.15)
    assert np.all(np.diff(traced.at_s) >= 0)
    assert traced.span_s == other.span_s == 14400.0


def test_what_comes_beside_a_trace_is_as_large_as_the_document_says():
    sized = replace(
        trace(n=60, span_s=3600.0, at=NOON),
        request_kib=np.full(60, 3.0),
        prompt_tokens=np.full(60, 7.0),
    )
    spec = document({"kind": "constant", "rate_rps": 0.08})
    beside = replace(
        workload("traced", (1.0,) * 24), request_bytes=1024.0, prompt_tokens=100
    )

    found = sending(
        spec,
        [beside, workload("other", (0.0,) * 24)],
        range(24),
        wish=Wish(
            traces={
                "traced": sized,
                "other": trace(at=NOON + dt.timedelta(hours=1), span_s=3600.0),
            }
        ),
        most_requests=1000,
        seed=1,
    ).arrivals["traced"]

    is_own = found.at_s < 3600
    assert set(found.size_ratio[is_own]) == {3.0}
    assert set(found.size_ratio[~is_own]) == {1.0}
    assert set(found.prompt_tokens[~is_own]) == {100}


def test_the_documents_own_trace_comes_as_often_as_it_counts_and_is_feared():
    own = sent(document(OWN, feared=0.5), {"traced": trace()})
    foreign = sent(
        document({"kind": "constant", "rate_rps": 0.08}, feared=0.5),
        {"traced": trace()},
    )

    assert own.arrivals["traced"].at_s.size == 1800
    assert "3 times" in own.words
    assert foreign.arrivals["traced"].at_s.size == 600


def long_trace():
    """Ten hours of a request a minute, and the sixth with eleven."""
    quiet, busy = np.arange(0, 36000, 60.0), np.arange(18000, 21600, 6.0)
    return Trace(
        name="t", at_s=np.sort(np.r_[quiet, busy]), span_s=36000.0, starts_at=NOON
    )


def tried(traces, rates, *, most_requests):
    """What is tried of them, by workload; `rates` by hour of the day."""
    mine = [workload(name, (rate,) * 24) for name, rate in rates.items()]
    spec = document({"kind": "constant", "rate_rps": 1})
    found = busiest(traces, spec, mine, range(24), most_requests=most_requests)
    return found, hours_left(found, mine, range(24))


def test_a_long_trace_is_tried_in_its_busiest_hours_and_the_others_are_left():
    long = long_trace()

    found, left = tried({"traced": long}, {"traced": 1.0}, most_requests=700)
    whole, rest = tried({"traced": long}, {"traced": 1.0}, most_requests=2000)

    # The busy hour has 660; with any other it would have 720.
    assert found["traced"].starts_at == NOON + dt.timedelta(hours=5)
    assert found["traced"].n_requests == 660
    assert "busiest 1 h" in found["traced"].name
    # From 17:20 to 18:20: of both hours enough.
    assert left == (*range(17), *range(19, 24))
    assert whole["traced"] is long
    assert rest == (*range(12), 23)


def test_what_the_others_send_counts_for_which_hours_are_tried():
    alone, _ = tried({"traced": long_trace()}, {"traced": 1.0}, most_requests=2000)
    among, _ = tried(
        {"traced": long_trace()}, {"traced": 1.0, "other": 0.5}, most_requests=2500
    )

    assert alone["traced"].n_requests == 1200
    # Beside its 660 the other sends 1,800 in an hour.
    assert among["traced"].n_requests == 660


def test_traces_of_different_hours_are_cut_to_the_same_hours_of_the_day():
    # It begins at 16:20, an hour before the other's busy one.
    later = trace(n=1000, span_s=7200.0, at=NOON + dt.timedelta(hours=4), name="o")

    found, _ = tried(
        {"traced": long_trace(), "other": later},
        {"traced": 0.0, "other": 0.0},
        most_requests=1200,
    )

    assert {n: t.starts_at for n, t in found.items()} == dict.fromkeys(
        ("traced", "other"), NOON + dt.timedelta(hours=5)
    )
    assert found["traced"].n_requests == 660
    assert found["other"].n_requests == 500


def test_hours_in_which_nobody_sends_are_not_left_to_try():
    mine = [workload("traced", tuple(float(h < 13) for h in range(24)))]

    left = hours_left({"traced": trace()}, mine, range(24))

    # The trace has 12:20 to 14:20.
    assert left == tuple(range(12))
    assert hours_left({"traced": trace()}, [workload("traced", (1.0,))], (0,)) == ()


def test_hours_that_are_asked_for_are_sent_at_their_own_rates():
    rates = tuple(float(h) for h in range(24))

    found = sending(
        document({"kind": "constant", "rate_rps": 1}),
        [workload("other", rates)],
        range(24),
        wish=AS_DECLARED,
        most_requests=30_000,
        seed=1,
        hours=(3, 12, 15),
    )

    by_hour = np.histogram(found.arrivals["other"].at_s, found.hour_s * np.arange(4))[0]
    assert found.hours == (3, 12, 15)
    assert by_hour == pytest.approx([3000, 12000, 15000], rel=0.06)
