"""`plan.json`: the answer as a document, written by the pipeline and read back."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, JsonValue

from planner.domain.hardware import Purchase
from planner.domain.placement import Objective, Verdict
from planner.specs.assurance import PlanJoint, PlanOffline, PlanSafety, PlanSimulation
from planner.specs.base import NonNegative, Share, Spec
from planner.specs.measuring import PlanFitting, PlanMeasuring, PlanPoints
from planner.specs.placements import LatencyPrediction, PlanPlacement, TokenPrediction
from planner.specs.ways_out import Reason, Relaxation


class PlanCertificate(Spec):
    """What was proved, by which solver, and that the checker agreed."""

    solver: str
    objective: Objective
    objective_usd_per_month: float
    bound_usd_per_month: float
    gap_frac: float
    solve_s: NonNegative
    checked: bool


class CostLine(Spec):
    """One line of the monthly bill."""

    item: str
    usd_per_month: NonNegative
    source: str
    as_of: dt.date


class PlanCost(Spec):
    """The monthly bill; the lines add up to the total."""

    total_usd_per_month: NonNegative
    lines: tuple[CostLine, ...]


class PlanBlock(Spec):
    """Hours of a month in which every rate stays the same."""

    name: str
    h_per_month: NonNegative


class PlanPurchase(Spec):
    """What is paid for machines of one offer.

    `kept` machines are paid for every hour of the month (owned, or committed for
    `term_months`); `paid_by_hour` are those beyond them in each hour block.
    """

    offer: str
    purchase: Purchase
    kept: Annotated[int, Field(ge=0)]
    term_months: int | None = None
    kept_usd_per_h: NonNegative
    paid_by_hour: tuple[int, ...]
    usd_per_h: NonNegative
    usd_per_month: NonNegative


class PlanSlo(Spec):
    """What was promised; fields that do not apply are None."""

    percentile: NonNegative
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
    cost_usd_per_month: NonNegative | None
    why_not: str


class PlanWorkload(Spec):
    """A workload's promise and what the plan predicts for it, all placements together."""

    name: str
    model: str
    origin: str
    rate_rps: NonNegative
    request_kib: NonNegative
    response_kib: NonNegative
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
    """A model the plan runs, as the user named it; paths are relative to the spec.

    `trust` is the user's word for a file that may run code when it is loaded, and
    `content_sha256` what the model's files held when they were profiled.
    """

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
    fine_tune: str | None = None
    sequence_tokens: int | None = None
    context_tokens: tuple[int, ...] | None = None
    evaluation_text: str | None = None
    trust: bool = False
    content_sha256: str | None = None
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
    fitting: PlanFitting | None = None
    points: PlanPoints | None = None
    spec: dict[str, JsonValue] | None = None
