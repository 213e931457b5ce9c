"""Waits of a batching server against an event simulation, Ciw and exact theory."""

import ciw
import numpy as np
import pytest

from planner.perf.batching import solve_batching
from planner.perf.lattice import Queues, decay_rate, saturation_rps
from planner.perf.service import MASSES, STRATA, mean_s, spread_apart
from planner.perf.single import solve_single
from planner.perf.sojourn import (
    busy_frac,
    mean_service_s,
    mean_wait_s,
    share_answered_within,
)
from planner.perf.solving import solve_one, solved_together

SHAPES = {
    "deterministic": np.ones(7),
    "spread": np.array([0.85, 1.0, 1.1, 1.3, 1.5, 2.2, 3.0]),
    # Quantiles of an exponential; its open last piece keeps the mean excess.
    "exponential": np.append(-np.log1p(-STRATA[:-1]), np.log(100) + 2),
}


def queue(shape, *, max_batch, max_wait_s, load_frac, fixed_s=0.004, each_s=0.001):
    median = fixed_s + each_s * np.arange(1, max_batch + 1)
    idle = Queues(
        rate_rps=np.ones(1),
        max_batch=np.array([max_batch]),
        max_wait_s=np.array([max_wait_s]),
        knots_s=spread_apart(median[:, None] * SHAPES[shape])[None],
        rested_s=np.zeros(1),
    )
    return idle.at_rate(load_frac * saturation_rps(idle))


def quantiles_s(waits, fracs):
    low, high = np.zeros((1, len(fracs))), np.full((1, len(fracs)), 10.0)
    for _ in range(36):
        middle = (low + high) / 2
        short = share_answered_within(waits, middle) < np.array(fracs)
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return high[0]


def percentiles_and_noise(sojourns):
    """Percentiles of a simulation, and their relative standard errors."""
    fracs = [0.5, 0.95, 0.99]
    parts = np.array([np.quantile(p, fracs) for p in np.array_split(sojourns, 8)])
    whole = np.quantile(sojourns, fracs)
    return whole, parts.std(axis=0, ddof=1) / np.sqrt(8) / whole


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "load_frac"),
    [
        ("deterministic", 0.1),
        ("deterministic", 0.5),
        ("deterministic", 0.9),
        ("spread", 0.5),
        ("spread", 0.9),
        ("exponential", 0.3),
    ],
)
@pytest.mark.parametrize(
    ("max_batch", "max_wait_s"), [(2, 0.0), (8, 0.004), (32, 0.0), (32, 0.02)]
)
def test_percentiles_are_within_5_percent_of_a_simulation(
    simulate, shape, max_batch, max_wait_s, load_frac
):
    queues = queue(
        shape, max_batch=max_batch, max_wait_s=max_wait_s, load_frac=load_frac
    )
    rng = np.random.default_rng(3)
    table_s = [
        np.interp(rng.random(5_000), STRATA, knots).tolist()
        for knots in queues.knots_s[0]
    ]
    coming = iter(rng.integers(0, 5_000, 400_000).tolist())
    sojourns = simulate(
        rng,
        rate_rps=queues.rate_rps[0],
        max_batch=max_batch,
        max_wait_s=max_wait_s,
        draw_s=lambda size: table_s[size - 1][next(coming)],
        n_requests=250_000 if load_frac > 0.8 else 60_000,
    )
    expected, noise = percentiles_and_noise(sojourns)

    fine = quantiles_s(solve_one(queues), [0.5, 0.95, 0.99])
    coarse = quantiles_s(next(solved_together(queues))[1], [0.5, 0.95, 0.99])

    # The 5 % are the theory's, the rest is the simulation's.
    allowed = (0.05 + 3 * noise) * expected
    assert np.all(np.abs(fine - expected) < allowed)
    assert np.all(np.abs(coarse - expected) < allowed)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("load_frac", [0.2, 0.6, 0.9])
def test_batches_of_one_are_the_queue_of_pollaczek_and_khinchine(shape, load_frac):
    queues = queue(shape, max_batch=1, max_wait_s=0.0, load_frac=load_frac)

    by_heads = solve_batching(queues, n_points=160, overflows=True)
    by_sum = solve_single(queues, n_points=512)

    fracs = [0.5, 0.9, 0.99]
    assert quantiles_s(by_heads, fracs) == pytest.approx(
        quantiles_s(by_sum, fracs), rel=0.006
    )


def second_moment_s2(knots):
    low, high = knots[:-1], knots[1:]
    return float(MASSES @ ((low**2 + low * high + high**2) / 3))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("load_frac", [0.1, 0.5, 0.95])
