"""Columns that are left out never cost the optimum, whatever is switched on."""

import math
from dataclasses import replace

import pytest
from hypothesis import event, given, settings
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
from planner.optimize.columns import undominated
from planner.optimize.rows import add_rows, budget
from planner.optimize.variables import variables
from tests.support.placements import candidate, offer, profile

BLOCKS = (Block(name="day", h_per_month=430.0), Block(name="night", h_per_month=300.0))
PROFILES = {p: profile(precision=p) for p in (Precision.FP32, Precision.INT8)}


# What may differ between the columns of one example, with its usual value. Were all of
# them to differ at once, hardly any column would be no better than another in anything.
DIFFERENCES = {
    "site": (st.sampled_from("st"), "s"),
    "provider": (st.sampled_from("pq"), "p"),
    "instance_type": (st.sampled_from("xy"), "x"),
    "purchase": (st.sampled_from(list(Purchase)), Purchase.ON_DEMAND),
    "grams": (st.integers(1, 3), 1),
    "stock": (st.booleans(), False),
    "commitment": (st.booleans(), False),
    "latency_s": (st.sampled_from([0.1, 0.2, 0.3]), 0.1),
    "is_pooled": (st.booleans(), False),
    "usd_per_request": (st.sampled_from([0.0, 1e-4]), 0.0),
    "quality_frac": (st.sampled_from([None, 0.7, 0.8]), 0.8),
    "memory_bytes": (st.sampled_from([1.0, 2.0, 3.0, 4.0]), 2.0),
    "uplink": (st.sampled_from([None, "u"]), None),
    "uplink_bytes_per_request": (st.sampled_from([1.0, 2.0, 3.0]), 1.0),
    "precision": (st.sampled_from(list(PROFILES)), Precision.FP32),
}


@st.composite
def crowded(draw, always):
    """Two workloads with several ways on every offer, which differ in a few respects."""
    differs = {*always, *draw(st.sets(st.sampled_from(sorted(DIFFERENCES)), max_size=2))}  # fmt: skip
    few = st.integers(1, 3)

    def some(what):
        strategy, usual = DIFFERENCES[what]
        return draw(strategy) if what in differs else usual

    offers = [
        offer(
            f"o{i}",
            float(draw(few)),
            site=some("site"),
            provider=some("provider"),
            instance_type=some("instance_type"),
            purchase=some("purchase"),
            memory_bytes=4.0,
        )
        for i in range(draw(st.integers(2, 4)))
    ]
    columns = [
        replace(
            candidate(
                w,
                o,
                float(draw(few) + 1),
                tag=f" #{i}",
                latency_s=some("latency_s"),
                pool=f"pool of {o.name}" if some("is_pooled") else None,
                usd_per_request=some("usd_per_request"),
                quality_frac=some("quality_frac"),
                memory_bytes=some("memory_bytes"),
                uplink=some("uplink"),
                uplink_bytes_per_request=some("uplink_bytes_per_request"),
            ),
            profile=PROFILES[some("precision")],
        )
        for w in "ab"
        for o in offers
        for i in range(draw(st.integers(1, 2)))
    ]
    return PlacementProblem(
        blocks=BLOCKS,
        rate_rps={w: tuple(draw(st.sampled_from([0.0, 2.0, 5.0])) for _ in BLOCKS) for w in "ab"},
        candidates=tuple(columns),
        stock={o.name: 2 for o in offers if some("stock")},
        uplink_bytes_per_s={"u": 12.0},
        commitments=tuple(
            Commitment(
                name=f"{o.name} for a year",
                pays_for=o.name,
                usd_per_h=0.6 * o.price_usd_per_h,
                term_months=12,
                source="s",
            )
            for o in offers
            if o.purchase is Purchase.ON_DEMAND and some("commitment")
        ),
        gco2e_per_machine_h={o.name: float(some("grams")) for o in offers},
    )  # fmt: skip


def limited(**limits):
    return lambda problem: replace(problem, limits=Limits(**limits))


def risen(problem):
    extra = {"a": (2.0, 0.0), "b": (1.0, 3.0)}
    return replace(problem, rises=DemandRises(extra_rps=extra, most_at_once=1))


def everything(problem):
    return risen(
        limited(
            spare_replicas=1,
            least_machines=1,
            spot_share_frac=0.5,
            survives=(FailureDomain.SITE,),
            survivable_frac=0.4,
            most_configurations=3,
            most_regions=2,
            carbon_gco2e_per_month=20_000.0,
        )(problem)
    )


# A limit, and what has to differ for it to matter which column is left out.
FEATURES = {
    "nothing": (limited(), []),
    "stock": (limited(), ["stock"]),
    "owned": (limited(), ["purchase"]),
    "commitments": (limited(), ["commitment"]),
    "pools": (limited(), ["is_pooled", "memory_bytes"]),
    "lines": (limited(), ["uplink", "uplink_bytes_per_request"]),
    "requests": (limited(), ["usd_per_request"]),
    "spares": (limited(spare_replicas=1), []),
    "least machines": (limited(least_machines=2), ["is_pooled"]),
    "spot share": (limited(spot_share_frac=0.4), ["purchase"]),
    "loss of a site": (limited(survives=(FailureDomain.SITE,), survivable_frac=0.5), ["site"]),
    "loss of a provider": (limited(survives=(FailureDomain.PROVIDER,), survivable_frac=0.5), ["provider"]),
    "loss of spot": (limited(survives=(FailureDomain.SPOT_POOL,)), ["purchase"]),
    "loss of the line": (limited(survives=(FailureDomain.UPLINK,)), ["uplink"]),
    "offline": (limited(offline_frac={"a": 0.5}), ["uplink"]),
    "configurations": (limited(most_configurations=1), ["precision", "instance_type"]),
    "providers": (limited(most_providers=1), ["provider"]),
    "regions": (limited(most_regions=1), ["site"]),
    "mean quality": (limited(least_mean_quality_frac={"a": 0.75}), ["quality_frac"]),
    "carbon cap": (limited(carbon_gco2e_per_month=4_000.0), ["grams"]),
    "budget": (limited(budget_usd_per_month=5_000.0), []),
    "rises": (risen, ["is_pooled"]),
    "everything": (everything, ["site", "purchase"]),
}  # fmt: skip
AIMS = ["cost", "cost", "mean_latency", "mean_quality_loss", "carbon"]


def optimum(problem, columns, aim):
    """The best value of the aim over these columns."""
    model = variables(problem, columns)
    add_rows(model)
    limit = problem.limits.budget_usd_per_month
    if limit is not None:
        budget(model, limit)
    model.milp.minimise(getattr(model, aim)())
    return model.milp.solve(time_limit_s=30).certificate.objective_value


@pytest.mark.slow
@pytest.mark.parametrize("feature", FEATURES)
@given(data=st.data(), aim=st.sampled_from(AIMS))
@settings(max_examples=40, deadline=None)
def test_the_columns_left_hold_an_optimum(feature, data, aim):
    limit, differs = FEATURES[feature]
    problem = limit(data.draw(crowded(differs)))
    left = undominated(problem)
    event(f"left out: {len(left) < len(problem.candidates)}")

    before = optimum(problem, problem.candidates, aim)
    after = optimum(problem, left, aim)

    assert math.isinf(before) == math.isinf(after)
    if not math.isinf(before):
        assert after == pytest.approx(before, rel=1e-5, abs=1e-6)
