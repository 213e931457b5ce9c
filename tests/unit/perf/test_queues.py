"""Closed forms against tables, each other, and a simulation by another library."""

import math

import ciw
import numpy as np
import pytest

from planner.perf.queues import Deterministic
from tests.support.exponential_queues import PooledExponential, erlang_c


@pytest.mark.parametrize(
    ("servers", "offered", "expected"),
    [
        # M/M/2: 2ρ²/(1+ρ) with ρ = 0.75; M/M/3 at a = 2: 4/9; both by hand.
        (2, 1.5, 2 * 0.75**2 / 1.75),
        (3, 2.0, 4 / 9),
        # Published Erlang C table: 10 servers, 8 erlangs.
        (10, 8.0, 0.4092),
    ],
)
def test_erlang_c_is_the_tabulated_delay_probability(servers, offered, expected):
    assert erlang_c(servers, offered) == pytest.approx(expected, abs=5e-5)


def test_an_overloaded_pool_always_waits_and_for_ever():
    pool = PooledExponential(rate_rps=3.0, service_s=1.0, servers=2)

    assert pool.wait_probability == 1.0
    assert pool.sojourn_quantile_s(0.5) == math.inf
    assert pool.wait_quantile_s(0.5) == math.inf
    assert pool.mean_wait_s == math.inf
    assert pool.sojourn_within(10.0) == 0.0


def test_one_server_has_an_exponential_sojourn():
    queue = PooledExponential(rate_rps=70.0, service_s=0.01)

    for frac in (0.5, 0.95, 0.99):
        assert queue.sojourn_quantile_s(frac) == pytest.approx(
            -math.log(1 - frac) / (100.0 - 70.0)
        )


def test_drain_and_service_at_the_same_rate_need_no_special_case():
    equal = PooledExponential(rate_rps=1.0, service_s=1.0, servers=2)
    nearly = PooledExponential(rate_rps=1.0 + 1e-7, service_s=1.0, servers=2)

    assert equal.sojourn_within(2.0) == pytest.approx(nearly.sojourn_within(2.0))


def test_nobody_waits_where_enough_servers_stand():
    pool = PooledExponential(rate_rps=1.0, service_s=1.0, servers=50)

    assert pool.wait_quantile_s(0.99) == 0.0
    assert pool.wait_within(0.0) == pytest.approx(1.0)
    assert pool.wait_within(-1.0) == 0.0


def test_waits_of_constant_services_match_crommelin_in_alternating_form():
    queue = Deterministic(rate_rps=0.6, service_s=1.0)

    for t in (0.0, 0.4, 1.0, 2.5, 5.0):
        alternating = (1 - 0.6) * sum(
            (-0.6 * (t - k)) ** k / math.factorial(k) * math.exp(0.6 * (t - k))
            for k in range(math.floor(t) + 1)
        )
        assert queue.wait_within(t) == pytest.approx(alternating, abs=1e-12)


def test_the_distribution_of_constant_services_has_the_mean_of_pollaczek():
    queue = Deterministic(rate_rps=8.0, service_s=0.1)
    times = np.linspace(0, 4.0, 801)

    beyond = [1 - queue.wait_within(float(t)) for t in times]

    assert np.trapezoid(beyond, times) == pytest.approx(queue.mean_wait_s, rel=1e-3)
    assert queue.mean_wait_s == pytest.approx(0.8 * 0.1 / 2 / 0.2)


def test_deep_tails_of_constant_services_stay_accurate():
    queue = Deterministic(rate_rps=0.95, service_s=1.0)
    # θ solves e^θ = 1 + θ/λ; the tail falls at that rate.
    theta = 0.1
    for _ in range(60):
        theta -= (math.exp(theta) - 1 - theta / 0.95) / (math.exp(theta) - 1 / 0.95)

    ratio = (1 - queue.wait_within(150.0)) / (1 - queue.wait_within(140.0))

    assert ratio == pytest.approx(math.exp(-10 * theta), rel=1e-3)


def test_an_overloaded_constant_server_has_no_percentiles():
    queue = Deterministic(rate_rps=2.0, service_s=1.0)

    assert not queue.stable_rate
    assert queue.wait_quantile_s(0.5) == math.inf
    assert queue.mean_wait_s == math.inf
    assert queue.wait_within(5.0) == 0.0


def test_without_arrivals_nobody_waits():
    queue = Deterministic(rate_rps=0.0, service_s=1.0)

    assert queue.wait_within(0.0) == 1.0
    assert queue.sojourn_quantile_s(0.99) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("servers", [1, 3])
def test_a_pool_agrees_with_ciw(servers):
    pool = PooledExponential(rate_rps=0.7 * servers, service_s=1.0, servers=servers)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(pool.rate_rps)],
        service_distributions=[ciw.dists.Exponential(1.0)],
        number_of_servers=[servers],
    )
    ciw.seed(11)
    simulation = ciw.Simulation(network)

    simulation.simulate_until_max_time(40_000 / servers)

    records = simulation.get_all_records()
    sojourns = [r.exit_date - r.arrival_date for r in records if r.arrival_date > 500]
    for frac in (0.5, 0.95):
        assert pool.sojourn_quantile_s(frac) == pytest.approx(
            np.quantile(sojourns, frac), rel=0.05
        )