def test_the_mean_wait_of_one_by_one_service_is_exact(shape, load_frac):
    queues = queue(shape, max_batch=1, max_wait_s=0.0, load_frac=load_frac)
    knots, rate = queues.knots_s[0, 0], queues.rate_rps[0]

    waits = solve_one(queues)

    exact = rate * second_moment_s2(knots) / 2 / (1 - load_frac)
    assert mean_wait_s(waits)[0] == pytest.approx(exact, rel=0.002)
    assert busy_frac(waits)[0] == pytest.approx(load_frac)
    assert mean_service_s(waits, waits.queues.knots_s)[0] == pytest.approx(
        mean_s(knots)
    )


def test_a_timer_that_never_ends_makes_the_queue_of_erlang_arrivals():
    # Batches of exactly 4 are customers that arrive Erlang(4): Ciw can serve those.
    queues = queue("deterministic", max_batch=4, max_wait_s=50.0, load_frac=0.8)
    rate, service_s = queues.rate_rps[0], queues.knots_s[0, 3, 0]
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Erlang(rate, 4)],
        service_distributions=[ciw.dists.Deterministic(service_s)],
        number_of_servers=[1],
    )
    ciw.seed(5)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(10_000 * 4 / rate)
    batch_wait_s = np.mean([r.waiting_time for r in simulation.get_all_records()])

    waits = solve_one(queues)

    # On average a request also waits for 1.5 later ones of its batch.
    assert waits.mean_batch[0] == pytest.approx(4.0, rel=1e-4)
    assert mean_wait_s(waits)[0] == pytest.approx(batch_wait_s + 1.5 / rate, rel=0.02)


@pytest.mark.parametrize("load_frac", [0.05, 0.3, 0.6, 0.8])
def test_greedy_means_lie_just_under_inoues_bound(load_frac):
    # Inoue (2021) bounds the mean latency for S_b = τ0 + α b, constant, without a batch
    # limit; one of 64 is hardly ever reached at these loads.
    fixed_s, each_s = 0.004, 0.001
    queues = queue("deterministic", max_batch=64, max_wait_s=0.0, load_frac=load_frac)
    rate = queues.rate_rps[0]

    waits = solve_one(queues)

    mean = mean_wait_s(waits)[0] + mean_service_s(waits, waits.queues.knots_s)[0]
    x = rate * each_s
    light = (each_s + fixed_s) / (2 * (1 - x))
    light *= 1 + 2 * rate * fixed_s + (1 - rate * fixed_s) / (1 + x)
    heavy = 1.5 * fixed_s / (1 - x) + each_s / 2 * (x + 2) / (1 - x**2)
    bound = min(light, heavy)
    assert 0.9 * bound < mean < 1.001 * bound


def test_work_is_conserved_and_requests_add_up():
    queues = queue("spread", max_batch=8, max_wait_s=0.003, load_frac=0.7)

    waits = solve_one(queues)

    everyone = (
        waits.cells.sum()
        + waits.tail.sum()
        + waits.at_timer.sum()
        + waits.under_timer.sum()
        + waits.filling.sum()
        + waits.at_once.sum()
    )
    assert everyone == pytest.approx(1.0)
    assert waits.batch_share.sum() == pytest.approx(1.0)
    assert share_answered_within(waits, np.array([[5.0]]))[0, 0] == pytest.approx(1.0)


def test_the_tail_falls_as_the_random_walk_of_full_batches_says():
    queues = queue("deterministic", max_batch=4, max_wait_s=0.0, load_frac=0.7)
    rate, service_s = queues.rate_rps[0], mean_s(queues.knots_s[0, 3])

    theta = decay_rate(queues)[0]

    assert theta > 0
    assert np.exp(theta * service_s) == pytest.approx((1 + theta / rate) ** 4)


def test_each_queue_is_solved_as_if_it_were_alone():
    shapes = [("spread", 1, 0.0), ("spread", 8, 0.0), ("spread", 8, 0.004)]
    alone = [queue(s, max_batch=b, max_wait_s=w, load_frac=0.6) for s, b, w in shapes]
    together = Queues(
        rate_rps=np.concatenate([q.rate_rps for q in alone]),
        max_batch=np.concatenate([q.max_batch for q in alone]),
        max_wait_s=np.concatenate([q.max_wait_s for q in alone]),
        knots_s=np.concatenate(
            [
                np.pad(q.knots_s, ((0, 0), (0, 8 - q.knots_s.shape[1]), (0, 0)), "edge")
                for q in alone
            ]
        ),
        rested_s=np.zeros(len(alone)),
    )

    found = {
        int(i): quantiles_s(waits.take(np.array([k])), [0.95])[0]
        for index, waits in solved_together(together)
        for k, i in enumerate(index)
    }

    for i, one in enumerate(alone):
        [(_, waits)] = solved_together(one)
        assert found[i] == pytest.approx(quantiles_s(waits, [0.95])[0], rel=1e-6)
