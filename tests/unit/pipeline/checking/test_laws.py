"""The checker's own laws of latency against closed forms, and against the planner's."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from planner.domain.evidence import Evidence, Provenance
from planner.domain.hardware import NetworkPath
from planner.domain.placement import BatchPolicy
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.domain.variants import Precision, Runtime, Variant
from planner.domain.workloads import LatencySlo
from planner.perf.latency import predict
from planner.perf.queues import Deterministic
from planner.perf.service import STRATA, service_knots
from planner.perf.sharing import Sharer, shared
from planner.pipeline.checking.laws import alone, batched, in_turn

DIRECT = NetworkPath(rtt_s=0.0, transfer_s=0.0, uplink_load_frac=0.0, source="s")
SHARED = NetworkPath(rtt_s=0.02, transfer_s=0.01, uplink_load_frac=0.6, source="s")
PERCENTILES = (0.5, 0.95, 0.99)


def profile(*, spread=0.3, per_item_s=0.004):
    """A fixed cost and a cost per item, with a tail."""

    def point(batch):
        p50 = 0.006 + per_item_s * batch
        return ServicePoint(
            batch=batch,
            p50_s=p50,
            mean_s=p50 * (1 + spread / 4),
            p90_s=p50 * (1 + spread),
            p95_s=p50 * (1 + 1.5 * spread),
            p99_s=p50 * (1 + 3 * spread),
        )

    return BatchProfile(
        model="m",
        variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH),
        device="d",
        points=tuple(point(b) for b in (1, 2, 4, 8)),
        evidence=Evidence(
            provenance=Provenance.MEASURED,
            source="s",
            as_of=dt.date(2026, 1, 1),
            error_frac=0.1,
        ),
    )


@pytest.mark.parametrize("load", [0.05, 0.5, 0.9])
def test_equal_services_wait_as_crommelin_says(load):
    exact = Deterministic(rate_rps=load / 0.01, service_s=0.01)
    knots = np.full(STRATA.size, 0.01)

    law = alone(knots, load / 0.01, DIRECT, beside_s=0.0)

    assert law.load_frac == pytest.approx(load)
    for frac in PERCENTILES:
        assert law.quantile_s(frac) == pytest.approx(
            exact.sojourn_quantile_s(frac), rel=0.01
        )
    mean_s = float(law.times_s @ law.masses)
    assert mean_s == pytest.approx(0.01 + exact.mean_wait_s, rel=0.005)


@pytest.mark.parametrize("path", [DIRECT, SHARED], ids=["direct", "shared uplink"])
@pytest.mark.parametrize("rested_s", [0.0, 0.008])
@pytest.mark.parametrize("rate_rps", [5.0, 50.0, 80.0])
def test_one_at_a_time_is_as_the_planner_predicts(rate_rps, rested_s, path):
    one = replace(profile(), rested_s=rested_s)
    policy = BatchPolicy(max_batch=1, max_wait_s=0.0)

    seen = predict(one, policy, rate_rps, path)
    knots = service_knots(one, 1)[0]
    law = alone(knots, rate_rps, path, beside_s=0.0, rested_s=rested_s)

    assert law.load_frac == pytest.approx(seen.utilization_frac, rel=0.01)
    for frac in PERCENTILES:
        assert law.quantile_s(frac) == pytest.approx(seen.quantile_s(frac), rel=0.015)


@pytest.mark.parametrize("max_wait_s", [0.0, 0.01, 0.05])
@pytest.mark.parametrize("rested_s", [0.0, 0.01])
@pytest.mark.parametrize("rate_rps", [10.0, 90.0, 150.0])
def test_batches_are_as_the_planner_predicts(rate_rps, rested_s, max_wait_s):
    one = replace(profile(), rested_s=rested_s)
    policy = BatchPolicy(max_batch=8, max_wait_s=max_wait_s)

    seen = predict(one, policy, rate_rps, SHARED)
    knots = service_knots(one, 8)
    law = batched(knots, policy, rate_rps, SHARED, beside_s=0.0, rested_s=rested_s)

    assert law.load_frac == pytest.approx(seen.utilization_frac, rel=0.03)
    for frac in PERCENTILES:
        room_s = 0.02 * seen.quantile_s(frac) + 5 * law.error_s(frac)
        assert law.quantile_s(frac) == pytest.approx(seen.quantile_s(frac), abs=room_s)


def test_several_models_in_turn_are_bounded_as_the_planner_does():
    one, other = profile(), profile(spread=0.1, per_item_s=0.02)
    slo = LatencySlo(percentile_frac=0.95, latency_s=1.0)
    rates = [20.0, 15.0]
    sharers = [
        Sharer(profile=p, path=SHARED, slo=slo, error_factor=1.0) for p in (one, other)
    ]

    bound = shared(sharers, rates, 0)
    law = in_turn(
        [(service_knots(p, 1)[0], r) for p, r in zip((one, other), rates, strict=True)],
        SHARED,
        beside_s=0.0,
    )

    for frac in PERCENTILES:
        assert law.quantile_s(frac) == pytest.approx(bound.quantile_s(frac), rel=0.03)


def test_more_than_can_be_answered_in_turn_has_no_law():
    knots = np.full(STRATA.size, 0.01)

    assert in_turn([(knots, 60.0), (knots, 60.0)], DIRECT, beside_s=0.0) is None


def test_what_a_server_adds_comes_on_top():
    knots = np.full(STRATA.size, 0.01)

    without, law = (alone(knots, 10.0, DIRECT, beside_s=b) for b in (0.0, 0.003))

    assert law.quantile_s(0.5) - without.quantile_s(0.5) == pytest.approx(0.003)
