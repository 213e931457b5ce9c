"""Measurements that could be made of one model, and worlds drawn for them."""

import datetime as dt
import math

import numpy as np

from planner.domain.hardware import Offer, Purchase
from planner.domain.profiles import ProfileKey
from planner.domain.variants import Precision, Runtime, Variant
from planner.pipeline.informing.draws import Draws
from planner.pipeline.informing.prices import Session
from planner.pipeline.informing.worlds import drawn, luckiest
from planner.ports import OneByOne


def key(device):
    return ProfileKey(
        model="m",
        device=device,
        device_count=1,
        variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH),
    )


def session(device, price_usd=1.0):
    offer = Offer(
        name=device,
        provider="aws",
        site="us-east-1",
        instance_type=device,
        device=device,
        device_count=1,
        purchase=Purchase.ON_DEMAND,
        price_usd_per_h=price_usd,
        price_source="s",
        price_as_of=dt.date(2026, 1, 1),
    )
    return Session(
        model="m",
        device=device,
        keys=(key(device),),
        offer=offer,
        time_s=3600.0,
        price_usd=price_usd,
        is_here=False,
    )


def draws(cost, sigmas, *, n_worlds=1000, ends_s=math.inf, now_s=lambda: 0.0):
    """Worlds of these devices' profiles, in which the best plan costs that."""
    by_key = {key(d): s for d, s in sigmas.items()}
    rng = np.random.default_rng(0)
    return Draws(
        cost,
        drawn(by_key, n_worlds=n_worlds, rng=rng),
        luckiest(by_key, n_worlds=n_worlds),
        scenarios=OneByOne(),
        now_s=now_s,
        ends_s=ends_s,
    )
