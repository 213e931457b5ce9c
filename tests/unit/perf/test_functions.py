"""Serverless functions against Erlang's own sum, and by hand."""

import datetime as dt
import math

import pytest

from planner.domain.evidence import Evidence, Provenance
from planner.domain.hardware import NetworkPath
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.domain.tariffs import FunctionTariff
from planner.domain.variants import Precision, Runtime, Variant
from planner.perf.functions import (
    billed_s,
    busy_s,
    erlang_b,
    offered_load,
    predict_function,
)

PATH = NetworkPath(rtt_s=0.01, transfer_s=0.02, uplink_load_frac=0.0, source="s")


def profile(*times_s):
    names = ("p50_s", "p90_s", "p95_s", "p99_s")
    return BatchProfile(
        model="m",
        variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH),
        device="d",
        points=(ServicePoint(batch=1, **dict(zip(names, times_s, strict=False))),),
        evidence=Evidence(
            provenance=Provenance.MEASURED,
            source="s",
            as_of=dt.date(2026, 1, 1),
            error_frac=0.0,
        ),
    )


def tariff(**facts):
    plain = {
        "memory_gib": 1.0,
        "usd_per_gib_s": 1e-5,
        "usd_per_million_requests": 0.2,
        "least_billed_s": 0.0,
        "billed_step_s": 0.001,
        "cold_start_s": 0.5,
        "cold_start_frac": 0.0,
        "runs_like_error_frac": 0.0,
    }
    return FunctionTariff(**(plain | facts))


@pytest.mark.parametrize(("servers", "offered"), [(1, 0.3), (5, 4.0), (40, 35.0)])
def test_refusals_are_those_of_erlangs_sum(servers, offered):
    terms = [offered**k / math.factorial(k) for k in range(servers + 1)]

    assert erlang_b(servers, offered) == pytest.approx(terms[-1] / sum(terms))
    load = offered_load(servers, erlang_b(servers, offered))
    assert load == pytest.approx(offered, rel=1e-6)


def test_no_refusals_allowed_leave_no_load():
    assert offered_load(10, 0.0) == 0.0


def test_a_cold_start_adds_to_those_who_meet_one():
    cold = tariff(cold_start_frac=0.04)

    seen = predict_function(profile(0.1), cold, 0.0, PATH)

    # 30 ms of network, 100 ms of service, and half a second more for 4 of 100.
    assert seen.quantile_s(0.95) == pytest.approx(0.13, rel=1e-3)
    assert seen.quantile_s(0.97) == pytest.approx(0.63, rel=1e-3)
    assert seen.probability_within(0.2) == pytest.approx(0.96)
    assert seen.parts().wait_s == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("facts", "billed"),
    [
        ({}, 0.043),
        ({"billed_step_s": 0.1}, 0.1),
        ({"least_billed_s": 0.06}, 0.06),
        ({"least_billed_s": 0.06, "billed_step_s": 0.05}, 0.1),
        ({"cold_start_frac": 1.0}, 0.543),
        ({"cold_start_frac": 0.5, "billed_step_s": 0.1}, (0.1 + 0.6) / 2),
    ],
)
def test_a_call_is_billed_in_whole_steps(facts, billed):
    assert billed_s(profile(0.0421), tariff(**facts), error_factor=1.0) == pytest.approx(billed, rel=1e-3)  # fmt: skip


def test_half_of_the_calls_over_a_step_pay_one_more():
    # The median is 10 ms, the worst of a flat upper half 20 ms: steps of 15 ms.
    spread = profile(0.010, 0.018, 0.019, 0.0198)
    steps = tariff(billed_step_s=0.015)

    billed = billed_s(spread, steps, error_factor=1.0)

    assert 0.015 < billed < 0.0225
    assert billed_s(spread, steps, error_factor=2.0) > billed


def test_a_call_keeps_its_instance_while_it_starts_cold():
    kept = busy_s(profile(0.1), tariff(cold_start_frac=0.5), error_factor=2.0)

    assert kept == pytest.approx(0.2 + 0.25, rel=1e-3)


def test_the_part_of_the_limit_in_use_is_littles():
    limited = tariff(most_concurrent=20)

    seen = predict_function(profile(0.1), limited, 50.0, PATH)

    assert seen.utilization_frac == pytest.approx(50 * 0.1 / 20, rel=1e-3)
