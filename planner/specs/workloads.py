"""Streams of requests: traffic, payload, promise, quality, residency."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from planner.specs.base import Fraction, Name, NonNegative, Positive, Spec


class Burstiness(Spec):
    """How much more than Poisson's the traffic varies within the hour.

    `dispersion_ratio` is the variance over the mean of requests counted in long
    windows, at the mean rate (1: Poisson); bursts last about `time_scale_s`. Plans
    are tried on such traffic; `planner simulate` fits both to a trace.
    """

    dispersion_ratio: Annotated[float, Field(ge=1, le=1e6)]
    time_scale_s: Annotated[float, Field(gt=0, le=3600)] = 60.0


class ConstantTraffic(Spec):
    """The same Poisson rate at every hour."""

    kind: Literal["constant"]
    rate_rps: Annotated[float, Field(gt=0, le=1e6)]
    burstiness: Burstiness | None = None


Rate = Annotated[float, Field(ge=0, le=1e6)]


class HourlyTraffic(Spec):
    """A Poisson rate for every hour of a day (24) or of a week from Monday (168), UTC.

    Every rate counts `scale_ratio` times: what-ifs turn one number, not 168.
    """

    kind: Literal["hourly"]
    rates_rps: Annotated[tuple[Rate, ...], Field(min_length=24, max_length=168)]
    scale_ratio: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    burstiness: Burstiness | None = None

    @model_validator(mode="after")
    def _a_day_or_a_week(self) -> Self:
        if len(self.rates_rps) not in {24, 168}:
            raise ValueError(
                f"rates_rps has {len(self.rates_rps)} hours; give 24 (a day) or 168 (a week)"
            )
        if not any(self.rates_rps):
            raise ValueError("rates_rps is zero at every hour; give at least one rate")
        return self


Traffic = Annotated[ConstantTraffic | HourlyTraffic, Field(discriminator="kind")]


class Payload(Spec):
    """What travels with a request; language models also count tokens."""

    request_kib: NonNegative = 0.0
    response_kib: NonNegative = 0.0
    prompt_tokens: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    output_tokens: Annotated[int, Field(ge=1, le=10_000_000)] | None = None

    @model_validator(mode="after")
    def _tokens_come_in_pairs(self) -> Self:
        if (self.prompt_tokens is None) != (self.output_tokens is None):
            raise ValueError("prompt_tokens and output_tokens are given together")
        return self


class Slo(Spec):
    """The promise: `latency_ms` for a request, or `ttft_ms` and `tpot_ms`."""

    percentile: Annotated[float, Field(ge=50, le=99.9)] = 95.0
    latency_ms: Positive | None = None
    ttft_ms: Positive | None = None
    tpot_ms: Positive | None = None

    @model_validator(mode="after")
    def _one_kind_of_promise(self) -> Self:
        tokens = self.ttft_ms is not None and self.tpot_ms is not None
        partial = (self.ttft_ms is None) != (self.tpot_ms is None)
        if partial or tokens == (self.latency_ms is not None):
            raise ValueError(
                "give latency_ms, or both ttft_ms and tpot_ms for a language model"
            )
        return self


class QualityFloor(Spec):
    """The least quality that is acceptable, in a metric of the model's profiles.

    It holds for the variant that answers each request, or for the mean over a
    month's traffic, where some may be answered by a cheaper variant.
    """

    metric: str = "top1_accuracy"
    minimum_frac: Fraction
    over: Literal["each_request", "mean"] = "each_request"


class Workload(Spec):
    """A stream of requests for one model from one origin."""

    name: Name
    model: str
    origin: str
    traffic: Traffic
    payload: Payload = Payload()
    slo: Slo
    quality: QualityFloor | None = None
    residency: tuple[
        Annotated[str, StringConstraints(min_length=2, max_length=20)], ...
    ] = ()

    @model_validator(mode="after")
    def _tokens_match_the_promise(self) -> Self:
        if self.slo.ttft_ms is not None and self.payload.prompt_tokens is None:
            raise ValueError(
                "slo.ttft_ms needs payload.prompt_tokens and payload.output_tokens"
            )
        return self
