"""Measurements that an answer tells of: one on offer, one made here, one made in vain."""

import datetime as dt

from planner.specs.measuring import MeasurementFailed, MeasurementTaken, PlanSession

L4 = PlanSession(
    model="m",
    device="nvidia-l4",
    variants=("fp32 on torch",),
    where="g6.xlarge on demand in aws us-east-1",
    is_here=False,
    time_s=931.5,
    price_usd=0.2083,
    price_usd_per_h=0.8048,
    price_source="price list",
    price_as_of=dt.date(2026, 3, 1),
    commands=(
        "planner profile SPEC --as-device nvidia-l4",
        "planner import profiles f",
    ),
)
FAILED = MeasurementFailed(
    model="m", device="box", reason="the factory raised an error"
)


def taken(before_usd_per_month, after_usd_per_month, *, n_profiles=2):
    return MeasurementTaken(
        model="m",
        device="box",
        n_profiles=n_profiles,
        before_usd_per_month=before_usd_per_month,
        after_usd_per_month=after_usd_per_month,
    )
