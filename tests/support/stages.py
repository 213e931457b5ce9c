"""Small scenarios of one workload on one group of machines, and what came of them."""

import numpy as np

from planner.domain.placement import BatchPolicy
from planner.domain.workloads import LatencySlo
from planner.simulate.arrivals import arrivals
from planner.simulate.run import run
from planner.simulate.scenario import Batches, Group, Placed, Scenario, Stream, Way

SLO = LatencySlo(percentile_frac=0.95, latency_s=1.0)
ONE_BY_ONE = BatchPolicy(max_batch=1, max_wait_s=0.0)


def exponential(mean_s):
    """Quantiles of an exponential, fine enough that its mean is off by 1e-4."""
    survival = np.append(0.98 ** np.arange(900), 0.0)
    knots = mean_s * -np.log(np.append(survival[:-1], survival[-2] / np.e**2))
    return Batches(strata=1 - survival, knots_s=knots[None], policy=ONE_BY_ONE)


def constant(service_s, *, policy=ONE_BY_ONE):
    """The same time for every batch, whatever its size."""
    knots = np.full((policy.max_batch, 2), service_s)
    return Batches(strata=np.array([0.0, 1.0]), knots_s=knots, policy=policy)


def poisson(rate_rps, n_requests, seed=5):
    return arrivals(
        [rate_rps], hour_s=n_requests / rate_rps, rng=np.random.default_rng(seed)
    )


def stage(service, sent, *, machines=1, way=None, slo=SLO, rest=None, **group):
    """One workload on one group; `rest` goes to the scenario, `group` to the group."""
    placed = Placed(
        workload="w", way=way or Way(rtt_s=0.0), service=service, rates_rps=(1.0,)
    )
    return Scenario(
        streams=(Stream(workload="w", slo=slo, arrivals=sent),),
        groups=(
            Group(name="g", placements=(placed,), machines_on=(machines,), **group),
        ),
        **(rest or {}),
    )


def latencies_s(scenario, seed=1):
    return run(scenario, seed=seed).requests[0].latency_s


def percentiles_and_noise(latency_s, fracs=(0.5, 0.95, 0.99), parts=20):
    """Percentiles, and their standard errors from stretches of time."""
    seen = np.array([np.quantile(p, fracs) for p in np.array_split(latency_s, parts)])
    return np.quantile(latency_s, fracs), seen.std(axis=0, ddof=1) / np.sqrt(parts)
