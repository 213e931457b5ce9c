"""Traces on the plan's clock: which hours they fall in, and how often they come."""

import datetime as dt

import numpy as np
import pytest

from planner.domain.workloads import LatencySlo, Workload
from planner.pipeline.rehearsing.replay_traffic import Wish, sending
from planner.pipeline.rehearsing.stretches import busiest
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
    assert (found.first_hour, found.into_s) == (12, 1200.0)
    assert np.histogram(at_s, [0, 2400, 6000, 7200])[0] == pytest.approx(
        [3 * 2400, 0, 9 * 1200], rel=0.05
    )


def test_a_later_trace_comes_later_and_one_without_a_date_at_once():
    traces = {
        "traced": trace(),
        "other": trace(at=NOON + dt.timedelta(minutes=30), name="o"),
    }
    spec = document({"kind": "constant", "rate_rps": 0.08})
    later = sent(spec, traces, other=(1.0,) * 24, blocks=range(24))
    undated = sent(
        spec, traces | {"other": trace(at=None)}, other=(1.0,) * 24, blocks=range(24)
    )

    assert later.arrivals["traced"].at_s[0] == 0.0
    assert later.arrivals["other"].at_s[0] == 1800.0
    assert undated.arrivals["other"].at_s[0] == 0.0


def test_the_documents_own_trace_comes_as_often_as_it_counts_and_is_feared():
    own = sent(document(OWN, feared=0.5), {"traced": trace()})
    foreign = sent(
        document({"kind": "constant", "rate_rps": 0.08}, feared=0.5),
        {"traced": trace()},
    )

    assert own.arrivals["traced"].at_s.size == 1800
    assert "3 times" in own.words
    assert foreign.arrivals["traced"].at_s.size == 600


def test_a_long_trace_is_tried_in_its_busiest_hours():
    quiet, busy = np.arange(0, 36000, 60.0), np.arange(18000, 21600, 6.0)
    long = Trace(
        name="t", at_s=np.sort(np.r_[quiet, busy]), span_s=36000.0, starts_at=NOON
    )
    mine = [workload("traced", (1.0,))]

    (part,) = busiest({"traced": long}, mine, most_requests=700).values()
    (whole,) = busiest({"traced": long}, mine, most_requests=2000).values()

    assert part.starts_at == NOON + dt.timedelta(hours=5)
    # The busy hour has 660; with any other it would have 720.
    assert part.n_requests == 660
    assert "busiest" in part.name
    assert whole is long
