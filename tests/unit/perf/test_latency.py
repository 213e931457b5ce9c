"""What users of one replica see."""

import math
from dataclasses import replace

import numpy as np
import pytest

from planner.domain.hardware import NetworkPath
from planner.domain.placement import BatchPolicy
from planner.perf.latency import predict
from planner.perf.network import delays_s, mean_transfer_s
from planner.perf.queues import Deterministic

ONE = BatchPolicy(max_batch=1, max_wait_s=0.0)
FAR = NetworkPath(rtt_s=0.080, transfer_s=0.020, uplink_load_frac=0.0, source="test")
SHARED = NetworkPath(rtt_s=0.030, transfer_s=0.020, uplink_load_frac=0.6, source="test")


@pytest.mark.parametrize("load_frac", [0.1, 0.5, 0.9, 0.99])
def test_constant_service_one_by_one_is_m_d_1(profile_of, no_network, load_frac):
    exact = Deterministic(rate_rps=load_frac / 0.01, service_s=0.01)

    seen = predict(profile_of({1: 0.01}), ONE, exact.rate_rps, no_network)

    for frac in (0.5, 0.9, 0.95, 0.99):
        assert seen.quantile_s(frac) == pytest.approx(
            exact.sojourn_quantile_s(frac), rel=5e-4
        )


def test_an_idle_replica_answers_in_its_measured_percentiles(profile_of, no_network):
    profile = profile_of({1: 0.010}, p90=1.3, p95=1.6, p99=2.5)

    seen = predict(profile, ONE, 0.0, no_network)

    for frac, expected in ((0.5, 0.010), (0.9, 0.013), (0.95, 0.016), (0.99, 0.025)):
        assert seen.quantile_s(frac) == pytest.approx(expected, rel=1e-4)
    assert seen.utilization_frac == pytest.approx(0.0, abs=1e-6)


def test_who_finds_the_replica_idle_is_served_more_slowly(profile_of, no_network):
    profile = replace(profile_of({1: 0.010}), rested_s=0.004)

    alone, crowd = (predict(profile, ONE, rate, no_network) for rate in (0.0, 60.0))

    assert alone.quantile_s(0.5) == pytest.approx(0.014)
    assert alone.parts().service_s == pytest.approx(0.014)
    # Welch: idle for (1-ρ)/(1-ρ+ρ_0) of the requests, ρ = 0.6 and ρ_0 = 0.84.
    idle = 0.4 / (0.4 + 0.84)
    assert crowd.parts().service_s == pytest.approx(0.010 + idle * 0.004)
    assert crowd.utilization_frac == pytest.approx(60 * (0.010 + idle * 0.004))
    assert crowd.saturation_rps == pytest.approx(100.0)


def test_a_lonely_request_waits_for_its_timer(profile_of):
    profile = profile_of({1: 0.010, 8: 0.030})
    policy = BatchPolicy(max_batch=8, max_wait_s=0.005)

    seen = predict(profile, policy, 0.0, FAR)

    assert seen.quantile_s(0.99) == pytest.approx(0.080 + 0.020 + 0.005 + 0.010)
    assert seen.mean_batch == pytest.approx(1.0)


def test_a_timer_means_nothing_where_batches_hold_one(profile_of, no_network):
    policy = BatchPolicy(max_batch=1, max_wait_s=0.005)

    seen = predict(profile_of({1: 0.010}), policy, 0.0, no_network)

    assert seen.quantile_s(0.99) == pytest.approx(0.010)


def test_at_saturation_latencies_are_infinite_and_nothing_is_raised(
    profile_of, no_network
):
    seen = predict(profile_of({1: 0.010}), ONE, 100.0, no_network)

    assert not seen.stable_rate
    assert seen.quantile_s(0.5) == math.inf
    assert seen.probability_within(1e9) == 0.0
    assert seen.utilization_frac == 1.0
    assert seen.parts().wait_s == math.inf
    assert math.isnan(seen.mean_batch)


def test_batching_raises_the_rate_that_saturates(profile_of, no_network):
    profile = profile_of({1: 0.010, 8: 0.024})

    eight = predict(profile, BatchPolicy(max_batch=8, max_wait_s=0), 200.0, no_network)

    assert eight.saturation_rps == pytest.approx(8 / 0.024, rel=1e-5)
    assert eight.stable_rate


def test_an_error_factor_stretches_service_but_not_the_network(profile_of):
    profile = profile_of({1: 0.010})

    seen = predict(profile, ONE, 0.0, FAR, error_factor=2.0)

    assert seen.quantile_s(0.5) == pytest.approx(0.100 + 0.020)


def test_the_wait_for_a_shared_uplink_is_that_of_m_d_1(profile_of):
    # A server of no account: what is left is the uplink.
    profile = profile_of({1: 1e-6})
    uplink = Deterministic(rate_rps=0.6 / 0.020, service_s=0.020)

    seen = predict(profile, ONE, 1.0, SHARED)

    for frac in (0.5, 0.9, 0.95, 0.99):
        expected = 0.030 + uplink.sojourn_quantile_s(frac)
        assert seen.quantile_s(frac) == pytest.approx(expected, rel=0.02)


def test_strata_of_the_uplink_keep_its_mean():
    delays, masses = delays_s(SHARED)

    assert masses.sum() == pytest.approx(1.0)
    assert delays @ masses == pytest.approx(0.030 + mean_transfer_s(SHARED))
    assert mean_transfer_s(SHARED) == pytest.approx(0.020 * (1 + 0.6 / 2 / 0.4))


def test_parts_add_up_to_the_mean_of_the_distribution(profile_of):
    profile = profile_of({1: 0.010, 4: 0.016}, p90=1.2, p99=1.8)
    policy = BatchPolicy(max_batch=4, max_wait_s=0.006)

    seen = predict(profile, policy, 150.0, SHARED)

    times = np.linspace(0, 0.8, 201)
    mean = np.trapezoid([1 - seen.probability_within(float(t)) for t in times], times)
    parts = seen.parts()
    total = parts.rtt_s + parts.transfer_s + parts.wait_s + parts.service_s
    assert total == pytest.approx(mean, rel=0.005)


def test_the_percentile_of_the_sum_is_not_the_sum_of_percentiles(profile_of):
    profile = profile_of({1: 0.010}, p90=2.0, p99=5.0)
    near = NetworkPath(rtt_s=0.0, transfer_s=0.020, uplink_load_frac=0.6, source="test")
    uplink = Deterministic(rate_rps=0.6 / 0.020, service_s=0.020)

    seen = predict(profile, ONE, 0.0, near)

    assert seen.quantile_s(0.99) < 0.95 * (0.050 + uplink.sojourn_quantile_s(0.99))


def test_share_and_percentile_are_inverse(profile_of, no_network):
    profile = profile_of({1: 0.010, 4: 0.016}, p90=1.2, p99=1.8)

    seen = predict(profile, BatchPolicy(max_batch=4, max_wait_s=0.0), 180.0, no_network)

    for frac in (0.5, 0.9, 0.999):
        assert seen.probability_within(seen.quantile_s(frac)) == pytest.approx(
            frac, abs=1e-4
        )
