"""One measurement of one variant in one envelope: what is asked and what came back."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NewType

from planner.domain.conditions import Conditions
from planner.domain.operations import Operations
from planner.domain.profiles import ExpertUse, MemoryParts, Quality, TokenPoint
from planner.domain.profiling import HERE, UserModel
from planner.domain.variants import Variant

# Names what a trial asks by its content: equal keys, equal questions.
TrialKey = NewType("TrialKey", str)

LOCAL: Final = HERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The room a measurement has: what stands between this machine and the device.

    `cpu_quota_cores` is applied where control groups can be written and None
    where no quota is wanted; `memory_bytes` is a limit that really kills.
    `replicas` of the variant run at once, each with `threads`, and one is measured.
    What is timed is what goes on after `soak_s` of load; `heat_speed_frac` is the speed
    that a device which throttles for its heat then has left.
    """

    threads: int = 1
    replicas: int = 1
    cpu_quota_cores: float | None = None
    memory_bytes: float | None = None
    soak_s: float = 0.0
    heat_speed_frac: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Measure `variant` of `model` at these batch sizes, and its quality if it can be.

    `device` is where: this machine or nodes like it, or a device by its catalogue's name
    that takes part in the cluster. `percentile_frac` is the one that matters beside the
    median. With `fewer_points` only those of `batches` are timed that the others cannot be
    read off from (`profilers.points`), and none longer than `limit_s`, where there is one.
    `curve` is the key of the trial that would tell the whole curve, where this one tells a
    part and another may be asked for: what was loaded for one part is kept for the next.
    """

    model: UserModel
    variant: Variant
    envelope: Envelope
    batches: tuple[int, ...]
    timeout_s: float = 300.0
    device: str = LOCAL
    percentile_frac: float = 0.5
    fewer_points: bool = False
    limit_s: float | None = None
    curve: TrialKey | None = None

    @property
    def patience_s(self) -> float:
        """How long an answer may take: what is heated first takes so much longer."""
        return self.timeout_s + self.envelope.soak_s


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredPoint:
    """Service time of one batch size on this machine.

    `p50_low_s` and `p50_high_s` bound the 95 % confidence interval of the
    median. `is_noisy` says that the stopping rule was not met within its limit
    or that blocks of samples disagreed; the error band is then wider.
    """

    batch: int
    p50_s: float
    p50_low_s: float
    p50_high_s: float
    mean_s: float
    p90_s: float
    p95_s: float
    p99_s: float
    n_samples: int
    is_noisy: bool
    # Upper ends of the 95 % intervals; None where so few samples do not bound the tail.
    p95_high_s: float | None = None
    p99_high_s: float | None = None
    # Of one batch; None where nothing meters.
    energy_j: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What a trial gave; `error_frac` covers what the points' own spread shows.

    `environment` names what the figures depend on: processor, threads and the
    versions of the runtimes. `measured_at` is aware UTC. `batch_grid` holds the batch sizes
    that were asked for, where some of them were not timed, and `limit_s` up to what time
    they were, where there was a limit. `operations` are the model's as given, where they
    could be counted. `percentile_frac` is the one that was timed until it was known, None in
    what is older than that.
    """

    points: tuple[MeasuredPoint, ...]
    memory_bytes: float
    artifact_bytes: float
    artifact_sha256: str
    error_frac: float
    measured_at: dt.datetime
    quality: Quality | None = None
    warnings: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    memory_parts: MemoryParts | None = None
    tokens: tuple[TokenPoint, ...] = ()
    experts: ExpertUse | None = None
    conditions: Conditions | None = None
    batch_grid: tuple[int, ...] = ()
    limit_s: float | None = None
    operations: Operations | None = None
    percentile_frac: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a trial gave nothing: kept, so that it is not tried again for nothing."""

    reason: str
    failed_at: dt.datetime
    environment: Mapping[str, str] = field(default_factory=dict)


TrialResult = Measurement | Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """What a model is made of, as far as that decides how it is quantized."""

    has_convolutions: bool
    measured_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What a running deployment did under load: service times of the batches that came.

    `device` is the catalogue's name of the device it ran on, `source` what was sent.
    """

    model: str
    variant: Variant
    device: str
    points: tuple[MeasuredPoint, ...]
    error_frac: float
    measured_at: dt.datetime
    source: str
    environment: Mapping[str, str] = field(default_factory=dict)
