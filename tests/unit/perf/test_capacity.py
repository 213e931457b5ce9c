"""How much one replica may take on."""

import dataclasses

import numpy as np
import pytest

from planner.domain.hardware import NetworkPath
from planner.domain.placement import BatchPolicy
from planner.errors import OutsideProfileError
from planner.perf.capacity import CapacityQuery, capacities_rps
from planner.perf.latency import predict
from planner.perf.queues import Deterministic

ONE = BatchPolicy(max_batch=1, max_wait_s=0.0)


@pytest.fixture
def query(profile_of, no_network):
    return CapacityQuery(
        profile=profile_of({1: 0.010}),
        policy=ONE,
        path=no_network,
        percentile_frac=0.95,
        limit_s=0.050,
        error_factor=1.0,
    )


def test_constant_service_one_by_one_has_crommelins_capacity(query):
    [found] = capacities_rps([query])

    at, above = (
        Deterministic(rate_rps=found * f, service_s=0.010) for f in (0.998, 1.002)
    )
    assert at.sojourn_within(0.050) > 0.95 > above.sojourn_within(0.050)


def test_a_limit_that_an_idle_replica_misses_leaves_nothing(query):
    late = dataclasses.replace(query, limit_s=0.0099)

    assert capacities_rps([late]).tolist() == [0.0]


def test_the_timer_counts_against_an_idle_replica(query, profile_of):
    batching = dataclasses.replace(
        query,
        profile=profile_of({1: 0.010, 8: 0.020}),
        policy=BatchPolicy(max_batch=8, max_wait_s=0.045),
    )

    assert capacities_rps([batching]).tolist() == [0.0]


def test_the_measured_tail_counts_against_an_idle_replica(query, profile_of):
    tailed = dataclasses.replace(query, profile=profile_of({1: 0.010}, p95=5.1))

    assert capacities_rps([tailed]).tolist() == [0.0]


def test_a_batch_beyond_the_measured_is_refused(query):
    greedy = dataclasses.replace(query, policy=BatchPolicy(max_batch=2, max_wait_s=0))

    with pytest.raises(OutsideProfileError):
        capacities_rps([greedy])


def test_no_queries_have_no_answers():
    assert capacities_rps([]).tolist() == []


def test_capacity_stays_below_saturation_however_loose_the_limit(query):
    [found] = capacities_rps([dataclasses.replace(query, limit_s=100.0)])

    assert 99.0 < found < 100.0


@pytest.mark.slow
def test_at_capacity_the_predicted_percentile_meets_the_limit(query, profile_of):
    near = NetworkPath(rtt_s=0.01, transfer_s=0.0, uplink_load_frac=0.0, source="t")
    far = NetworkPath(rtt_s=0.05, transfer_s=0.01, uplink_load_frac=0.5, source="t")
    profile = profile_of({1: 0.010, 4: 0.016, 16: 0.040}, p90=1.15, p99=1.6)
    queries = [
        dataclasses.replace(
            query,
            profile=profile,
            policy=BatchPolicy(max_batch=batch, max_wait_s=wait),
            path=path,
            limit_s=0.2,
            error_factor=factor,
        )
        for batch, wait in ((1, 0.0), (4, 0.0), (16, 0.0), (16, 0.010))
        for path in (near, far)
        for factor in (1.0, 1.3)
    ]

    found = capacities_rps(queries)

    for q, rate in zip(queries, found, strict=True):
        seen = predict(
            q.profile, q.policy, float(rate), q.path, error_factor=q.error_factor
        )
        assert seen.quantile_s(0.95) == pytest.approx(0.2, rel=0.03)


def test_answers_do_not_depend_on_the_company(query, profile_of):
    other = dataclasses.replace(query, profile=profile_of({1: 0.003}), limit_s=0.004)
    third = dataclasses.replace(
        query,
        profile=profile_of({1: 0.010, 4: 0.016}),
        policy=BatchPolicy(max_batch=4, max_wait_s=0.0),
    )
    queries = [query, other, third, query]

    together = capacities_rps(queries)

    alone = np.concatenate([capacities_rps([q]) for q in queries])
    assert together == pytest.approx(alone, rel=1e-9)


def test_a_larger_batch_that_was_measured_faster_is_no_obstacle(query, profile_of):
    noisy = dataclasses.replace(
        query,
        profile=profile_of({1: 0.004, 2: 0.009, 4: 0.001, 8: 0.012}),
        policy=BatchPolicy(max_batch=8, max_wait_s=0.005),
    )

    assert 0 < capacities_rps([noisy])[0] <= 8 / 0.012 + 1e-6
