"""What a workload may send to a machine that it shares, so that any mix is safe.

One replica answers the requests of several workloads one by one, in the order
of their arrival. Kingman's bound (1964) on the wait W of an M/G/1 queue says

    P(W ≥ d) ≤ exp(−θ·d)    wherever    Σ_w λ[w]·(E[exp(θ·S[w])] − 1) ≤ θ

The condition is linear in the rates: with θ = ln(2/ε)/d each workload uses
λ[w] / cap[w] of the replica, cap[w] = θ / (E[exp(θ·S[w])] − 1), and while these
parts add up to at most one, no more than ε/2 of all requests wait d or longer
(effective bandwidths; Kelly 1996). A workload belongs to a pool of wait d if at
most ε/2 of its requests miss the promise when network and service alone leave
out d: by the union bound at most ε miss it in all.

    slack[w] = SLO[w] − quantile(network + service of a batch of one, 1 − ε/2)  ≥  d

What users see is bounded, not estimated: P(W > x) ≤ min(ρ, exp(−θ₀·x)) at the
largest θ₀ that the actual rates allow; the mean wait is exact (Pollaczek and
Khinchine). Service times are the profile's pieces (`planner.perf.service`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from planner.domain.hardware import NetworkPath
from planner.domain.placement import BatchPolicy
from planner.domain.profiles import BatchProfile
from planner.domain.workloads import LatencySlo
from planner.perf.latency import LatencyParts, predict
from planner.perf.network import delays_s, mean_transfer_s
from planner.perf.service import (
    MASSES,
    STRATA,
    Floats,
    beside_s,
    lone_knots,
    model_knots,
    model_rested_s,
)

ONE_BY_ONE: Final = BatchPolicy(max_batch=1, max_wait_s=0.0)
# Exponents beyond this overflow nothing but buy nothing either: no rate is left.
_LARGEST_EXPONENT: Final = 50.0
# Pieces of a service time's distribution, each taken at its upper end.
_N_PIECES: Final = 256
_RELATIVE_ACCURACY: Final = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharer:
    """A workload that may share a replica: its profile, its way, its promise."""

    profile: BatchProfile
    path: NetworkPath
    slo: LatencySlo
    error_factor: float

    def knots_s(self) -> Floats:
        """Quantiles of the service time of one request at `STRATA`, at most."""
        return lone_knots(self.profile, error_factor=self.error_factor)

    def beside_s(self) -> float:
        """What the server adds to each of its requests outside of the queue."""
        return beside_s(self.profile, error_factor=self.error_factor)

    def model_s(self) -> float:
        """Mean of the model's own time for one request."""
        knots = model_knots(self.profile, 1, error_factor=self.error_factor)
        rested_s = model_rested_s(self.profile, error_factor=self.error_factor)
        return _mean_s(knots[0]) + rested_s


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
    knots = sharer.knots_s()
    if theta * knots[-1] > _LARGEST_EXPONENT:
        return 0.0
    return theta / _excess_moment(knots, theta)


def _excess_moment(knots_s: Floats, theta: float) -> float:
    """E[exp(θ·S)] − 1 of a mixture of uniform pieces."""
    low, width = theta * knots_s[:-1], theta * np.diff(knots_s)
    width = np.maximum(width, 1e-12)
    # Mean of exp over a piece: e^a·(e^w − 1)/w, stable where w is small.
    return float(MASSES @ (np.exp(low) * np.expm1(width) / width)) - 1.0


@dataclass(frozen=True, kw_only=True)
class SharedPrediction:
    """Bounds on what one member's users see of a shared replica.

    `rates_rps` holds what each member sends to this replica; `of` is the number
    of the member that is asked about.
    """

    members: tuple[Sharer, ...]
    rates_rps: tuple[float, ...]
    of: int

    @property
    def utilization_frac(self) -> float:
        """Share of time that the replica works."""
        return min(1.0, self._load_frac)

    @cached_property
    def _load_frac(self) -> float:
        means = [_mean_s(m.knots_s()) for m in self.members]
        return sum(r * s for r, s in zip(self.rates_rps, means, strict=True))

    @cached_property
    def _decay_per_s(self) -> float:
        """θ₀: zero where the replica does not keep up."""
        if self._load_frac >= 1:
            return 0.0
        knots = [m.knots_s() for m in self.members]
        longest = max(float(k[-1]) for k in knots)
        low, high = 0.0, _LARGEST_EXPONENT / longest
        while high - low > _RELATIVE_ACCURACY * high:
            theta = (low + high) / 2
            used = sum(
                rate * _excess_moment(k, theta)
                for rate, k in zip(self.rates_rps, knots, strict=True)
            )
            low, high = (theta, high) if used <= theta else (low, theta)
        return low

    @cached_property
    def _alone_s(self) -> tuple[Floats, Floats]:
        """Network plus own service: upper ends of pieces, and their masses."""
        me = self.members[self.of]
        at = np.arange(1, _N_PIECES + 1) / _N_PIECES
        service = np.interp(at, STRATA, me.knots_s()) + me.beside_s()
        delays, masses = delays_s(me.path)
        total = (service[:, None] + delays[None, :]).ravel()
        weight = np.tile(masses, _N_PIECES) / _N_PIECES
        return total, weight

    def probability_within(self, limit_s: float) -> float:
        """Share of requests answered within a limit, at least."""
        total, weight = self._alone_s
        left = limit_s - total
        with np.errstate(over="ignore"):
            late = np.minimum(self.utilization_frac, np.exp(-self._decay_per_s * left))
        return float(weight @ np.where(left >= 0, 1.0 - late, 0.0))

    def quantile_s(self, frac: float) -> float:
        """The latency that a share `frac` of requests does not exceed, at most."""
        if self._decay_per_s == 0:
            return math.inf
        total, _ = self._alone_s
        low, high = 0.0, float(total.max())
        while self.probability_within(high) < frac:
            low, high = high, 2 * high
        while high - low > _RELATIVE_ACCURACY * high:
            middle = (low + high) / 2
            if self.probability_within(middle) < frac:
                low = middle
            else:
                high = middle
        return high

    def parts(self) -> LatencyParts:
        """Mean latency by where it is spent; these are exact."""
        me = self.members[self.of]
        second = sum(
            rate * _second_moment(m.knots_s())
            for rate, m in zip(self.rates_rps, self.members, strict=True)
        )
        load = self._load_frac
        return LatencyParts(
            rtt_s=me.path.rtt_s,
            transfer_s=mean_transfer_s(me.path),
            wait_s=second / (2 * (1 - load)) if load < 1 else math.inf,
            service_s=me.model_s(),
            server_s=_mean_s(me.knots_s()) - me.model_s() + me.beside_s(),
        )


def shared(
    members: Sequence[Sharer], rates_rps: Sequence[float], of: int
) -> SharedPrediction:
    """What the users of member number `of` see at those rates."""
    return SharedPrediction(members=tuple(members), rates_rps=tuple(rates_rps), of=of)


def _mean_s(knots_s: Floats) -> float:
    return float(MASSES @ (knots_s[1:] + knots_s[:-1])) / 2


def _second_moment(knots_s: Floats) -> float:
    low, high = knots_s[:-1], knots_s[1:]
    return float(MASSES @ (low**2 + low * high + high**2)) / 3
