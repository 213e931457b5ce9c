"""Small placement problems, made of offers and candidates with plain figures."""

import datetime as dt

from planner.domain.evidence import Evidence, Provenance
from planner.domain.hardware import Offer, Purchase
from planner.domain.placement import BatchPolicy, Candidate
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.domain.variants import Precision, Runtime, Variant

DAY = dt.date(2026, 1, 1)
ONE_BY_ONE = BatchPolicy(max_batch=1, max_wait_s=0.0)


def profile(model="m", precision=Precision.FP32):
    return BatchProfile(
        model=model,
        variant=Variant(precision=precision, runtime=Runtime.TORCH),
        device="d",
        points=(ServicePoint(batch=1, p50_s=0.01),),
        evidence=Evidence(
            provenance=Provenance.MEASURED, source="s", as_of=DAY, error_frac=0.0
        ),
    )


PROFILES = {precision: profile(precision=precision) for precision in Precision}


def offer(name, price_usd_per_h, *, purchase=Purchase.ON_DEMAND, **facts):
    return Offer(
        name=name,
        provider=facts.pop("provider", "p"),
        site=facts.pop("site", "s"),
        instance_type=facts.pop("instance_type", name),
        device="d",
        device_count=1,
        purchase=purchase,
        price_usd_per_h=price_usd_per_h,
        price_source="s",
        price_as_of=DAY,
        **facts,
    )


def candidate(workload, on, capacity_rps, *, tag="", **facts):
    return Candidate(
        name=f"{workload} on {on.name}{tag}",
        workload=workload,
        offer=on,
        profile=PROFILES[facts.pop("precision", Precision.FP32)],
        policy=ONE_BY_ONE,
        replicas_per_machine=1,
        capacity_rps=capacity_rps,
        latency_s=facts.pop("latency_s", 0.1),
        **facts,
    )
