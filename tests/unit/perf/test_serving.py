"""What a server takes beside the model, against queues whose answers are known."""

import dataclasses
import datetime as dt

import pytest

from planner.domain.evidence import Evidence, Provenance
from planner.domain.hardware import NetworkPath
from planner.domain.placement import BatchPolicy
from planner.domain.servers import ServerCost
from planner.domain.workloads import LatencySlo
from planner.perf.capacity import CapacityQuery, capacities_rps
from planner.perf.latency import predict
from planner.perf.queues import Deterministic
from planner.perf.service import beside_s, mean_s, service_knots
from planner.perf.sharing import Sharer, shared, slack_s

ONE = BatchPolicy(max_batch=1, max_wait_s=0.0)
FOUR = BatchPolicy(max_batch=4, max_wait_s=0.002)
FAR = NetworkPath(rtt_s=0.080, transfer_s=0.020, uplink_load_frac=0.0, source="test")


def server(*, c, latency=0.0, shared_frac=1.0, error_frac=0.0, **told):
    return ServerCost(
        server="a test's",
        processor_s=c,
        latency_s=latency,
        shared_frac=shared_frac,
        **told,
        evidence=Evidence(
            provenance=Provenance.MEASURED,
            source="a test",
            as_of=dt.date(2026, 1, 1),
            error_frac=error_frac,
        ),
    )


def with_band(profile, error_frac):
    evidence = dataclasses.replace(profile.evidence, error_frac=error_frac)
    return dataclasses.replace(profile, evidence=evidence)


def served(profile, **cost):
    return dataclasses.replace(profile, server=server(**cost))


def test_on_the_models_cores_each_request_of_a_batch_takes_longer(profile_of):
    profile = served(profile_of({1: 0.010, 4: 0.016}), c=0.003)

    means = mean_s(service_knots(profile, 4))

    assert means.tolist() == pytest.approx([0.013, 0.018, 0.023, 0.028], rel=1e-5)


def test_one_by_one_it_is_m_d_1_of_both_times_and_what_is_beside_comes_on_top(
    profile_of, no_network
):
    exact = Deterministic(rate_rps=60.0, service_s=0.012)

    seen = predict(
        served(profile_of({1: 0.010}), c=0.002, latency=0.005), ONE, 60.0, no_network
    )

    for frac in (0.5, 0.9, 0.95, 0.99):
        expected_s = exact.sojourn_quantile_s(frac) + 0.005
        assert seen.quantile_s(frac) == pytest.approx(expected_s, rel=5e-4)
    assert seen.utilization_frac == pytest.approx(0.72, rel=1e-3)


def test_a_server_with_a_core_of_its_own_delays_its_request_and_slows_the_model_less(
    profile_of, no_network
):
    exact = Deterministic(rate_rps=60.0, service_s=0.0105)

    seen = predict(
        served(profile_of({1: 0.010}), c=0.002, latency=0.005, shared_frac=0.25),
        ONE,
        60.0,
        no_network,
    )

    expected_s = exact.sojourn_quantile_s(0.95) + 0.75 * 0.002 + 0.005
    assert seen.quantile_s(0.95) == pytest.approx(expected_s, rel=5e-4)


def test_no_model_is_fast_enough_to_outrun_its_server(profile_of, no_network):
    profile = profile_of({1: 0.0001, 4: 0.0002})

    seen = predict(
        served(profile, c=0.004, shared_frac=0.5), FOUR, 0.0, no_network
    ).saturation_rps

    assert seen == pytest.approx(1 / 0.004, rel=1e-4)


def test_the_parts_tell_model_and_server_apart_and_add_up(profile_of):
    profile = served(
        profile_of({1: 0.010, 4: 0.016}), c=0.002, latency=0.001, shared_frac=0.5
    )

    parts = predict(profile, FOUR, 0.0, FAR).parts()

    # Alone in its batch: the model's 10 ms; half of c in the batch and half beside it.
    assert parts.service_s == pytest.approx(0.010, rel=1e-4)
    assert parts.server_s == pytest.approx(0.003, rel=1e-3)
    assert parts.wait_s == pytest.approx(0.002, rel=1e-3)


