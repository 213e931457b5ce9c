"""A storefront's plan as the pipeline writes it, on its own boards and in the cloud.

Their figures fit together: lines add up to the total, a machine costs its price
times 730 hours, shares add up to one. Vary them with `model_copy(update=…)`.
"""

import datetime as dt

from planner.domain.evidence import Provenance
from planner.domain.hardware import Purchase
from planner.domain.placement import Objective, Verdict
from planner.domain.variants import Precision, Runtime
from planner.specs.placements import (
    LatencyBreakdown,
    LatencyPrediction,
    PlanPlacement,
    PlanQuality,
    PlanVariant,
)
from planner.specs.plan import (
    CostLine,
    EvidenceLine,
    PlanCertificate,
    PlanCost,
    PlanDocument,
    PlanModel,
    PlanPolicy,
    PlanQualityFloor,
    PlanSlo,
    PlanWorkload,
    RunnerUp,
)

CREATED_AT = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)
PRICED_ON = dt.date(2026, 2, 27)
AWS_PRICES = "https://aws.amazon.com/ec2/pricing/on-demand/"
SWEEP = (
    "MLPerf open edge sweep, https://github.com/mlcommons/inference_results_v4.1 "
    "(not verified by MLCommons Association)"
)


def certificate(usd_per_month: float) -> PlanCertificate:
    return PlanCertificate(
        solver="HiGHS",
        objective=Objective.COST,
        objective_usd_per_month=usd_per_month,
        bound_usd_per_month=usd_per_month,
        gap_frac=0.0,
        solve_s=0.0412,
        checked=True,
    )


def shelf_placement() -> PlanPlacement:
    """Two owned boards on site, one of them a spare; imported profile."""
    return PlanPlacement(
        workload="shelf-cameras",
        model="shelf-classifier",
        variant=PlanVariant(
            precision=Precision.INT8, sparsity_frac=0.0, runtime=Runtime.TFLITE
        ),
        site="berlin-store",
        site_kind="edge",
        zone="eu",
        provider="own",
        offer="berlin-store/raspberry-pi-4",
        instance_type="raspberry-pi-4",
        device="raspberry-pi-4",
        device_count=1,
        purchase=Purchase.OWNED,
        machines=2,
        replicas=2,
        spare_machines=1,
        max_batch=1,
        max_wait_ms=0.0,
        rate_rps=12.0,
        share_frac=1.0,
        capacity_rps=31.4,
        memory_gib=0.21,
        vcpus=4,
        artifact_sha256=None,
        predicted=LatencyPrediction(
            p50_ms=41.3, p95_ms=77.21, p99_ms=96.8, utilization_frac=0.312
        ),
        breakdown=LatencyBreakdown(
            rtt_ms=1.0, transfer_ms=14.9, wait_ms=5.62, service_ms=26.04
        ),
        quality=PlanQuality(
            metric="top1_accuracy",
            value=0.7068,
            low=0.7028,
            high=0.7107,
            n_samples=50000,
        ),
        provenance=Provenance.PUBLISHED,
        profile_source=SWEEP,
        profile_as_of=dt.date(2024, 8, 28),
        error_frac=0.1,
        price_usd_per_h=0.0021,
        price_source="electricity at berlin-store, Eurostat nrg_pc_205",
        price_as_of=dt.date(2025, 10, 1),
        cost_usd_per_month=0.0021 * 730 * 2,
    )


def digits_placement() -> PlanPlacement:
    """A small cloud instance running the user's own model, emulated there."""
    return PlanPlacement(
        workload="reorder-digits",
        model="digit-reader",
        variant=PlanVariant(
            precision=Precision.INT8, sparsity_frac=0.0, runtime=Runtime.ONNXRUNTIME
        ),
        site="eu-central-1",
        site_kind="cloud",
        zone="eu",
        provider="aws",
        offer="aws/eu-central-1/c7g.large/on_demand",
        instance_type="c7g.large",
        device="graviton3-2vcpu",
        device_count=1,
        purchase=Purchase.ON_DEMAND,
        machines=1,
        replicas=1,
        spare_machines=0,
        max_batch=8,
        max_wait_ms=4.0,
        rate_rps=3.5,
        share_frac=1.0,
        capacity_rps=402.0,
        memory_gib=0.05,
        vcpus=2,
        artifact_sha256="5f" * 32,
        predicted=LatencyPrediction(
            p50_ms=31.06, p95_ms=34.7, p99_ms=37.92, utilization_frac=0.0087
        ),
        breakdown=LatencyBreakdown(
            rtt_ms=28.0, transfer_ms=0.82, wait_ms=0.9, service_ms=1.61
        ),
        quality=PlanQuality(
            metric="top1_accuracy", value=0.9722, low=0.9497, high=0.9848, n_samples=360
        ),
        provenance=Provenance.EMULATED,
        profile_source="measured on this machine, mapped to graviton3-2vcpu",
        profile_as_of=dt.date(2026, 3, 2),
        error_frac=0.38,
        price_usd_per_h=0.0775,
        price_source=AWS_PRICES,
        price_as_of=PRICED_ON,
        cost_usd_per_month=0.0775 * 730 + 1.8414,
    )


