"""What a workload may send to a machine that it shares, so that any mix is safe.

One replica answers the requests of several workloads one by one, in the order
of their arrival. Kingman's bound (1964) on the wait W of an M/G/1 queue says

    P(W ≥ d) ≤ exp(−θ·d)    wherever    Σ_w λ[w]·(E[exp(θ·S[w])] − 1) ≤ θ

The condition is linear in the rates: with θ = ln(2/ε)/d each workload uses
λ[w] / cap[w] of the machine, cap[w] = θ / (E[exp(θ·S[w])] − 1), and while these
parts add up to at most one, no more than ε/2 of all requests wait d or longer
(effective bandwidths; Kelly 1996). A workload belongs to a pool of wait d if at
most ε/2 of its requests miss the promise when network and service alone leave
out d: by the union bound at most ε miss it in all.

    slack[w] = SLO[w] − quantile(network + service of a batch of one, 1 − ε/2)  ≥  d

Service times are the profile's pieces (`planner.perf.service`), at the error
factor asked for.
"""

import math
from dataclasses import dataclass

import numpy as np

from planner.domain.hardware import NetworkPath
from planner.domain.placement import BatchPolicy
from planner.domain.profiles import BatchProfile
from planner.domain.workloads import LatencySlo
from planner.perf.latency import predict
from planner.perf.service import MASSES, service_knots

ONE_BY_ONE = BatchPolicy(max_batch=1, max_wait_s=0.0)
# Exponents beyond this overflow nothing but buy nothing either: no rate is left.
_LARGEST_EXPONENT = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharer:
    """A workload that may share a replica: its profile, its way, its promise."""

    profile: BatchProfile
    path: NetworkPath
    slo: LatencySlo
    error_factor: float


def slack_s(sharer: Sharer) -> float:
    """The longest wait that still leaves the promise whole; not positive: none."""
    missed = 1.0 - sharer.slo.percentile_frac
    alone = predict(
        sharer.profile, ONE_BY_ONE, 0.0, sharer.path, error_factor=sharer.error_factor
    )
    return sharer.slo.latency_s - alone.quantile_s(1.0 - missed / 2)


def shared_capacity_rps(sharer: Sharer, *, wait_s: float, missed_frac: float) -> float:
    """Requests/s that would take a whole replica of a pool, were they alone on it.

    `wait_s` is the pool's d and `missed_frac` the smallest ε of its members.
    """
    theta = math.log(2.0 / missed_frac) / wait_s
    knots = service_knots(sharer.profile, 1, error_factor=sharer.error_factor)[0]
    if theta * knots[-1] > _LARGEST_EXPONENT:
        return 0.0
    low, high = theta * knots[:-1], theta * knots[1:]
    # Mean of exp over a uniform piece: (e^b − e^a)/(b − a), stable where b ≈ a.
    width = np.maximum(high - low, 1e-12)
    pieces = np.exp(low) * np.expm1(width) / width
    return theta / (float(MASSES @ pieces) - 1.0)
