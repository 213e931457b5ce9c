"""Simulated queues against closed forms, Ciw, and what perf says of batches."""

import datetime as dt
from dataclasses import replace

import ciw
import numpy as np
import pytest

from planner.domain.evidence import Evidence, Provenance
from planner.domain.hardware import NetworkPath
from planner.domain.placement import BatchPolicy
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.domain.variants import Precision, Runtime, Variant
from planner.perf.latency import predict
from planner.perf.queues import Deterministic
from planner.perf.service import STRATA, service_knots
from planner.simulate.scenario import Batches, Routing, Way
from tests.support.exponential_queues import PooledExponential
from tests.support.stages import (
    constant,
    exponential,
    latencies_s,
    percentiles_and_noise,
    poisson,
    stage,
)

FRACS = (0.5, 0.95, 0.99)
# Standard errors that a percentile may be off by: 36 of them are looked at here.
NOISE = 4.0
HERE = NetworkPath(rtt_s=0.0, transfer_s=0.0, uplink_load_frac=0.0, source="test")


def within_noise(latency_s, expected_s):
    seen, noise = percentiles_and_noise(latency_s, FRACS)
    return np.all(np.abs(seen - expected_s) <= NOISE * noise + 1e-3 * expected_s)


@pytest.mark.parametrize("servers", [1, 2, 8])
@pytest.mark.parametrize("load_frac", [0.3, 0.7, 0.9])
def test_a_shared_queue_is_erlangs(servers, load_frac):
    rate = load_frac * servers / 0.05
    theory = PooledExponential(rate_rps=rate, service_s=0.05, servers=servers)

    seen = latencies_s(
        stage(
            exponential(0.05),
            poisson(rate, 400_000),
            machines=servers,
            routing=Routing.SHARED_QUEUE,
        )
    )

    expected = np.array([theory.sojourn_quantile_s(f) for f in FRACS])
    assert within_noise(seen, expected)


@pytest.mark.parametrize("load_frac", [0.2, 0.5, 0.8, 0.9])
def test_constant_service_is_crommelins(load_frac):
    theory = Deterministic(rate_rps=load_frac / 0.02, service_s=0.02)

    seen = latencies_s(stage(constant(0.02), poisson(load_frac / 0.02, 400_000)))

    expected = np.array([theory.sojourn_quantile_s(f) for f in FRACS])
    assert within_noise(seen, expected)


def test_shares_of_a_stream_are_queues_of_their_own():
    theory = PooledExponential(rate_rps=14.0, service_s=0.05)

    seen = latencies_s(stage(exponential(0.05), poisson(56.0, 400_000), machines=4))

    expected = np.array([theory.sojourn_quantile_s(f) for f in FRACS])
    assert within_noise(seen, expected)


def test_joining_the_shortest_queue_lies_between_shares_and_one_queue():
    sent = poisson(72.0, 100_000)
    p95 = {
        routing: np.quantile(
            latencies_s(stage(exponential(0.05), sent, machines=4, routing=routing)),
            0.95,
        )
        for routing in Routing
    }

    assert (
        p95[Routing.SHARED_QUEUE] < p95[Routing.LEAST_OUTSTANDING] < p95[Routing.SHARE]
    )


def profile(spread):
    return BatchProfile(
        model="m",
        variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH),
        device="d",
        evidence=Evidence(
            provenance=Provenance.MEASURED,
            source="test",
            as_of=dt.date(2026, 1, 1),
            error_frac=0.0,
        ),
        points=tuple(
            ServicePoint(batch=b, p50_s=t, p90_s=spread * t, p99_s=spread**2 * t)
            for b in (1, 2, 4, 8, 16)
            if (t := 0.01 + 0.002 * b)
        ),
    )


@pytest.mark.parametrize(
    ("max_batch", "max_wait_s", "load_frac", "spread", "rested_s"),
    [
        (1, 0.0, 0.8, 1.3, 0.0),
        (1, 0.0, 0.5, 1.3, 0.009),
        (1, 0.0, 0.8, 1.1, 0.02),
        (4, 0.0, 0.6, 1.1, 0.0),
        (4, 0.0, 0.4, 1.1, 0.02),
        (8, 0.0, 0.9, 1.3, 0.0),
        (8, 0.01, 0.3, 1.1, 0.0),
        (8, 0.01, 0.3, 1.1, 0.015),
        (8, 0.03, 0.6, 1.3, 0.0),
        (8, 0.03, 0.6, 1.3, 0.02),
        (16, 0.02, 0.8, 1.1, 0.0),
    ],
)
def test_batches_wait_as_perf_predicts(
    max_batch, max_wait_s, load_frac, spread, rested_s
):
    served = replace(profile(spread), rested_s=rested_s)
    policy = BatchPolicy(max_batch=max_batch, max_wait_s=max_wait_s)
    idle = predict(served, policy, 1.0, HERE)
    rate = load_frac * idle.saturation_rps
    theory = predict(served, policy, rate, HERE)

    seen = latencies_s(
        stage(
            Batches(
                strata=STRATA,
                knots_s=service_knots(served, max_batch),
                policy=policy,
                rested_s=rested_s,
            ),
            poisson(rate, 400_000),
        )
    )

    expected = np.array([theory.quantile_s(f) for f in FRACS])
    assert within_noise(seen, expected)


def test_a_shared_line_waits_like_an_m_d_1_queue():
    line = Deterministic(rate_rps=70.0, service_s=0.01)
    way = Way(rtt_s=0.03, up_s=0.01, line="site")

    seen = latencies_s(
        stage(constant(1e-6), poisson(70.0, 300_000), machines=100, way=way)
    )

    expected = np.array([0.03 + line.sojourn_quantile_s(f) for f in FRACS])
    assert within_noise(seen, expected)


@pytest.mark.slow
@pytest.mark.parametrize(("servers", "load_frac"), [(1, 0.6), (3, 0.8)])
def test_ciw_sees_the_same(servers, load_frac):
    rate, n = load_frac * servers, 30_000
    ciw.seed(3)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate)],
        service_distributions=[ciw.dists.Exponential(1.0)],
        number_of_servers=[servers],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(n)
    records = sorted(simulation.get_all_records(), key=lambda r: r.arrival_date)
    theirs, their_noise = percentiles_and_noise(
        np.array([r.exit_date - r.arrival_date for r in records])
    )

    seen, noise = percentiles_and_noise(
        latencies_s(
            stage(
                exponential(1.0),
                poisson(rate, 400_000),
                machines=servers,
                routing=Routing.SHARED_QUEUE,
            )
        )
    )

    assert np.all(np.abs(seen - theirs) <= NOISE * np.hypot(noise, their_noise))
