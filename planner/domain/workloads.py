"""Streams of requests and what was promised to those who send them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencySlo:
    """A percentile of the time from sending a request to having the answer."""

    percentile_frac: float
    latency_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSlo:
    """Percentiles of time to first token and time per output token."""

    percentile_frac: float
    ttft_s: float
    tpot_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A stream of requests for one model from one origin; None: no such promise.

    `rates_rps` holds the rate of each hour block of the problem, and `rise_frac` how
    far each may rise above it for a while. A floor that `is_mean_floor` holds for
    the average over the traffic, else for each request. No more than
    `quality_allowed_drop_frac` may be lost against fp32, as shown on samples. `offline_frac` of the traffic
    is answered at the origin itself while its uplink is down.
    """

    name: str
    model: str
    origin: str
    rates_rps: tuple[float, ...]
    slo: LatencySlo | TokenSlo
    request_bytes: float
    response_bytes: float
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    quality_metric: str | None = None
    quality_minimum_frac: float | None = None
    quality_allowed_drop_frac: float | None = None
    worst_slice_minimum_frac: float | None = None
    is_mean_floor: bool = False
    residency: tuple[str, ...] = ()
    rise_frac: float = 0.0
    offline_frac: float = 0.0

    @property
    def rate_rps(self) -> float:
        """The rate of the busiest hours."""
        return max(self.rates_rps)

    @property
    def risen_rps(self) -> float:
        """The rate of the busiest hours when it rises."""
        return self.rate_rps * (1.0 + self.rise_frac)
