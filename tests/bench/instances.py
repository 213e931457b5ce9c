"""Made-up placement problems of any size, drawn with a fixed seed.

Speeds of types span a factor of 64 and prices follow them with a small discount for
size; regions differ by up to half in price; a workload's own taste for a type is
log-normal. None of it is measured: what is compared is ways to solve.
"""

import datetime as dt
import math

import numpy as np

from planner.domain.evidence import Evidence, Provenance
from planner.domain.hardware import Offer, Purchase
from planner.domain.placement import (
    BatchPolicy,
    Block,
    Candidate,
    Commitment,
    Limits,
    PlacementProblem,
)
from planner.domain.profiles import BatchProfile
from planner.domain.variants import Precision, Runtime, Variant
from planner.units import H_PER_MONTH

DAY = dt.date(2026, 1, 1)
ONE_BY_ONE = BatchPolicy(max_batch=1, max_wait_s=0.0)
PROFILE = BatchProfile(
    model="bench",
    variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH),
    device="bench",
    points=(),
    evidence=Evidence(
        provenance=Provenance.PREDICTED, source="bench", as_of=DAY, error_frac=0.0
    ),
)
N_REGIONS, N_TYPES = 20, 60
N_REGIONS_IN_REACH, N_TYPES_THAT_FIT = 6, 24  # 144 columns a workload


def offer(
    name: str, price: float, *, site: str, purchase: Purchase = Purchase.ON_DEMAND
) -> Offer:
    return Offer(
        name=name,
        provider="bench",
        site=site,
        instance_type=name.split(maxsplit=1)[0],
        device="bench",
        device_count=1,
        purchase=purchase,
        price_usd_per_h=price,
        price_source="bench",
        price_as_of=DAY,
    )


def candidate(workload: str, on: Offer, capacity_rps: float, **facts) -> Candidate:
    return Candidate(
        name=f"{workload} on {on.name}",
        workload=workload,
        offer=on,
        profile=PROFILE,
        policy=ONE_BY_ONE,
        replicas_per_machine=1,
        capacity_rps=capacity_rps,
        latency_s=0.1,
        **facts,
    )


def fleet(n_workloads: int, *, median_rps: float) -> PlacementProblem:
    """Workloads that share the machines of 1,200 offers, 144 within reach of each."""
    rng = np.random.default_rng(1)
    speed = 2.0 ** rng.uniform(0, 6, N_TYPES)
    price = 0.05 * speed**0.95 * rng.uniform(0.8, 1.25, N_TYPES)
    dearer = rng.uniform(1.0, 1.5, N_REGIONS)
    offers = [
        [offer(f"t{i} r{r}", float(price[i] * dearer[r]), site=f"r{r}") for i in range(N_TYPES)]
        for r in range(N_REGIONS)
    ]  # fmt: skip
    rates, columns = {}, []
    for w in range(n_workloads):
        rates[f"w{w}"] = (float(rng.lognormal(math.log(median_rps), 1.0)),)
        work_s = float(rng.lognormal(-2.0, 0.8))
        taste = rng.lognormal(0.0, 0.25, N_TYPES)
        types = rng.permutation(N_TYPES)[:N_TYPES_THAT_FIT]
        for r in rng.permutation(N_REGIONS)[:N_REGIONS_IN_REACH]:
            columns += [
                candidate(
                    f"w{w}",
                    offers[r][i],
                    float(speed[i] * taste[i] / work_s),
                    pool=offers[r][i].name,
                )
                for i in types
            ]
    return PlacementProblem(
        rate_rps=rates, candidates=tuple(columns), stock={}, uplink_bytes_per_s={}
    )


def week(n_workloads: int) -> PlacementProblem:
    """Every hour of a week, bought on demand, spot, committed, owned or by request."""
    rng = np.random.default_rng(2)
    blocks = tuple(
        Block(name=f"hour {t}", h_per_month=H_PER_MONTH / 168) for t in range(168)
    )
    hour = np.arange(168)
    by_day = 1 + 0.8 * np.sin(2 * np.pi * (hour % 24 - 9) / 24)
    by_week = np.where(hour // 24 < 5, 1.0, 0.5)
    types = [(float(p), float(c)) for p, c in zip(rng.uniform(0.1, 4, 12), rng.uniform(0.8, 1.3, 12), strict=True)]  # fmt: skip
    rates, columns, commitments = {}, [], []
    stock = {}
    for i, (price, _) in enumerate(types):
        for months, discount in ((12, 0.3), (36, 0.5)):
            commitments.append(
                Commitment(
                    name=f"t{i} for {months} months",
                    pays_for=f"t{i} on demand",
                    usd_per_h=price * (1 - discount),
                    term_months=months,
                    source="bench",
                )
            )
    for w in range(n_workloads):
        noise = rng.uniform(0.9, 1.1, 168)
        peak = float(rng.lognormal(3.0, 1.0))
        rates[f"w{w}"] = tuple((peak / 2 * by_day * by_week * noise).tolist())
        for i, (price, value) in enumerate(types):
            cap = float(20 * price * value * rng.lognormal(0, 0.2))
            hourly = offer(f"t{i} on demand", price, site="r0")
            spot = offer(f"t{i} spot", 0.4 * price, site="r0", purchase=Purchase.SPOT)
            columns += [candidate(f"w{w}", hourly, cap), candidate(f"w{w}", spot, cap)]
        box = offer("box", 0.15, site="edge", purchase=Purchase.OWNED)
        stock["box"] = 20
        by_request = offer(f"api{w}", 0.0, site="r0", purchase=Purchase.BY_REQUEST)
        columns += [
            candidate(f"w{w}", box, float(rng.uniform(2, 6))),
            candidate(f"w{w}", by_request, math.inf, usd_per_request=2e-5),
        ]
    return PlacementProblem(
        blocks=blocks,
        rate_rps=rates,
        candidates=tuple(columns),
        stock=stock,
        uplink_bytes_per_s={},
        commitments=tuple(commitments),
        limits=Limits(spot_share_frac=0.5),
    )
