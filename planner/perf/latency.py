"""The latency that users of one replica see at an arrival rate.

    latency = rtt + transfer + wait for the uplink          `planner.perf.network`
            + wait for a batch and for the server           `planner.perf.batching`
            + service of the batch                          `planner.perf.service`
            + what the server adds to each request          the same

A percentile is that of the sum. `error_factor` multiplies service times only (and the
server's by its own band): the network's figures are not the profile's. At or above the saturation rate,
`max_batch / E[service of a full batch]`, latencies are infinite.
"""

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from planner.domain.hardware import NetworkPath
from planner.domain.placement import BatchPolicy
from planner.domain.profiles import BatchProfile
from planner.perf.lattice import Queues, saturation_rps
from planner.perf.network import constant_s, delays_s, mean_transfer_s
from planner.perf.service import (
    Floats,
    beside_s,
    model_knots,
    model_rested_s,
    rested_s,
    service_knots,
)
from planner.perf.sojourn import (
    busy_frac,
    mean_service_s,
    mean_wait_s,
    share_answered_within,
)
from planner.perf.solving import solve_one
from planner.perf.waits import Waits

# Requests so rare that no two of them meet stand for an idle replica.
_IDLE_LOAD_FRAC: Final = 1e-9
_RELATIVE_ACCURACY: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyParts:
    """Means that add up to the mean latency; infinite wait at saturation.

    `server_s` is what serving adds to the model's own `service_s`, in its batch and
    beside it; what others' requests take of the server is in the wait.
    """

    rtt_s: float
    transfer_s: float
    wait_s: float
    service_s: float
    server_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyPrediction:
    """Distribution of the latency at a rate; see the module for what it sums."""

    rate_rps: float
    saturation_rps: float
    path: NetworkPath
    beside_s: float
    _waits: Waits | None = field(repr=False, compare=False)
    _model_s: Floats = field(repr=False, compare=False)
    _model_rested_s: float = field(repr=False, compare=False)

    @property
    def stable_rate(self) -> bool:
        """Whether the replica keeps up with the arrivals."""
        return self._waits is not None

    @property
    def utilization_frac(self) -> float:
        """Share of time that the replica works."""
        return 1.0 if self._waits is None else float(busy_frac(self._waits)[0])

    @property
    def mean_batch(self) -> float:
        """Mean size of a batch."""
        if self._waits is None:
            return math.nan
        return float(self._waits.mean_batch[0])

    def probability_within(self, limit_s: float) -> float:
        """Share of requests answered within a limit."""
        if self._waits is None:
            return 0.0
        delays, masses = delays_s(self.path)
        left_s = limit_s - self.beside_s - delays
        share = share_answered_within(self._waits, left_s[None])
        return float(share[0] @ masses)

    def quantile_s(self, frac: float) -> float:
        """The latency that a share `frac` of requests does not exceed."""
        if self._waits is None:
            return math.inf
        low = constant_s(self.path) + self.beside_s
        parts = self.parts()
        high, step = low, parts.service_s + parts.server_s
        while (share_high := self.probability_within(high)) < frac:
            low, high, step = high, high + step, 2 * step
        return self._between(frac, (low, 0.0), (high, share_high))

    def _between(
        self, frac: float, low: tuple[float, float], high: tuple[float, float]
    ) -> float:
        """The quantile in a bracket of (time, share) by secants kept off its ends.

        The distribution may jump, where secants stall: every third step halves.
        """
        steps = 0
        while high[0] - low[0] > _RELATIVE_ACCURACY * high[0]:
            steps += 1
            part = 0.5
            if steps % 3:
                part = (frac - low[1]) / (high[1] - low[1])
                # A step beyond the root by a little closes the other end too.
                part = min(max(part + (0.02 if steps % 3 == 1 else -0.02), 0.02), 0.98)
            at_s = low[0] + part * (high[0] - low[0])
            share = self.probability_within(at_s)
            if share < frac:
                low = at_s, share
            else:
                high = at_s, share
        return high[0]

    def parts(self) -> LatencyParts:
        """Mean latency by where it is spent."""
        if self._waits is None:
            wait, service, both = math.inf, math.nan, math.nan
        else:
            wait = float(mean_wait_s(self._waits)[0])
            queues, rested = self._waits.queues, float(self._waits.rested[0])
            service = float(mean_service_s(self._waits, self._model_s[None])[0])
            service += rested * self._model_rested_s
            both = float(mean_service_s(self._waits, queues.knots_s)[0])
            both += rested * float(queues.rested_s[0])
        return LatencyParts(
            rtt_s=self.path.rtt_s,
            transfer_s=mean_transfer_s(self.path),
            wait_s=wait,
            service_s=service,
            server_s=both - service + self.beside_s,
        )


def predict(
    profile: BatchProfile,
    policy: BatchPolicy,
    rate_rps: float,
    path: NetworkPath,
    *,
    error_factor: float = 1.0,
) -> LatencyPrediction:
    """Latency of one replica under Poisson arrivals of `rate_rps`.

    Raises:
        OutsideProfileError: The policy's batch is larger than any measured one.
    """
    knots = service_knots(profile, policy.max_batch, error_factor=error_factor)
    queues = Queues(
        rate_rps=np.array([rate_rps]),
        max_batch=np.array([policy.max_batch]),
        max_wait_s=np.array([policy.max_wait_s if policy.max_batch > 1 else 0.0]),
        knots_s=knots[None],
        rested_s=np.array([rested_s(profile, error_factor=error_factor)]),
    )
    saturation = float(saturation_rps(queues)[0])
    queues = queues.at_rate(np.maximum(queues.rate_rps, _IDLE_LOAD_FRAC * saturation))
    return LatencyPrediction(
        rate_rps=rate_rps,
        saturation_rps=saturation,
        path=path,
        beside_s=beside_s(profile, error_factor=error_factor),
        _waits=solve_one(queues) if rate_rps < saturation else None,
        _model_s=model_knots(profile, policy.max_batch, error_factor=error_factor),
        _model_rested_s=model_rested_s(profile, error_factor=error_factor),
    )
