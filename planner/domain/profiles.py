"""What a variant did on a device: by batch size, by load, or as token rates."""

from dataclasses import dataclass

from planner.domain.evidence import Evidence
from planner.domain.variants import Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How good a variant's answers are; fractions, higher is better.

    `low_frac` and `high_frac` bound the 95 % confidence interval where the
    number of evaluated samples is known, else they are None.
    """

    metric: str
    value_frac: float
    source: str
    low_frac: float | None = None
    high_frac: float | None = None
    n_samples: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePoint:
    """Service time of one batch of so many requests; None where the source is silent."""

    batch: int
    p50_s: float
    mean_s: float | None = None
    p90_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchProfile:
    """Service times of one replica by batch size; points ascend by batch.

    One replica occupies the whole device (`device_count` of them).
    `artifact_sha256` names the very file that was measured, where there is one.
    """

    model: str
    variant: Variant
    device: str
    points: tuple[ServicePoint, ...]
    evidence: Evidence
    device_count: int = 1
    memory_bytes: float | None = None
    quality: Quality | None = None
    artifact_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPoint:
    """A language model under steady load: what users saw at that concurrency."""

    concurrency: float
    rate_rps: float
    ttft_p50_s: float
    ttft_p95_s: float
    ttft_p99_s: float
    tpot_p50_s: float
    tpot_p95_s: float
    tpot_p99_s: float
    e2e_p50_s: float
    e2e_p95_s: float
    e2e_p99_s: float
    output_tokens_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadCurve:
    """Load points of one serving engine, ascending by rate, for one request shape."""

    model: str
    variant: Variant
    device: str
    prompt_tokens: int
    output_tokens: int
    points: tuple[LoadPoint, ...]
    evidence: Evidence
    device_count: int = 1
    memory_bytes: float | None = None
    quality: Quality | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRates:
    """A language model answering one request at a time: its two token rates."""

    model: str
    variant: Variant
    device: str
    prompt_tokens_per_s: float
    output_tokens_per_s: float
    evidence: Evidence
    device_count: int = 1
    memory_bytes: float | None = None
    quality: Quality | None = None


Profile = BatchProfile | LoadCurve | TokenRates
