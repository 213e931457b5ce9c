"""Small placement problems with every feature of the model drawn together."""

import math
from dataclasses import replace

from hypothesis import strategies as st

from planner.domain.hardware import Purchase
from planner.domain.placement import (
    Block,
    Commitment,
    DemandRises,
    FailureDomain,
    Limits,
    PlacementProblem,
)
from planner.domain.variants import Precision
from tests.support.placements import candidate, offer

BLOCKS = (Block(name="day", h_per_month=430.0), Block(name="night", h_per_month=300.0))
# On demand is always among them, or hardly any problem would have a plan.
PURCHASES = (Purchase.ON_DEMAND, Purchase.SPOT, Purchase.OWNED, Purchase.BY_REQUEST)


@st.composite
def mixed_problems(draw):
    """Two workloads, two hours, four offers, one paid in each way, most limits on."""
    some = st.integers(1, 9).map(float)
    offers = [
        offer(
            f"o{i}",
            0.0 if how is Purchase.BY_REQUEST else draw(some),
            site="st"[i % 2],
            provider="pq"[i // 2],
            purchase=how,
            memory_bytes=draw(st.sampled_from([None, 3.0])),
        )
        for i, how in enumerate(PURCHASES)
    ]
    columns = [_column(draw, w, o) for w in "ab" for o in offers]
    rates = {w: (draw(some), draw(st.integers(0, 9).map(float))) for w in "ab"}
    return PlacementProblem(
        blocks=BLOCKS,
        rate_rps=rates,
        candidates=tuple(columns),
        stock={"o2": draw(st.integers(0, 2))},
        uplink_bytes_per_s={"u": 30.0},
        commitments=(
            Commitment(
                name="o0 for a year",
                pays_for="o0",
                usd_per_h=0.6 * offers[0].price_usd_per_h,
                term_months=12,
                source="s",
            ),
        ),
        gco2e_per_machine_h={o.name: draw(some) for o in offers},
        limits=_limits(draw),
        rises=draw(
            st.none()
            | st.builds(
                lambda a, b: DemandRises(
                    extra_rps={"a": (a, 0.0), "b": (b, b)}, most_at_once=1
                ),
                some,
                some,
            )
        ),
    )


def _column(draw, workload, on):
    called = on.purchase is Purchase.BY_REQUEST
    pooled = on.purchase is not Purchase.BY_REQUEST and draw(st.booleans())
    sent = draw(st.sampled_from([0.0, 2.0]))
    made = candidate(
        workload,
        on,
        draw(st.sampled_from([math.inf, 6.0])) if called else float(draw(st.integers(3, 9))),
        precision=draw(st.sampled_from([Precision.FP32, Precision.INT8])),
        pool=f"pool of {on.name}" if pooled else None,
        memory_bytes=2.0 if pooled else 0.0,
        usd_per_request=draw(st.sampled_from([1e-4, 1e-3])) if called else 0.0,
        quality_frac=draw(st.sampled_from([0.7, 0.8])),
    )  # fmt: skip
    return replace(made, uplink="u" if sent else None, uplink_bytes_per_request=sent)


def _limits(draw):
    survives = [(), (FailureDomain.SITE,), (FailureDomain.SPOT_POOL,)]
    return Limits(
        spot_share_frac=draw(st.sampled_from([None, 0.5])),
        spare_replicas=draw(st.integers(0, 1)),
        least_machines=draw(st.integers(0, 2)),
        survives=draw(st.sampled_from(survives)),
        survivable_frac=0.5,
        most_configurations=draw(st.sampled_from([None, 3])),
        least_mean_quality_frac=draw(st.sampled_from([{}, {"a": 0.75}])),
        most_profiles=draw(st.sampled_from([{}, {"b": 1}])),
        offline_frac=draw(st.sampled_from([{}, {"a": 0.3}])),
    )
