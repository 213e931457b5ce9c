"""`plan.json`: the answer as a document, written by the pipeline and read back."""

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import (
    AwareDatetime,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from planner.domain.evidence import Provenance
from planner.domain.hardware import Purchase
from planner.domain.placement import Objective, Verdict
from planner.domain.servers import Timing
from planner.domain.variants import Precision, Runtime, SparsityPattern, Variant
from planner.specs.base import Spec
from planner.specs.measuring import PlanMeasuring

Number = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class PlanCertificate(Spec):
    """What was proved, by which solver, and that the checker agreed."""

    solver: str
    objective: Objective
    objective_usd_per_month: float
    bound_usd_per_month: float
    gap_frac: float
    solve_s: Number
    checked: bool


class CostLine(Spec):
    """One line of the monthly bill."""

    item: str
    usd_per_month: Number
    source: str
    as_of: dt.date


class PlanCost(Spec):
    """The monthly bill; the lines add up to the total."""

    total_usd_per_month: Number
    lines: tuple[CostLine, ...]


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

    p50_ms: Number
    p95_ms: Number
    p99_ms: Number
    utilization_frac: Share


class TokenPrediction(Spec):
    """What users of a language model see, at the planned rate.

    `p50_ms`… are end to end for a whole answer, None where nobody states them
    (hosted models); `ttft_ms` and `tpot_ms` at the percentile of the SLO.
    """

    p50_ms: Number | None
    p95_ms: Number | None
    p99_ms: Number | None
    ttft_ms: Number
    tpot_ms: Number
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

    rtt_ms: Number
    transfer_ms: Number
    wait_ms: Number
    service_ms: Number
    server_ms: Number = 0.0


class PlanServer(Spec):
    """What a request costs the server beside the model, as the plan counts it.

    `shared_frac` of the processor time keeps the model waiting, and `latency_ms` is
    beyond both. `error_frac` is that of both figures.
    """

    server: str
    processor_ms: Number
    latency_ms: Number
    shared_frac: Share
    provenance: Provenance
    error_frac: Number
    source: str
    as_of: dt.date


class HostedTerms(Spec):
    """How a hosted model is called and paid; `serves` is the vendor's name for it."""

    kind: Literal["hosted_api"] = "hosted_api"
    serves: str
    usd_per_million_prompt_tokens: Number
    usd_per_million_output_tokens: Number
    usd_per_request: Number
    most_requests_per_min: Number | None
    most_tokens_per_min: Number | None


class FunctionTerms(Spec):
    """How a serverless function runs and is paid; it takes times of `runs_like`.

    `billed_ms` is what a request is billed for on average, at the policy's
    confidence in those times.
    """

    kind: Literal["serverless"] = "serverless"
    runs_like: str
    memory_gib: Number
    billed_ms: Number
    usd_per_gib_s: Number
    usd_per_million_requests: Number
    usd_per_request: Number
    cold_start_ms: Number
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
    max_wait_ms: Number
    rate_rps: Number
    share_frac: Share
    capacity_rps: Number | None
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
    error_frac: Number
    price_usd_per_h: Number
    price_source: str
    price_as_of: dt.date
    cost_usd_per_month: Number
    by_request: HostedTerms | FunctionTerms | None = None
    shared_with: tuple[str, ...] = ()
    machines_on: tuple[int, ...] = ()
    rates_rps: tuple[Number, ...] = ()
    offline_rates_rps: tuple[Number, ...] = ()


class PlanBlock(Spec):
    """Hours of a month in which every rate stays the same."""

    name: str
    h_per_month: Number


class PlanPurchase(Spec):
    """What is paid for machines of one offer.

    `kept` machines are paid for every hour of the month (owned, or committed for
    `term_months`); `paid_by_hour` are those beyond them in each hour block.
    """

    offer: str
    purchase: Purchase
    kept: Annotated[int, Field(ge=0)]
    term_months: int | None = None
    kept_usd_per_h: Number
    paid_by_hour: tuple[int, ...]
    usd_per_h: Number
    usd_per_month: Number


class PlanSlo(Spec):
    """What was promised; fields that do not apply are None."""

    percentile: Number
    latency_ms: float | None = None
    ttft_ms: float | None = None
    tpot_ms: float | None = None


class PlanQualityFloor(Spec):
    """The least quality the workload accepts."""

    metric: str
    minimum_frac: Share | None
    over: Literal["each_request", "mean"] = "each_request"
    allowed_drop_frac: Share | None = None
    worst_slice_minimum_frac: Share | None = None


class RunnerUp(Spec):
    """The best plan that avoids what the chosen one picked for this workload."""

    description: str
    cost_usd_per_month: Number | None
    why_not: str


class PlanWorkload(Spec):
    """A workload's promise and what the plan predicts for it, all placements together."""

    name: str
    model: str
    origin: str
    rate_rps: Number
    request_kib: Number
    response_kib: Number
    prompt_tokens: int | None
    output_tokens: int | None
    slo: PlanSlo
    quality_floor: PlanQualityFloor | None
    residency: tuple[str, ...]
    predicted: TokenPrediction | LatencyPrediction
    attainment_frac: Share
    slo_met_probability_frac: Share
    why: str
    runner_up: RunnerUp | None = None


class PlanModel(Spec):
    """A model the plan runs, as the user named it; paths are relative to the spec."""

    name: str
    source: Literal[
        "reference", "torch", "hosted", "onnx", "huggingface", "exported", "sklearn"
    ]
    reference: str | None = None
    factory: str | None = None
    weights: str | None = None
    file: str | None = None
    inputs: str | None = None
    evaluation: str | None = None
    license: str | None = None


class PlanPolicy(Spec):
    """What held for the whole plan."""

    budget_usd_per_month: float | None
    objective: Objective
    confidence_frac: Share
    spare_replicas: int


class EvidenceLine(Spec):
    """A figure the plan rests on."""

    what: str
    provenance: str
    source: str
    as_of: dt.date
    error_frac: float | None = None


# What a field of the spec holds; None is a limit that nobody set.
Setting = bool | float | str | tuple[str, ...] | None


class Change(Spec):
    """One field of the spec, and what it would have to be.

    `not_enough` is the largest change towards `to` that was solved and falls short.
    """

    field: str
    from_: Annotated[Setting, Field(alias="from")]
    to: Setting
    unit: str
    not_enough: Setting = None

    model_config = Spec.model_config | {"populate_by_name": True}


class Relaxation(Spec):
    """Changes that together make the spec feasible, none of them superfluous.

    Verified by solving. `ask_ratio` says how much they ask: the product over the
    changes of the factor by which an amount changes, a count (plus one) changes,
    or the odds of a fraction change. `plan` is what is then run, in words.
    """

    change: tuple[Change, ...]
    cost_usd_per_month: Number
    ask_ratio: Annotated[float, Field(ge=1)] = 1.0
    plan: str = ""


class Reason(Spec):
    """What stands in the way, in one sentence."""

    subject: str
    sentence: str


class PlanOffline(Spec):
    """What of a workload is answered within its promise while its site's uplink is down.

    `answered_frac` is the share in the hours when it is least; `required_frac` is
    what the document asks for, None where it asks for nothing.
    """

    site: str
    workload: str
    answered_frac: Share
    required_frac: Share | None = None


class PlanRises(Spec):
    """What it costs that workloads may rise above their rates.

    `premium_usd_per_month` is what the plan costs beyond the one for the rates alone.
    """

    most_at_once: Annotated[int, Field(ge=0)]
    n_rising: Annotated[int, Field(ge=0)]
    largest_rise_frac: Number
    premium_usd_per_month: float


class PlanSafety(Spec):
    """What caution costs, and how likely the bill outgrows the budget.

    The trusting plan takes every profile and rate at its word: confidence one half
    and no error of demand. `premium_usd_per_month` is what this plan costs beyond it.
    `price_note` says what is known of how prices move, and from where.
    """

    trusting_usd_per_month: Number
    premium_usd_per_month: float
    trusting_plan: str
    budget_exceeded_probability_frac: Share | None = None
    price_note: str = ""
    rises: PlanRises | None = None


class PlanSplit(Spec):
    """A workload that several uncertain profiles would have served too unsurely.

    `joint_frac` is the probability that all of them hold in the cheapest plan;
    `trusted_frac` the confidence at which each profile is taken now.
    """

    workload: str
    n_profiles: Annotated[int, Field(ge=0)]
    joint_frac: Share
    trusted_frac: Share
    is_on_one_profile: bool


class PlanJoint(Spec):
    """What was done so that a workload's profiles hold together as surely as asked.

    `price_usd_per_month` is what this plan costs beyond the one whose profiles only
    hold each on their own; `why_not` says why that one is shown nevertheless.
    """

    splits: Annotated[tuple[PlanSplit, ...], Field(min_length=1)]
    price_usd_per_month: float
    why_not: str = ""


class TriedWorkload(Spec):
    """What a workload's users saw in a simulated trial of the plan.

    `low_frac` and `high_frac` bound the simulation's own error (95 %).
    """

    workload: str
    n_requests: Annotated[int, Field(ge=0)]
    promised_frac: Share
    attainment_frac: Share
    low_frac: Share
    high_frac: Share

    @property
    def is_late(self) -> bool:
        """Whether it misses its promise by more than the simulation's own error."""
        return self.high_frac < self.promised_frac


class PlanCut(Spec):
    """A capacity that did not hold, and the part of it that is kept.

    It holds wherever the workload is run in this way: from the profile of that
    `source`, batched so, and on machines of its own or pooled.
    """

    workload: str
    model: str
    variant: PlanVariant
    device: str
    source: str
    max_batch: Annotated[int, Field(ge=1)]
    max_wait_ms: Number
    is_pooled: bool
    kept_frac: Share


class TrialRound(Spec):
    """One plan tried, and the cuts that it led to; none where it held."""

    cost_usd_per_month: Number
    workloads: tuple[TriedWorkload, ...]
    cuts: tuple[PlanCut, ...] = ()


class PlanSimulation(Spec):
    """The plan tried on simulated traffic, and what was cut until it held.

    Service times are those at the policy's confidence, and spares stand still.
    `why_not` says why the last round's plan does not hold, where it does not;
    `price_usd_per_month` is what the last plan costs beyond the first.
    """

    seed: Annotated[int, Field(ge=0)]
    traffic: str
    rounds: Annotated[tuple[TrialRound, ...], Field(min_length=1)]
    holds: bool
    why_not: str = ""
    price_usd_per_month: float = 0.0


class PlanDocument(Spec):
    """The whole answer; `spec` is the question as plain data, defaults left out.

    `relaxations` are ordered by how much they ask, the nearest plan first;
    `search_note` says so where the search for them was cut short.
    """

    kind: Literal["plan"] = "plan"
    version: Literal[1] = 1
    name: str
    status: Verdict
    created_at: AwareDatetime
    planner_version: str
    spec_sha256: str
    certificate: PlanCertificate | None
    policy: PlanPolicy
    models: tuple[PlanModel, ...]
    cost: PlanCost
    blocks: tuple[PlanBlock, ...] = ()
    purchases: tuple[PlanPurchase, ...] = ()
    placements: tuple[PlanPlacement, ...]
    workloads: tuple[PlanWorkload, ...]
    evidence: tuple[EvidenceLine, ...]
    warnings: tuple[str, ...]
    reasons: tuple[Reason, ...] = ()
    relaxations: tuple[Relaxation, ...] = ()
    search_note: str = ""
    simulation: PlanSimulation | None = None
    safety: PlanSafety | None = None
    offline: tuple[PlanOffline, ...] = ()
    joint: PlanJoint | None = None
    measuring: PlanMeasuring | None = None
    spec: dict[str, JsonValue] | None = None
