"""What a variant did on a device: by batch size, by load, or as token rates."""

from dataclasses import dataclass

from planner.domain.conditions import Conditions
from planner.domain.evidence import Evidence
from planner.domain.operations import Operations
from planner.domain.quality import Drop, PartScore
from planner.domain.servers import ServerCost, Timing
from planner.domain.variants import Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How good a variant's answers are; fractions, higher is better.

    `low_frac` and `high_frac` bound the 95 % confidence interval where the
    number of evaluated samples is known, else they are None. `drop` tells the variant
    from the model as given; `slices` and `shifted` are there where the evaluation set
    has any: parts of it, and sets that look otherwise (darker, noisier, of another year).
    `calibration_error_frac` is how far stated confidence is from accuracy.
    """

    metric: str
    value_frac: float
    source: str
    low_frac: float | None = None
    high_frac: float | None = None
    n_samples: int | None = None
    drop: Drop | None = None
    slices: tuple[PartScore, ...] = ()
    shifted: tuple[PartScore, ...] = ()
    calibration_error_frac: float | None = None

    @property
    def worst_slice(self) -> PartScore | None:
        """The slice with the least score; None where there are none."""
        return min(self.slices, key=lambda s: s.value_frac, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryParts:
    """What a replica's memory consists of, as measured; loading may take more for a while.

    `runtime_bytes` is what the engine's own code holds; `weights_bytes` what stays of
    loading the model, `activations_bytes` what running the largest batch adds to that.
    `kv_bytes_per_token` is what a causal language model keeps of each token.
    """

    runtime_bytes: float
    weights_bytes: float
    activations_bytes: float
    kv_bytes_per_token: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPoint:
    """A causal language model at one batch and one context.

    `prefill_s` is the time to the first token of `context_tokens` prompts, `step_s`
    that of one further token with the cache, `uncached_step_s` without it.
    """

    batch: int
    context_tokens: int
    prefill_s: float
    step_s: float
    uncached_step_s: float | None = None

    @property
    def prompt_tokens_per_s(self) -> float:
        """Tokens read, all prompts together."""
        return self.batch * self.context_tokens / self.prefill_s

    @property
    def output_tokens_per_s(self) -> float:
        """Tokens written, all answers together."""
        return self.batch / self.step_s


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertUse:
    """A mixture of experts: what it holds, what a token uses, how evenly.

    `imbalance_ratio` is the busiest expert's share of the tokens over an even share,
    in the worst layer; `touched_frac` the share of experts that any token was sent to.
    """

    n_experts: int
    n_active: int
    total_parameters: int
    active_parameters: int
    experts_bytes: float
    imbalance_ratio: float
    touched_frac: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePoint:
    """Service time of one batch of so many requests; None where the source is silent.

    `energy_j` is what the batch took of it, as metered; None where nothing did.
    """

    batch: int
    p50_s: float
    mean_s: float | None = None
    p90_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None
    energy_j: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchProfile:
    """Service times of one replica by batch size; points ascend by batch.

    One replica occupies the whole device (`device_count` of them).
    `artifact_sha256` names the very file that was measured, where there is one, and
    `model_sha256` the content of the user's model that it was made from.
    `timing` says whether a server is in the times; where none is, `server` is what
    serving costs on top, None where nobody knows. `batch_grid` holds the batch sizes that
    a plan may choose from where not all of them were timed: the others lie on the line
    between those that were. `conditions` are those of the measurement. `rested_s` is what
    a batch takes longer when nothing ran before it for a while. `operations` are what the
    model asks of any device, where whoever measured it could count them.
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
    timing: Timing = Timing.MODEL
    server: ServerCost | None = None
    memory_parts: MemoryParts | None = None
    model_sha256: str | None = None
    batch_grid: tuple[int, ...] = ()
    conditions: Conditions | None = None
    rested_s: float = 0.0
    operations: Operations | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPoint:
    """A language model under steady load: what users saw at that concurrency.

    TPOT is a further token's: (answer - TTFT) / (output tokens - 1) of each request.
    """

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
    """Load points of one serving engine, ascending by rate, for one request shape.

    `host` is where its device is rented, of a prediction made for there: an instance
    type with its provider, or a provider; None: wherever.
    """

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
    host: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRates:
    """A language model answering one request at a time: its two token rates.

    `grid` holds what was measured at other batches and contexts, where it was. The two
    digests are those of a `BatchProfile`.
    """

    model: str
    variant: Variant
    device: str
    prompt_tokens_per_s: float
    output_tokens_per_s: float
    evidence: Evidence
    device_count: int = 1
    memory_bytes: float | None = None
    quality: Quality | None = None
    memory_parts: MemoryParts | None = None
    grid: tuple[TokenPoint, ...] = ()
    experts: ExpertUse | None = None
    artifact_sha256: str | None = None
    model_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedTimes:
    """TTFT and TPOT of a hosted model at one percentile."""

    percentile_frac: float
    ttft_s: float
    tpot_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedTimes:
    """What callers of somebody else's API saw, at any load that its limits allow.

    `times` ascend by percentile; `device` is the offer's own name, for nobody says
    what the model runs on.
    """

    model: str
    variant: Variant
    device: str
    times: tuple[StatedTimes, ...]
    evidence: Evidence
    device_count: int = 1
    memory_bytes: float | None = None
    quality: Quality | None = None


Profile = BatchProfile | LoadCurve | TokenRates | HostedTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileKey:
    """What a profile is of: nothing has two of the same."""

    model: str
    device: str
    device_count: int
    variant: Variant


def key_of(profile: Profile) -> ProfileKey:
    """What the profile is of."""
    return ProfileKey(
        model=profile.model,
        device=profile.device,
        device_count=profile.device_count,
        variant=profile.variant,
    )


def content_sha256(profile: Profile) -> str | None:
    """The content of the user's own model that was measured; None where nobody says."""
    if isinstance(profile, BatchProfile | TokenRates):
        return profile.model_sha256
    return None
