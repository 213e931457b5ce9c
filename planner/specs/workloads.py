"""Streams of requests: traffic, payload, promise, quality, residency."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from planner.specs.base import Fraction, Name, NonNegative, Positive, Spec
from planner.specs.traffic import TraceTraffic, Traffic


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

    `minimum_frac` holds for the variant that answers each request, or for the mean
    over a month's traffic, where some may be answered by a cheaper variant. With
    `allowed_drop_frac` a variant may be used only if the evaluation set shows that it
    loses no more than that against the model as given in fp32; not shown to be worse is
    not enough. `worst_slice_minimum_frac` is the floor of the worst of the set's slices.
    """

    metric: str = "top1_accuracy"
    minimum_frac: Fraction | None = None
    over: Literal["each_request", "mean"] = "each_request"
    allowed_drop_frac: Annotated[float, Field(gt=0, lt=1)] | None = None
    worst_slice_minimum_frac: Fraction | None = None

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        floors = (
            self.minimum_frac,
            self.allowed_drop_frac,
            self.worst_slice_minimum_frac,
        )
        if all(floor is None for floor in floors):
            raise ValueError(
                "give minimum_frac, allowed_drop_frac or worst_slice_minimum_frac"
            )
        if self.over == "mean" and self.minimum_frac is None:
            raise ValueError("over: mean is about minimum_frac, which is not given")
        return self


class Workload(Spec):
    """A stream of requests for one model from one origin.

    `offline_frac` is the share of it that the origin's own devices must still answer
    within the promise while the site's uplink is down.
    """

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
    offline_frac: Annotated[float, Field(ge=0, le=1)] = 0.0

    @model_validator(mode="after")
    def _tokens_match_the_promise(self) -> Self:
        # A trace may bring them; whether it does is known once it is read.
        is_unread = isinstance(self.traffic, TraceTraffic) and self.traffic.seen is None
        is_told = self.payload.prompt_tokens is not None or is_unread
        if self.slo.ttft_ms is not None and not is_told:
            raise ValueError(
                "slo.ttft_ms needs payload.prompt_tokens and payload.output_tokens"
            )
        return self
