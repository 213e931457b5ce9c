"""M/M/1 and M/M/c, whose answers are known exactly: oracles for what is simulated.

M/M/1   sojourn ~ Exp(μ - λ)
M/M/c   P(wait > 0) = C(c, λ/μ), Erlang's delay formula (Erlang 1917), through his
        loss formula's recursion B_k = a B_{k-1} / (k + a B_{k-1});
        wait | wait > 0 ~ Exp(cμ - λ); sojourn = wait + Exp(μ)
"""

import math
from dataclasses import dataclass

from planner.perf.queues import smallest_time_s


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
