"""How long users of one replica wait, worked out by other means than `planner.perf`.

one at a time    wait = R_1 + … + R_K, P(K = k) = (1 − ρ) ρ^k, R the residual service
                 time (Beneš 1956): (1 − ρ) / (1 − ρ r̂) in Fourier space, on a grid.
                 Where the first after a rest is slower, S_0 (Welch 1964): a share
                 p_0 = (1 − ρ)/(1 − ρ + ρ_0) in S_0, the rest in S after a wait
                 p_0 ρ_0 r̂_0 / (1 − ρ r̂)
in batches       a path of about N_BATCHES through the rule of the batcher: the next
                 batch starts when the model is free and max_batch wait, or the oldest
                 has waited max_wait; the same path on every run
several models   requests of all are served in turn: the bound of Kingman (1964),
                 P(W > x) ≤ min(ρ, e^{−θx}) at the θ > 0 with Σ λ (E[e^{θS}] − 1) = θ
uplink           M/D/1, independent of the server: Beneš again

What a profile says of service times is taken from where all read it
(`planner.perf.service`).
"""

import bisect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.domain.hardware import NetworkPath
from planner.domain.placement import BatchPolicy
from planner.perf.service import STRATA, Floats

# A grid this fine has a few hundred cells in a service time at 95 % load.
N_CELLS: Final = 1 << 16
# The grid's end, in mean waits: e^-40 of the requests lie beyond.
MEANS: Final = 40.0
# A tenth of a second of one core (2026-11).
N_BATCHES: Final = 60_000
# The path begins with an idle replica; its first part is not counted.
UNCOUNTED: Final = 0.1
# Parts of a path whose own quantiles say how far its quantiles may be off.
PARTS: Final = 10
# Service times at the middles of equal shares stand for their law.
MIDDLES: Final = (np.arange(2000) + 0.5) / 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """Times in order, with their probabilities; `load_frac` is how busy the replica is.

    `parts_s` are the times of each part of a path, by part; empty where it is exact.
    """

    times_s: Floats
    masses: Floats
    load_frac: float
    parts_s: tuple[Floats, ...] = ()

    def quantile_s(self, frac: float) -> float:
        """The time that a share of requests does not exceed."""
        return quantile_s(self.times_s, self.masses, frac)

    def error_s(self, frac: float) -> float:
        """The standard error of that quantile; 0 of an exact law."""
        if not self.parts_s:
            return 0.0
        seen = [float(np.quantile(part, frac)) for part in self.parts_s]
        return float(np.std(seen, ddof=1)) / math.sqrt(len(seen))

    def share_within(self, limit_s: float) -> float:
        """Share of requests within a limit."""
        return float(self.masses[self.times_s <= limit_s].sum())


def quantile_s(times_s: Floats, masses: Floats, frac: float) -> float:
    """The quantile of times in order."""
    reached = np.searchsorted(np.cumsum(masses), frac * masses.sum() * (1 - 1e-9))
    return float(times_s[min(int(reached), times_s.size - 1)])


def alone(
    knots_s: Floats,
    rate_rps: float,
    path: NetworkPath,
    *,
    beside_s: float,
    rested_s: float = 0.0,
) -> Law:
    """Every request served by itself; `knots_s` are quantiles of its service."""
    services_s = np.interp(MIDDLES, STRATA, knots_s)
    firsts_s = services_s + rested_s
    load = rate_rps * float(services_s.mean())
    first_load = rate_rps * float(firsts_s.mean())
    idle = (1 - load) / (1 - load + first_load)
    residual_s = float((firsts_s**2).mean() / firsts_s.mean()) / 2
    scale_s = residual_s * max(load, 1e-9) / (1 - load) + float(firsts_s[-1])
    line = path.uplink_load_frac if path.transfer_s > 0 else 0.0
    scale_s += path.transfer_s * line / (1 - line) if line else 0.0
    step_s = MEANS * scale_s / N_CELLS
    waited = idle * first_load * _residual(firsts_s, step_s)
    waited /= 1 - load * _residual(services_s, step_s)
    law = idle * _transform(_cells(firsts_s, step_s))
    law += waited * _transform(_cells(services_s, step_s))
    if line:
        law *= (1 - line) / (1 - line * _residual(np.array([path.transfer_s]), step_s))
    masses = np.maximum(np.fft.irfft(law, N_CELLS), 0.0)
    constant_s = path.rtt_s + path.transfer_s + beside_s
    return Law(
        times_s=constant_s + step_s * np.arange(N_CELLS, dtype=np.float64),
        masses=masses / masses.sum(),
        load_frac=load + idle * rate_rps * rested_s,
    )


def _residual(services_s: Floats, step_s: float) -> Floats:
    """The transform of what is left of a service at an instant within it."""
    # Beyond a service at u its residual is even over [0, S]: by shares of S.
    part = (np.arange(64) + 0.5) / 64
    at_s = (services_s[:, None] * part).ravel()
    weights = np.repeat(services_s / services_s.sum() / part.size, part.size)
    return _transform(_cells(at_s, step_s, weights))


