"""A language model split over two clouds, as the pipeline writes it.

Its figures fit together as those of `tests.support.plans` do.
"""

import datetime as dt

from planner.domain.evidence import Provenance
from planner.domain.hardware import Purchase
from planner.domain.placement import Objective, Verdict
from planner.domain.variants import Precision, Runtime
from planner.specs.placements import (
    PlanPlacement,
    PlanVariant,
    TokenPrediction,
)
from planner.specs.plan import (
    CostLine,
    EvidenceLine,
    PlanCost,
    PlanDocument,
    PlanModel,
    PlanPolicy,
    PlanSlo,
    PlanWorkload,
    RunnerUp,
)
from tests.support.plans import CREATED_AT, PRICED_ON, certificate


def chat_placement(
    *, share_frac: float, offer: str, price_usd_per_h: float, machines: int
) -> PlanPlacement:
    """A part of the chat's traffic on GPUs of one offer."""
    provider, site, instance_type, purchase = offer.split("/")
    return PlanPlacement(
        workload="assistant",
        model="llama-3.1-8b-instruct",
        variant=PlanVariant(
            precision=Precision.FP8, sparsity_frac=0.0, runtime=Runtime.VLLM
        ),
        site=site,
        site_kind="cloud",
        zone="us",
        provider=provider,
        offer=offer,
        instance_type=instance_type,
        device="nvidia-l4",
        device_count=1,
        purchase=Purchase(purchase),
        machines=machines,
        replicas=machines,
        spare_machines=0,
        max_batch=1,
        max_wait_ms=0.0,
        rate_rps=6.0 * share_frac,
        share_frac=share_frac,
        capacity_rps=1.4 * machines,
        memory_gib=17.2,
        vcpus=8,
        artifact_sha256=None,
        predicted=TokenPrediction(
            p50_ms=9120.0,
            p95_ms=11840.0,
            p99_ms=13275.0,
            ttft_ms=412.6,
            tpot_ms=47.03,
            utilization_frac=0.857,
        ),
        breakdown=None,
        quality=None,
        provenance=Provenance.PUBLISHED,
        profile_source="vLLM load sweep of an L4, https://sparecores.com (CC BY-SA 4.0)",
        profile_as_of=dt.date(2025, 11, 4),
        error_frac=0.15,
        price_usd_per_h=price_usd_per_h,
        price_source="price list of the provider",
        price_as_of=PRICED_ON,
        cost_usd_per_month=price_usd_per_h * 730 * machines,
    )


def chat_plan() -> PlanDocument:
    """Feasible, not proven best: a language model split over two clouds."""
    placements = (
        chat_placement(
            share_frac=2 / 3,
            offer="aws/us-east-1/g6.2xlarge/spot",
            price_usd_per_h=0.4311,
            machines=3,
        ),
        chat_placement(
            share_frac=1 / 3,
            offer="gcp/us-central1/g2-standard-8/on_demand",
            price_usd_per_h=0.8536,
            machines=2,
        ),
    )
    lines = tuple(
        CostLine(
            item=f"{p.machines} × {p.instance_type} in {p.provider} {p.site}, "
            "for assistant",
            usd_per_month=p.cost_usd_per_month,
            source=p.price_source,
            as_of=p.price_as_of,
        )
        for p in placements
    )
    total = sum(line.usd_per_month for line in lines)
    return PlanDocument(
        name="chat",
        status=Verdict.FEASIBLE,
        created_at=CREATED_AT,
        planner_version="0.1.0",
        spec_sha256="cd34" * 16,
        certificate=certificate(total).model_copy(
            update={"bound_usd_per_month": total * 0.98, "gap_frac": 0.02}
        ),
        policy=PlanPolicy(
            budget_usd_per_month=None,
            objective=Objective.COST,
            confidence_frac=0.9,
            spare_replicas=0,
        ),
        models=(
            PlanModel(
                name="llama-3.1-8b-instruct",
                source="reference",
                reference="llama-3.1-8b-instruct",
            ),
        ),
        cost=PlanCost(total_usd_per_month=total, lines=lines),
        placements=placements,
        workloads=(
            PlanWorkload(
                name="assistant",
                model="llama-3.1-8b-instruct",
                origin="us-east-1",
                rate_rps=6.0,
                request_kib=4.0,
                response_kib=2.0,
                prompt_tokens=512,
                output_tokens=256,
                slo=PlanSlo(percentile=95.0, ttft_ms=500.0, tpot_ms=50.0),
                quality_floor=None,
                residency=("us",),
                predicted=placements[0].predicted,
                attainment_frac=0.962,
                slo_met_probability_frac=0.8437,
                why="L4s give the most requests per dollar within 50 ms a token",
                runner_up=RunnerUp(
                    description="1 × fp8 on vllm on p5.4xlarge on demand in aws us-east-1",
                    cost_usd_per_month=3146.30,
                    why_not="the whole plan would cost 955.97 USD/month more",
                ),
            ),
        ),
        evidence=(
            EvidenceLine(
                what="load curve of llama-3.1-8b-instruct, fp8 on vllm, on nvidia-l4",
                provenance="published",
                source="https://sparecores.com (CC BY-SA 4.0)",
                as_of=dt.date(2025, 11, 4),
                error_frac=0.15,
            ),
        ),
        warnings=(
            "spot machines in us-east-1 are taken back for up to 20 % of a month",
        ),
    )
