"""Where requests are paid for one by one: hosted model APIs and serverless functions.

No list price ships with the planner: the user's figures count, each with `source`
(where it was read) and `as_of` (when).
"""

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from planner.specs.base import Fraction, Name, NonNegative, Positive, Spec

Words = Annotated[str, StringConstraints(min_length=1, max_length=300)]
GIVEN: str = "given in the document"


class TokenTimes(Spec):
    """What callers of a language model saw: this percentile of TTFT and of TPOT."""

    percentile: Annotated[float, Field(ge=50, le=99.9)]
    ttft_ms: Positive
    tpot_ms: Positive


class StatedQuality(Spec):
    """How good the answers are, as published or as evaluated by the user."""

    metric: Words
    value_frac: Fraction


class HostedModel(Spec):
    """A model of the document behind the API; `serves` is the vendor's name for it.

    A promise is held against the times of the nearest percentile at or beyond its own;
    nothing is made up beyond the last one given. With 90 % probability the times are
    at most (1 + `error_frac`) of those given. Limits are those of the user's account.
    """

    model: Name
    serves: Name
    usd_per_million_prompt_tokens: NonNegative
    usd_per_million_output_tokens: NonNegative
    times: Annotated[tuple[TokenTimes, ...], Field(min_length=1)]
    error_frac: NonNegative = 0.0
    most_requests_per_min: Positive | None = None
    most_tokens_per_min: Positive | None = None
    quality: StatedQuality | None = None
    provenance: Literal["measured", "imported", "published"] = "published"
    source: Words = GIVEN
    as_of: dt.date

    @model_validator(mode="after")
    def _times_rise(self) -> Self:
        for one, next_ in zip(self.times, self.times[1:], strict=False):
            if (
                next_.percentile <= one.percentile
                or next_.ttft_ms < one.ttft_ms
                or next_.tpot_ms < one.tpot_ms
            ):
                raise ValueError("times must rise with their percentiles; order them")
        return self


class HostedApi(Spec):
    """Somebody else's models, paid by the token.

    `rtt_ms` is the round trip from cloud regions, and from the far end of an edge
    site's uplink; 0 where the times were taken from there.
    """

    kind: Literal["hosted_api"]
    name: Name
    provider: Name
    zone: str | None = None
    rtt_ms: NonNegative
    models: Annotated[tuple[HostedModel, ...], Field(min_length=1, max_length=1000)]


class Function(Spec):
    """A size of function, which serves one request at a time in each instance.

    Its times are those of the device that it `runs_like`: the user says which, and
    how much slower it may be (`runs_like_error_frac`, at 90 %). Unless a share is
    given, every request is taken to wait for a cold start.
    """

    name: Name
    runs_like: str
    runs_like_error_frac: NonNegative = 0.0
    memory_gib: Positive
    usd_per_gib_s: NonNegative
    usd_per_million_requests: NonNegative
    least_billed_ms: NonNegative = 0.0
    billed_step_ms: Positive = 1.0
    cold_start_ms: NonNegative
    cold_start_frac: Annotated[float, Field(ge=0, le=1)] = 1.0
    most_concurrent: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    source: Words = GIVEN
    as_of: dt.date


class Serverless(Spec):
    """Functions in a provider's region, paid while a request runs."""

    kind: Literal["serverless"]
    provider: str
    region: str
    functions: Annotated[tuple[Function, ...], Field(min_length=1, max_length=1000)]