def test_under_load_the_parts_are_those_of_the_batches_that_come(profile_of):
    plain = profile_of({1: 0.010, 4: 0.016})
    slower = profile_of({1: 0.013, 4: 0.028})

    parts = predict(served(plain, c=0.003), FOUR, 90.0, FAR).parts()
    both = predict(slower, FOUR, 90.0, FAR).parts()

    assert parts.wait_s == pytest.approx(both.wait_s, rel=1e-4)
    assert parts.service_s + parts.server_s == pytest.approx(both.service_s, rel=1e-4)
    # s_b = 8 + 2b ms and c = 3 ms: the server's part says how large the batches are.
    batch = parts.server_s / 0.003
    assert 1 < batch < 4
    assert parts.service_s == pytest.approx(0.008 + 0.002 * batch, rel=1e-4)


def test_capacity_is_that_of_the_slower_queue_within_what_is_left(
    profile_of, no_network
):
    query = CapacityQuery(
        profile=served(profile_of({1: 0.010, 4: 0.016}), c=0.003, latency=0.004),
        policy=FOUR,
        path=no_network,
        percentile_frac=0.95,
        limit_s=0.060,
    )
    by_hand = dataclasses.replace(
        query, profile=profile_of({1: 0.013, 4: 0.028}), limit_s=0.056
    )
    free = dataclasses.replace(query, profile=profile_of({1: 0.010, 4: 0.016}))

    found, expected, without = capacities_rps([query, by_hand, free])

    assert found == pytest.approx(expected, rel=1e-4)
    assert found < 0.75 * without


def test_the_server_errs_by_its_own_band_at_the_models_quantile(profile_of):
    profile = with_band(profile_of({1: 0.010}), 0.10)
    profile = dataclasses.replace(
        profile, server=server(c=0.002, latency=0.001, error_frac=0.50)
    )

    # 1.1 is the model's 90 % quantile, so the server is at its own: 1.5.
    assert mean_s(service_knots(profile, 1, error_factor=1.1))[0] == pytest.approx(
        0.011 + 0.003, rel=1e-5
    )
    assert beside_s(profile, error_factor=1.1) == pytest.approx(0.0015)
    assert beside_s(profile, error_factor=1.0) == pytest.approx(0.001)


def test_whoever_shares_a_machine_shares_its_server(profile_of):
    slo = LatencySlo(percentile_frac=0.95, latency_s=0.200)

    def sharer(profile):
        return Sharer(profile=profile, path=FAR, slo=slo, error_factor=1.0)

    plain = sharer(profile_of({1: 0.010}))
    charged = sharer(served(profile_of({1: 0.010}), c=0.002, latency=0.001))
    by_hand = sharer(profile_of({1: 0.012}))

    assert slack_s(charged) == pytest.approx(slack_s(by_hand) - 0.001, rel=1e-4)
    seen = shared([charged, plain], [20.0, 20.0], 0)
    expected = shared([by_hand, plain], [20.0, 20.0], 0)
    assert seen.parts().wait_s == pytest.approx(expected.parts().wait_s, rel=1e-4)
    assert seen.parts().server_s == pytest.approx(0.003, rel=1e-4)
    assert seen.quantile_s(0.95) == pytest.approx(
        expected.quantile_s(0.95) + 0.001, rel=1e-4
    )


def test_a_batch_is_stirred_once_and_its_requests_handled_each(profile_of):
    profile = served(profile_of({1: 0.010, 4: 0.016}), c=0.001, stirred_s=0.003)

    knots = service_knots(profile, 4)

    assert knots[0, 0] == pytest.approx(0.010 + 0.003 + 0.001)
    assert knots[3, 0] == pytest.approx(0.016 + 0.003 + 4 * 0.001)
    assert beside_s(profile) == 0.0
