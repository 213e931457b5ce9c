"""Laws that latency and capacity obey whatever the profile."""

import dataclasses
import datetime as dt
import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.domain.evidence import Evidence, Provenance
from planner.domain.hardware import NetworkPath
from planner.domain.placement import BatchPolicy
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.domain.variants import Precision, Runtime, Variant
from planner.perf.capacity import CapacityQuery, capacities_rps
from planner.perf.latency import predict
from planner.perf.queues import Deterministic
from tests.support.exponential_queues import PooledExponential, erlang_c

# What two lattices may differ by where theory says "not less".
SLACK = 0.03


@st.composite
def profiles(draw, largest=8):
    fixed_s = draw(st.floats(0.001, 0.05))
    each_s = draw(st.floats(0.0002, 0.01))
    p90, p99 = sorted(draw(st.tuples(st.floats(1, 2), st.floats(1, 4))))
    points = tuple(
        ServicePoint(batch=b, p50_s=t, p90_s=p90 * t, p99_s=p99 * t)
        for b in (1, 2, 4, 8)
        if b <= largest and (t := fixed_s + b * each_s)
    )
    return BatchProfile(
        model="m",
        variant=Variant(precision=Precision.INT8, runtime=Runtime.ONNXRUNTIME),
        device="d",
        points=points,
        evidence=Evidence(
            provenance=Provenance.MEASURED,
            source="drawn",
            as_of=dt.date(2026, 1, 1),
            error_frac=0.0,
        ),
    )


@st.composite
def queries(draw):
    profile = draw(profiles())
    batch = draw(st.sampled_from([1, 2, 4, 8]))
    wait_s = draw(st.sampled_from([0.0, 0.002, 0.01]))
    rtt_s = draw(st.floats(0.0, 0.05))
    slowest_s = profile.points[-1].p99_s or 0.0
    return CapacityQuery(
        profile=profile,
        policy=BatchPolicy(max_batch=batch, max_wait_s=wait_s),
        path=NetworkPath(
            rtt_s=rtt_s, transfer_s=0.002, uplink_load_frac=0.0, source="drawn"
        ),
        percentile_frac=draw(st.sampled_from([0.5, 0.9, 0.95, 0.99])),
        limit_s=rtt_s + draw(st.floats(0.5, 6.0)) * (slowest_s + wait_s),
        error_factor=1.0,
    )


@settings(deadline=None, max_examples=15)
@given(query=queries(), more=st.floats(1.05, 2.0))
def test_capacity_grows_with_patience_and_shrinks_with_distance_and_error(query, more):
    farther = dataclasses.replace(query.path, rtt_s=query.path.rtt_s + 0.01 * more)
    plain, patient, slower, far = capacities_rps(
        [
            query,
            dataclasses.replace(query, limit_s=query.limit_s * more),
            dataclasses.replace(query, error_factor=more),
            dataclasses.replace(query, path=farther),
        ]
    )

    assert patient >= plain * (1 - SLACK)
    assert slower <= plain * (1 + SLACK)
    assert far <= plain * (1 + SLACK)


@settings(deadline=None, max_examples=15)
@given(query=queries())
def test_capacity_keeps_its_promise_and_little_more_breaks_it(query):
    [rate] = capacities_rps([query])

    def share_at(rate_rps: float) -> float:
        seen = predict(query.profile, query.policy, rate_rps, query.path)
        return seen.probability_within(query.limit_s)

    if rate == 0:
        assert share_at(0.0) < query.percentile_frac + 1e-6
    else:
        assert share_at(rate * 0.96) >= query.percentile_frac - 0.005
        assert share_at(rate * 1.04) <= query.percentile_frac + 0.005


@settings(deadline=None, max_examples=15)
@given(profile=profiles(), batch=st.sampled_from([1, 4, 8]))
def test_greedy_latency_rises_with_the_rate(profile, batch):
    here = NetworkPath(rtt_s=0, transfer_s=0, uplink_load_frac=0, source="drawn")
    policy = BatchPolicy(max_batch=batch, max_wait_s=0.0)
    top = predict(profile, policy, 0.0, here).saturation_rps

    quantiles = [
        predict(profile, policy, top * load, here).quantile_s(0.95)
        for load in (0.0, 0.2, 0.5, 0.8, 1.0)
    ]

    for lower, higher in pairwise(quantiles):
        assert higher >= lower * (1 - 0.01)
    assert quantiles[-1] == math.inf


@given(
    load_frac=st.floats(0.01, 0.97),
    service_s=st.floats(1e-4, 10.0),
    frac=st.floats(0.05, 0.999),
)
def test_constant_service_waits_less_than_exponential_service(
    load_frac, service_s, frac
):
    rate = load_frac / service_s
    constant = Deterministic(rate_rps=rate, service_s=service_s)
    random = PooledExponential(rate_rps=rate, service_s=service_s)

    assert constant.mean_wait_s == pytest.approx(random.mean_wait_s / 2)
    time = constant.wait_quantile_s(frac)
    assert constant.wait_within(time) >= frac - 1e-9
    assert random.sojourn_within(random.sojourn_quantile_s(frac)) == pytest.approx(frac)


@given(servers=st.integers(1, 60), busy=st.floats(0.01, 0.99))
def test_erlang_c_is_the_sum_over_its_birth_death_chain(servers, busy):
    offered = busy * servers
    weights = [1.0]
    for n in range(1, 4000):
        weights.append(weights[-1] * offered / min(n, servers))

    waits = sum(weights[servers:]) / sum(weights)

    assert erlang_c(servers, offered) == pytest.approx(waits, rel=1e-6)


@given(servers=st.integers(2, 20), busy=st.floats(0.05, 0.95))
def test_a_shared_queue_beats_separate_ones(servers, busy):
    pooled = PooledExponential(rate_rps=busy * servers, service_s=1.0, servers=servers)
    apart = PooledExponential(rate_rps=busy, service_s=1.0)

    assert pooled.mean_wait_s < apart.mean_wait_s
    assert pooled.sojourn_quantile_s(0.95) <= apart.sojourn_quantile_s(0.95)
