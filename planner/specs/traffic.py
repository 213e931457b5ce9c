"""How many requests come when: constant, by the hour, a ready shape, or a trace."""

from typing import Annotated, Final, Literal, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from planner.errors import SpecError
from planner.specs.base import NonNegative, Positive, Spec
from planner.specs.shapes import Shape, shaped
from planner.specs.shapes import Traffic as ShapedTraffic

MOST_DISPERSION: Final = 1e6


class Burstiness(Spec):
    """How much more than Poisson's the traffic varies within the hour.

    `dispersion_ratio` is the variance over the mean of requests counted in long
    windows, at the mean rate (1: Poisson); bursts last about `time_scale_s`. Plans
    are tried on such traffic; `planner simulate` fits both to a trace.
    """

    dispersion_ratio: Annotated[float, Field(ge=1, le=MOST_DISPERSION)]
    time_scale_s: Annotated[float, Field(gt=0, le=3600)] = 60.0


Rise = Annotated[float, Field(ge=0, le=100)]


class ConstantTraffic(Spec):
    """The same Poisson rate at every hour.

    `rise_frac` is how far it may rise above that for a while, if not as far as
    `policy.demand_rises` says of all.
    """

    kind: Literal["constant"]
    rate_rps: Annotated[float, Field(gt=0, le=1e6)]
    rise_frac: Rise | None = None
    burstiness: Burstiness | None = None


Rate = Annotated[float, Field(ge=0, le=1e6)]


class HourlyTraffic(Spec):
    """A Poisson rate for every hour of a day (24) or of a week from Monday (168), UTC.

    Every rate counts `scale_ratio` times: what-ifs turn one number, not 168.
    `rise_frac` is as in `ConstantTraffic`.
    """

    kind: Literal["hourly"]
    rates_rps: Annotated[tuple[Rate, ...], Field(min_length=24, max_length=168)]
    scale_ratio: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    rise_frac: Rise | None = None
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


class ShapeTraffic(Spec):
    """A ready shape around a mean rate, where nothing else is known (`specs.shapes`).

    `rise_frac` is as in `ConstantTraffic`.
    """

    kind: Literal["diurnal", "weekly", "bursty", "launch"]
    rate_rps: Annotated[float, Field(gt=0, le=1e6)]
    rise_frac: Rise | None = None

    @property
    def rates_rps(self) -> tuple[float, ...]:
        """A week of hourly rates, from Monday."""
        return self._shaped.rates_rps

    @property
    def burstiness(self) -> Burstiness | None:
        """How much it varies within the hour."""
        shape = self._shaped
        if shape.dispersion_ratio <= 1:
            return None
        return Burstiness(
            dispersion_ratio=shape.dispersion_ratio, time_scale_s=shape.time_scale_s
        )

    @property
    def _shaped(self) -> ShapedTraffic:
        return shaped(Shape(self.kind), self.rate_rps)


class Spread(Spec):
    """How a quantity of requests varies; `variation_ratio` is deviation over mean."""

    mean: NonNegative
    p50: NonNegative
    p95: NonNegative
    variation_ratio: NonNegative


class TraceSeen(Spec):
    """What was read from a trace: written into plans, which are then explained by it.

    `rates_rps` are those of every hour (1), of a day's (24) or a week's (168), before
    any `scale_ratio`; `covered_hours` are those of them that the trace covers.
    """

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    first_at: AwareDatetime | None = None
    span_s: Positive
    n_requests: Annotated[int, Field(ge=1)]
    rates_rps: Annotated[tuple[Rate, ...], Field(min_length=1, max_length=168)]
    covered_hours: tuple[Annotated[int, Field(ge=0, lt=168)], ...] = ()
    burstiness: Burstiness | None = None
    request_kib: Spread | None = None
    prompt_tokens: Spread | None = None
    output_tokens: Spread | None = None

    @model_validator(mode="after")
    def _an_hour_a_day_or_a_week(self) -> Self:
        if len(self.rates_rps) not in {1, 24, 168} or not any(self.rates_rps):
            raise ValueError("rates_rps holds 1, 24 or 168 rates, not all of them zero")
        return self


class TraceTraffic(Spec):
    """A file of arrivals (`specs.traces`), relative to the document, and what it is of.

    `stands_for` says what the file stands for: each hour of a week or of a day as the
    file has it (mean over its days), or its mean rate at every hour. Unless given, a
    dated trace of a week stands for the week and one of a day for each day; a shorter
    or undated one must say. Hours that it does not cover have `other_hours_ratio` times
    its mean rate. `starts_at` dates a clock that has no date of its own. All requests
    count `scale_ratio` times; `seen` is filled in when the file is read.
    """

    kind: Literal["trace"]
    file: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    stands_for: Literal["every_hour", "day", "week"] | None = None
    other_hours_ratio: Annotated[float, Field(ge=0, le=1000)] | None = None
    starts_at: AwareDatetime | None = None
    scale_ratio: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    rise_frac: Rise | None = None
    seen: TraceSeen | None = None

    @model_validator(mode="after")
    def _seen_as_it_stands(self) -> Self:
        hours = {"every_hour": 1, "day": 24, "week": 168}.get(self.stands_for or "")
        if self.seen is not None and len(self.seen.rates_rps) != hours:
            raise ValueError(
                f"seen.rates_rps holds {len(self.seen.rates_rps)} rates and stands_for "
                f"is {self.stands_for}; remove `seen` to have the file read anew"
            )
        return self

    @property
    def read(self) -> TraceSeen:
        """What the file holds.

        Raises:
            SpecError: Nobody read it.
        """
        if self.seen is None:
            raise SpecError(
                f"the trace {self.file} was not read yet: give planner.recommend() the "
                "document's path, so that it finds the file beside it"
            )
        return self.seen

    @property
    def rates_rps(self) -> tuple[float, ...]:
        """The rate of every hour, of a day's or of a week's."""
        return tuple(self.scale_ratio * r for r in self.read.rates_rps)

    @property
    def burstiness(self) -> Burstiness | None:
        """As seen, of so many times the requests: what exceeds Poisson's grows alike."""
        own = self.read.burstiness
        if own is None:
            return None
        return Burstiness(
            dispersion_ratio=min(
                1 + (own.dispersion_ratio - 1) * self.scale_ratio, MOST_DISPERSION
            ),
            time_scale_s=own.time_scale_s,
        )


Traffic = Annotated[
    ConstantTraffic | HourlyTraffic | ShapeTraffic | TraceTraffic,
    Field(discriminator="kind"),
]
