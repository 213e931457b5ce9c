"""Queues whose answers are known exactly: M/M/1, M/M/c and M/D/1.

M/M/1   sojourn ~ Exp(μ - λ)
M/M/c   P(wait > 0) = C(c, λ/μ), Erlang's delay formula (Erlang 1917), through his
        loss formula's recursion B_k = a B_{k-1} / (k + a B_{k-1});
        wait | wait > 0 ~ Exp(cμ - λ); sojourn = wait + Exp(μ)
M/D/1   mean wait ρD / (2(1-ρ)) (Pollaczek 1930, Khinchine 1932). Distribution:
        Crommelin (1932) in the form of Franx (2001), whose terms are all positive:
        with k = ⌊t/D⌋ + 1 and y = λ(kD - t),
        P(wait ≤ t) = e^{-y} Σ_{j<k} Q_{k-1-j} y^j / j!,
        Q_n = P(at most n wait), from level crossings of the queue length
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

_HALVINGS = 200


def erlang_c(servers: int, offered: float) -> float:
    """Probability that an arrival waits, with `offered` = λ/μ below `servers`.

    Example:
        >>> round(erlang_c(1, 0.7), 9), round(erlang_c(2, 1.0), 9)
        (0.7, 0.333333333)
    """
    if offered >= servers:
        return 1.0
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = offered * blocked / (k + offered * blocked)
    busy = offered / servers
    return blocked / (1 - busy + busy * blocked)


def smallest_time_s(
    share_within: Callable[[float], float],
    frac: float,
    start_s: float,
    *,
    halvings: int = _HALVINGS,
) -> float:
    """The time within which a share `frac` falls, by bisection of a distribution."""
    low, high = 0.0, start_s
    while share_within(high) < frac:
        low, high = high, 2 * high
    for _ in range(halvings):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if share_within(middle) < frac:
            low = middle
        else:
            high = middle
    return high


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledExponential:
    """M/M/c: `servers` replicas behind one queue; c = 1 is M/M/1."""

    rate_rps: float
    service_s: float
    servers: int = 1

    @property
    def stable_rate(self) -> bool:
        """Whether the replicas keep up with the arrivals."""
        return self.rate_rps * self.service_s < self.servers

    @property
    def wait_probability(self) -> float:
        """Share of requests that find every server busy."""
        return erlang_c(self.servers, self.rate_rps * self.service_s)

    @property
    def mean_wait_s(self) -> float:
        """Mean wait, the ones that do not wait included."""
        if not self.stable_rate:
            return math.inf
        return self.wait_probability / self._drain_per_s

    @property
    def _drain_per_s(self) -> float:
        return self.servers / self.service_s - self.rate_rps

    def wait_within(self, limit_s: float) -> float:
        """P(wait ≤ limit)."""
        if limit_s < 0 or not self.stable_rate:
            return 0.0
        return 1 - self.wait_probability * math.exp(-self._drain_per_s * limit_s)

    def sojourn_within(self, limit_s: float) -> float:
        """P(wait + service ≤ limit)."""
        if limit_s < 0 or not self.stable_rate:
            return 0.0
        served, drain, waits = (
            1 / self.service_s,
            self._drain_per_s,
            self.wait_probability,
        )
        alone = math.exp(-served * limit_s)
        # P(Exp(drain) + Exp(served) > t), written so that equal rates need no case.
        gap = (drain - served) * limit_s
        bulge = -math.expm1(-gap) / gap if abs(gap) > 1e-12 else 1.0
        both = alone * (1 + served * limit_s * bulge)
        return 1 - (1 - waits) * alone - waits * both

    def wait_quantile_s(self, frac: float) -> float:
        """The wait that a share `frac` does not exceed."""
        if not self.stable_rate:
            return math.inf
        waits = self.wait_probability
        return (
            max(math.log(waits / (1 - frac)), 0.0) / self._drain_per_s if waits else 0.0
        )

    def sojourn_quantile_s(self, frac: float) -> float:
        """The sojourn that a share `frac` does not exceed."""
        if not self.stable_rate:
            return math.inf
        return smallest_time_s(self.sojourn_within, frac, self.service_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deterministic:
    """M/D/1: every service takes the same time."""

    rate_rps: float
    service_s: float

    @property
    def load_frac(self) -> float:
        """Share of time that the server is busy, if stable."""
        return self.rate_rps * self.service_s

    @property
    def stable_rate(self) -> bool:
        """Whether the server keeps up with the arrivals."""
        return self.load_frac < 1

    @property
    def mean_wait_s(self) -> float:
        """Mean wait, the ones that do not wait included."""
        if not self.stable_rate:
            return math.inf
        return self.load_frac * self.service_s / (2 * (1 - self.load_frac))

    def wait_within(self, limit_s: float) -> float:
        """P(wait ≤ limit), exactly."""
        if limit_s < 0 or not self.stable_rate:
            return 0.0
        if self.load_frac == 0:
            return 1.0
        k = math.floor(limit_s / self.service_s) + 1
        waiting = at_most_waiting(self.load_frac, k - 1)
        y = self.rate_rps * (k * self.service_s - limit_s)
        term = math.exp(-y)
        total = 0.0
        for j in range(k):
            total += float(waiting[k - 1 - j]) * term
            term *= y / (j + 1)
        return min(total, 1.0)

    def sojourn_within(self, limit_s: float) -> float:
        """P(wait + service ≤ limit)."""
        return self.wait_within(limit_s - self.service_s)

    def wait_quantile_s(self, frac: float, *, halvings: int = _HALVINGS) -> float:
        """The wait that a share `frac` does not exceed."""
        if not self.stable_rate:
            return math.inf
        if frac <= 1 - self.load_frac:
            return 0.0
        return smallest_time_s(
            self.wait_within, frac, self.service_s, halvings=halvings
        )

    def sojourn_quantile_s(self, frac: float) -> float:
        """The sojourn that a share `frac` does not exceed."""
        return self.wait_quantile_s(frac) + self.service_s


@lru_cache(maxsize=1024)
def at_most_waiting(load_frac: float, most: int) -> npt.NDArray[np.float64]:
    """P(at most n wait) for n = 0 .. most, at an M/D/1 server of that load.

    Level n is crossed as often upwards as downwards; no term is subtracted,
    so errors do not grow: a_0 p_{n+1} = p_0 ā_n + Σ_{j=1..n} p_j ā_{n-j+1}.
    """
    load, count = load_frac, np.arange(1, most + 2)
    arrivals = np.exp(-load) * np.cumprod(np.concatenate(([1.0], load / count)))
    # Summed from the far end: 1 - (a_0 + … + a_k) would cancel.
    further = np.cumprod(load / np.arange(most + 2, most + 32)) * arrivals[-1]
    more = further.sum() + np.append(arrivals[:0:-1].cumsum()[::-1], 0.0)
    there = np.zeros(most + 2)
    there[0] = 1 - load
    for n in range(most + 1):
        up = there[0] * more[n] + there[1 : n + 1] @ more[n:0:-1]
        there[n + 1] = up / arrivals[0]
    return np.asarray(np.cumsum(there)[1:], dtype=np.float64)
