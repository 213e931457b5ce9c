"""A queue whose answers are known exactly.

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
