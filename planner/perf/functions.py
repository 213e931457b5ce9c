"""A serverless function: every request finds an instance of its own, some a cold one.

    latency = rtt + transfer + wait for the uplink            `planner.perf.network`
            + service of one request                          `planner.perf.service`
            + cold start, for a share of the requests, independent of the rest

There is no queue below the limit of instances at once; a request beyond it is
refused. Refusals are those of Erlang's loss system, which depends on the service
times by their mean alone (Sevastyanov 1957):

    B(c, a) = a B(c - 1, a) / (c + a B(c - 1, a)),   a = rate · mean time at work

and count as missed: capacity is the largest rate at which P(latency ≤ limit) ·
(1 - B) still reaches the percentile. A request is billed for at least the least time,
in whole steps: the mean of that, over the service times' distribution.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from planner.domain.hardware import NetworkPath
from planner.domain.profiles import BatchProfile
from planner.domain.tariffs import FunctionTariff
from planner.perf.latency import LatencyParts
from planner.perf.network import constant_s, delays_s, mean_transfer_s
from planner.perf.service import STRATA, Floats, lone_knots, mean_s, share_within

_HALVINGS: Final = 60
# Service times at the middles of so many equal shares stand for their distribution.
_BILLED: Final = (np.arange(2000) + 0.5) / 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionPrediction:
    """Distribution of the latency; `utilization_frac` is the part of the limit in use."""

    path: NetworkPath
    tariff: FunctionTariff
    utilization_frac: float
    _knots_s: Floats = field(repr=False, compare=False)

    def probability_within(self, limit_s: float) -> float:
        """Share of requests answered within a limit."""
        delays, masses = delays_s(self.path)
        left_s = limit_s - delays
        warm = share_within(self._knots_s, left_s)
        cold = share_within(self._knots_s, left_s - self.tariff.cold_start_s)
        part = self.tariff.cold_start_frac
        return float(((1 - part) * warm + part * cold) @ masses)

    def quantile_s(self, frac: float) -> float:
        """The latency that a share `frac` of requests does not exceed."""
        low = constant_s(self.path)
        high = low + float(self._knots_s[-1]) + self.tariff.cold_start_s
        while self.probability_within(high) < frac:
            high *= 2
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if self.probability_within(middle) < frac:
                low = middle
            else:
                high = middle
        return high

    def parts(self) -> LatencyParts:
        """Mean latency by where it is spent; what a cold start adds is a wait."""
        return LatencyParts(
            rtt_s=self.path.rtt_s,
            transfer_s=mean_transfer_s(self.path),
            wait_s=self.tariff.cold_start_frac * self.tariff.cold_start_s,
            service_s=float(mean_s(self._knots_s)),
        )


def predict_function(
    profile: BatchProfile,
    tariff: FunctionTariff,
    rate_rps: float,
    path: NetworkPath,
    *,
    error_factor: float = 1.0,
) -> FunctionPrediction:
    """Latency of a function whose times are those of the profile."""
    knots = lone_knots(profile, error_factor=error_factor)
    at_work = rate_rps * busy_s(profile, tariff, error_factor=error_factor)
    limit = tariff.most_concurrent
    return FunctionPrediction(
        path=path,
        tariff=tariff,
        utilization_frac=min(1.0, at_work / limit) if limit else 0.0,
        _knots_s=knots,
    )


def busy_s(
    profile: BatchProfile, tariff: FunctionTariff, *, error_factor: float
) -> float:
    """How long a request keeps its instance, on average."""
    knots = lone_knots(profile, error_factor=error_factor)
    return float(mean_s(knots)) + tariff.cold_start_frac * tariff.cold_start_s


def billed_s(
    profile: BatchProfile, tariff: FunctionTariff, *, error_factor: float
) -> float:
    """What a request is billed for, on average."""
    knots = lone_knots(profile, error_factor=error_factor)
    service_s = np.interp(_BILLED, STRATA, knots)
    warm, cold = (
        float(np.mean(_in_steps(service_s + start_s, tariff)))
        for start_s in (0.0, tariff.cold_start_s)
    )
    return warm + tariff.cold_start_frac * (cold - warm)


def _in_steps(takes_s: Floats, tariff: FunctionTariff) -> Floats:
    step_s = tariff.billed_step_s
    # A time that is a whole number of steps must not become one more by a rounding.
    steps = np.ceil(np.maximum(takes_s, tariff.least_billed_s) / step_s - 1e-9)
    return np.asarray(steps * step_s)


def offered_load(most: int, refused_frac: float) -> float:
    """The largest load that has no more than this share of requests refused."""
    if refused_frac <= 0:
        return 0.0
    low, high = 0.0, 2.0 * most / (1.0 - refused_frac)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if erlang_b(most, middle) <= refused_frac:
            low = middle
        else:
            high = middle
    return low


def erlang_b(servers: int, offered: float) -> float:
    """Share of arrivals that find all servers at work.

    Example:
        >>> round(erlang_b(1, 1.0), 9), round(erlang_b(2, 1.0), 9)
        (0.5, 0.2)
    """
    refused = 1.0
    for k in range(1, servers + 1):
        refused = offered * refused / (k + offered * refused)
    return refused