def storefront_plan() -> PlanDocument:
    """Optimal: one workload on the shelf, one in the cloud."""
    shelf, digits = shelf_placement(), digits_placement()
    lines = (
        CostLine(
            item="2 × raspberry-pi-4 at berlin-store, for shelf-cameras",
            usd_per_month=shelf.cost_usd_per_month,
            source=shelf.price_source,
            as_of=shelf.price_as_of,
        ),
        CostLine(
            item="1 × c7g.large on demand in aws eu-central-1, for reorder-digits",
            usd_per_month=0.0775 * 730,
            source=AWS_PRICES,
            as_of=PRICED_ON,
        ),
        CostLine(
            item="answers leaving aws eu-central-1 at 0.09 USD/GB, for reorder-digits",
            usd_per_month=1.8414,
            source=AWS_PRICES,
            as_of=PRICED_ON,
        ),
    )
    total = sum(line.usd_per_month for line in lines)
    return PlanDocument(
        name="storefront",
        status=Verdict.OPTIMAL,
        created_at=CREATED_AT,
        planner_version="0.1.0",
        spec_sha256="ab12" * 16,
        certificate=certificate(total),
        policy=PlanPolicy(
            budget_usd_per_month=400.0,
            objective=Objective.COST,
            confidence_frac=0.9,
            spare_replicas=1,
        ),
        models=(
            PlanModel(
                name="shelf-classifier",
                source="reference",
                reference="mobilenet-v2-1.0-224",
            ),
            PlanModel(
                name="digit-reader",
                source="torch",
                factory="model:build",
                weights="weights.safetensors",
                license="Apache-2.0",
            ),
        ),
        cost=PlanCost(total_usd_per_month=total, lines=lines),
        placements=(shelf, digits),
        workloads=(
            PlanWorkload(
                name="shelf-cameras",
                model="shelf-classifier",
                origin="berlin-store",
                rate_rps=12.0,
                request_kib=180.0,
                response_kib=2.0,
                prompt_tokens=None,
                output_tokens=None,
                slo=PlanSlo(percentile=95.0, latency_ms=120.0),
                quality_floor=PlanQualityFloor(
                    metric="top1_accuracy", minimum_frac=0.7
                ),
                residency=("eu",),
                predicted=shelf.predicted,
                attainment_frac=0.9981,
                slo_met_probability_frac=0.9994,
                why="the boards stand on site and are paid for; only power is left to pay",
                runner_up=RunnerUp(
                    description="1 × int8 on onnxruntime on c7g.large on demand in aws "
                    "eu-central-1",
                    cost_usd_per_month=total + 54.21,
                    why_not="the whole plan would cost 54.21 USD/month more",
                ),
            ),
            PlanWorkload(
                name="reorder-digits",
                model="digit-reader",
                origin="berlin-store",
                rate_rps=3.5,
                request_kib=4.0,
                response_kib=0.5,
                prompt_tokens=None,
                output_tokens=None,
                slo=PlanSlo(percentile=99.0, latency_ms=60.0),
                quality_floor=None,
                residency=(),
                predicted=digits.predicted,
                attainment_frac=0.99999,
                slo_met_probability_frac=0.9712,
                why="the boards are taken, and the smallest instance is fast enough",
                runner_up=RunnerUp(
                    description="no other machine",
                    cost_usd_per_month=None,
                    why_not="without the chosen machines no plan keeps every promise "
                    "within the budget",
                ),
            ),
        ),
        evidence=(
            EvidenceLine(
                what="latency of mobilenet-v2-1.0-224, int8 on tflite, on raspberry-pi-4",
                provenance="published",
                source=SWEEP,
                as_of=dt.date(2024, 8, 28),
                error_frac=0.1,
            ),
            EvidenceLine(
                what="latency of digit-reader, int8 on onnxruntime, on graviton3-2vcpu",
                provenance="emulated",
                source="measured on this machine, mapped to graviton3-2vcpu",
                as_of=dt.date(2026, 3, 2),
                error_frac=0.38,
            ),
            EvidenceLine(
                what="price of c7g.large on demand in aws eu-central-1",
                provenance="published",
                source=AWS_PRICES,
                as_of=PRICED_ON,
            ),
        ),
        warnings=("the electricity price at berlin-store is 152 days old",),
    )