def _cells(times_s: Floats, step_s: float, weights: Floats | None = None) -> Floats:
    """Masses on the grid; each time is split between its neighbours, its mean kept."""
    each = np.full(times_s.size, 1 / times_s.size) if weights is None else weights
    at = np.minimum(times_s / step_s, N_CELLS - 2)
    low = at.astype(np.int64)
    found = np.bincount(low, each * (1 - (at - low)), N_CELLS)
    found += np.bincount(low + 1, each * (at - low), N_CELLS)
    return np.asarray(found)


def _transform(cells: Floats) -> Floats:
    return np.asarray(np.fft.rfft(cells))


def batched(
    knots_s: Floats,
    policy: BatchPolicy,
    rate_rps: float,
    path: NetworkPath,
    *,
    beside_s: float,
    rested_s: float = 0.0,
) -> Law:
    """Requests gathered into batches; `knots_s` are quantiles by batch size, from one."""
    rng = np.random.default_rng(N_BATCHES)
    full_s = float(np.interp(MIDDLES, STRATA, knots_s[-1]).mean())
    n_sent = int(N_BATCHES * min(max(rate_rps * full_s, 1.0), policy.max_batch))
    at_s = np.cumsum(rng.exponential(1 / rate_rps, n_sent))
    draws = rng.random(N_BATCHES)
    services = [np.interp(draws, STRATA, row).tolist() for row in knots_s]
    done_s, busy_s = _through(at_s.tolist(), services, policy, rested_s)
    waited_s = np.array(done_s) - at_s + _line_waits_s(path, n_sent, rng)
    counted = waited_s[int(UNCOUNTED * n_sent) :] + path.rtt_s + path.transfer_s
    counted += beside_s
    return Law(
        times_s=np.sort(counted),
        masses=np.full(counted.size, 1 / counted.size),
        load_frac=min(1.0, busy_s / max(done_s[-1], float(at_s[-1]))),
        parts_s=tuple(np.array_split(counted, PARTS)),
    )


def _through(
    at_s: Sequence[float],
    services: Sequence[Sequence[float]],
    policy: BatchPolicy,
    rested_s: float,
) -> tuple[list[float], float]:
    """When each request is done, and how long the model worked."""
    n, most, first, free_s, busy_s = len(at_s), policy.max_batch, 0, -1.0, 0.0
    done_s: list[float] = []
    turns = itertools.cycle(range(len(services[0])))
    while first < n:
        full_s = at_s[first + most - 1] if first + most <= n else math.inf
        start_s = max(free_s, min(at_s[first] + policy.max_wait_s, full_s))
        size = min(most, bisect.bisect_right(at_s, start_s, first) - first) or 1
        took_s = services[size - 1][next(turns)] + rested_s * (start_s > free_s)
        free_s, busy_s = start_s + took_s, busy_s + took_s
        done_s += [free_s] * size
        first += size
    return done_s, busy_s


def _line_waits_s(path: NetworkPath, n_sent: int, rng: np.random.Generator) -> Floats:
    """Waits for an uplink that is so busy, by Lindley's recursion."""
    if path.uplink_load_frac <= 0 or path.transfer_s <= 0:
        return np.zeros(n_sent)
    gaps = rng.exponential(1 / path.uplink_load_frac, 2 * n_sent)
    walk = np.concatenate(([0.0], np.cumsum(1.0 - gaps)))
    waits = walk - np.minimum.accumulate(walk)
    # Any order: the line's waits and the server's are taken as independent.
    return np.asarray(rng.permutation(waits[n_sent : 2 * n_sent]) * path.transfer_s)


def in_turn(
    everyone: Sequence[tuple[Floats, float]], path: NetworkPath, *, beside_s: float
) -> Law | None:
    """At most so long where requests of several are served in turn; the first is asked for.

    None where they are too many. `everyone` has the quantiles of one request's service time, and its rate in requests/s.
    """
    services = [np.interp(MIDDLES, STRATA, knots_s) for knots_s, _ in everyone]
    rates = [rate_rps for _, rate_rps in everyone]
    load = sum(r * float(s.mean()) for r, s in zip(rates, services, strict=True))
    if load >= 1:
        return None
    theta = _theta_per_s(services, rates)
    own = alone(everyone[0][0], 0.0, path, beside_s=beside_s)
    # The bound as a law of its own: no wait for 1 − ρ, an exponential tail beyond.
    waits_s = np.where(1 - load < MIDDLES, -np.log(1 - MIDDLES), 0.0) / theta
    kept = own.masses > 1e-9
    grid_s = np.add.outer(own.times_s[kept][::8], waits_s[::8]).ravel()
    masses = np.add.reduceat(own.masses[kept], np.arange(0, kept.sum(), 8))
    weights = np.repeat(masses / waits_s[::8].size, waits_s[::8].size)
    order = np.argsort(grid_s)
    return Law(
        times_s=grid_s[order], masses=weights[order] / weights.sum(), load_frac=load
    )


def _theta_per_s(services: Sequence[Floats], rates_rps: Sequence[float]) -> float:
    low, high = 0.0, 50.0 / max(float(s[-1]) for s in services)
    for _ in range(40):
        theta = (low + high) / 2
        used = sum(
            r * float(np.expm1(theta * s).mean())
            for r, s in zip(rates_rps, services, strict=True)
        )
        low, high = (theta, high) if used <= theta else (low, theta)
    return low
