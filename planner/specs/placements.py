"""What a plan runs where: a placement, how it is run, known, predicted and paid."""

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from planner.domain.evidence import Provenance
from planner.domain.hardware import Purchase
from planner.domain.servers import Timing
from planner.domain.variants import Precision, Runtime, SparsityPattern, Variant
from planner.specs.base import NonNegative, Share, Spec


class PlanVariant(Spec):
    """How the model is run.

    `sparsity_pattern` is written only where weights are zero: None where there are none,
    or where it was not said which, which is taken for unstructured.
    """

    precision: Precision
    sparsity_frac: Share
    runtime: Runtime
    sparsity_pattern: SparsityPattern | None = None

    @classmethod
    def of(cls, variant: Variant) -> Self:
        """A variant as the plan states it."""
        return cls(
            precision=variant.precision,
            sparsity_frac=variant.sparsity_frac,
            runtime=variant.runtime,
            sparsity_pattern=(
                variant.sparsity_pattern if variant.sparsity_frac else None
            ),
        )

    def variant(self) -> Variant:
        """The variant that is stated."""
        return Variant(
            precision=self.precision,
            sparsity_frac=self.sparsity_frac,
            runtime=self.runtime,
            sparsity_pattern=self.sparsity_pattern or SparsityPattern.UNSTRUCTURED,
        )

    @model_serializer(mode="wrap")
    def _said(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        said: dict[str, object] = handler(self)
        return {k: v for k, v in said.items() if k != "sparsity_pattern" or v}

    def __str__(self) -> str:
        return str(self.variant())


class LatencyPrediction(Spec):
    """What users see at this placement, end to end, at the planned rate."""

    p50_ms: NonNegative
    p95_ms: NonNegative
    p99_ms: NonNegative
    utilization_frac: Share


class TokenPrediction(Spec):
    """What users of a language model see, at the planned rate.

    `p50_ms`… are end to end for a whole answer, None where nobody states them
    (hosted models); `ttft_ms` and `tpot_ms` at the percentile of the SLO.
    """

    p50_ms: NonNegative | None
    p95_ms: NonNegative | None
    p99_ms: NonNegative | None
    ttft_ms: NonNegative
    tpot_ms: NonNegative
    utilization_frac: Share


class PlanDrop(Spec):
    """What a variant loses against the model as given in fp32, on the same samples.

    `low_frac` and `high_frac` are the 95 % interval of `drop_frac`; below 0 is a gain.
    """

    n_samples: Annotated[int, Field(ge=1)]
    n_flips: Annotated[int, Field(ge=0)]
    n_right_to_wrong: Annotated[int, Field(ge=0)]
    n_wrong_to_right: Annotated[int, Field(ge=0)]
    drop_frac: float
    low_frac: float
    high_frac: float


class PlanPartScore(Spec):
    """The metric on a slice of the evaluation set, or on a shifted one; 95 % interval."""

    name: str
    value: float
    low: float
    high: float
    n_samples: Annotated[int, Field(ge=1)]


class PlanQuality(Spec):
    """Quality of a variant's answers, with its 95 % interval where samples are known."""

    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    n_samples: int | None = None
    drop: PlanDrop | None = None
    slices: tuple[PlanPartScore, ...] = ()
    shifted: tuple[PlanPartScore, ...] = ()
    calibration_error_frac: Share | None = None


class LatencyBreakdown(Spec):
    """Means of the parts that a user's latency is the sum of.

    `service_ms` is the model's own; `server_ms` what serving the request adds.
    """

    rtt_ms: NonNegative
    transfer_ms: NonNegative
    wait_ms: NonNegative
    service_ms: NonNegative
    server_ms: NonNegative = 0.0


class PlanServer(Spec):
    """What a request costs the server beside the model, as the plan counts it.

    `shared_frac` of the processor time keeps the model waiting, and `latency_ms` is
    beyond both. `rested_ms` is what a request takes longer that finds model and server
    idle. `error_frac` is that of the server's figures.
    """

    server: str
    processor_ms: NonNegative
    latency_ms: NonNegative
    rested_ms: NonNegative = 0.0
    shared_frac: Share
    provenance: Provenance
    error_frac: NonNegative
    source: str
    as_of: dt.date


class HostedTerms(Spec):
    """How a hosted model is called and paid; `serves` is the vendor's name for it."""

    kind: Literal["hosted_api"] = "hosted_api"
    serves: str
    usd_per_million_prompt_tokens: NonNegative
    usd_per_million_output_tokens: NonNegative
    usd_per_request: NonNegative
    most_requests_per_min: NonNegative | None
    most_tokens_per_min: NonNegative | None


class FunctionTerms(Spec):
    """How a serverless function runs and is paid; it takes times of `runs_like`.

    `billed_ms` is what a request is billed for on average, at the policy's
    confidence in those times.
    """

    kind: Literal["serverless"] = "serverless"
    runs_like: str
    memory_gib: NonNegative
    billed_ms: NonNegative
    usd_per_gib_s: NonNegative
    usd_per_million_requests: NonNegative
    usd_per_request: NonNegative
    cold_start_ms: NonNegative
    cold_start_frac: Share
    most_concurrent: int | None


class PlanPlacement(Spec):
    """A workload (or a share of it) on machines of one offer, run in one way.

    `replicas` counts machines × replicas on each; `machines` is what is bought.
    `memory_gib` is what one replica was seen to take, `machine_memory_gib` what a
    machine has; `threads` is how many a replica was profiled with. What is paid by
    request has no machines and states its terms in `by_request`; its `capacity_rps`
    is what the account's limits allow, None where none are stated.
    `offline_rates_rps` is what it answers in each block while its site's uplink is
    down; empty away from such a site.
    """

    workload: str
    model: str
    variant: PlanVariant
    site: str
    site_kind: Literal["edge", "cloud"]
    zone: str | None
    provider: str
    offer: str
    instance_type: str
    device: str
    device_count: int
    purchase: Purchase
    machines: Annotated[int, Field(ge=0)]
    replicas: Annotated[int, Field(ge=0)]
    spare_machines: Annotated[int, Field(ge=0)]
    max_batch: Annotated[int, Field(ge=1)]
    max_wait_ms: NonNegative
    rate_rps: NonNegative
    share_frac: Share
    capacity_rps: NonNegative | None
    memory_gib: float | None
    machine_memory_gib: float | None = None
    vcpus: int | None
    threads: Annotated[int, Field(ge=1)] | None = None
    artifact_sha256: str | None
    predicted: TokenPrediction | LatencyPrediction
    breakdown: LatencyBreakdown | None
    timing: Timing = Timing.MODEL
    server: PlanServer | None = None
    quality: PlanQuality | None
    provenance: Provenance
    profile_source: str
    profile_as_of: dt.date
    profiled_prompt_tokens: int | None = None
    profiled_output_tokens: int | None = None
    error_frac: NonNegative
    price_usd_per_h: NonNegative
    price_source: str
    price_as_of: dt.date
    cost_usd_per_month: NonNegative
    by_request: HostedTerms | FunctionTerms | None = None
    shared_with: tuple[str, ...] = ()
    machines_on: tuple[int, ...] = ()
    rates_rps: tuple[NonNegative, ...] = ()
    offline_rates_rps: tuple[NonNegative, ...] = ()
