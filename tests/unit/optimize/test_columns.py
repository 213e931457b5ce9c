"""Which columns give way to which."""

from dataclasses import replace

import pytest

from planner.domain.hardware import Purchase
from planner.domain.placement import (
    Commitment,
    FailureDomain,
    Limits,
    PlacementProblem,
)
from planner.domain.variants import Precision
from planner.optimize.columns import undominated
from tests.support.placements import candidate, offer

CHEAP, DEAR = offer("cheap", 1.0), offer("dear", 2.0)


def left_of(*columns, **facts):
    problem = PlacementProblem(
        rate_rps={"a": (1.0,)},
        candidates=columns,
        stock=facts.pop("stock", {}),
        uplink_bytes_per_s={},
        **facts,
    )
    return [c.name for c in undominated(problem)]


def test_a_dearer_offer_that_does_no_more_is_left_out():
    assert left_of(candidate("a", DEAR, 5.0), candidate("a", CHEAP, 5.0)) == ["a on cheap"]  # fmt: skip


def test_of_equals_the_first_is_kept():
    ways = [candidate("a", CHEAP, 5.0, tag=f" #{i}") for i in range(3)]

    assert left_of(*ways) == ["a on cheap #0"]


@pytest.mark.parametrize(
    "merit",
    [
        {"capacity_rps": 6.0},
        {"latency_s": 0.05},
        {"network_s": -0.1},
        {"quality_frac": 0.9},
        {"usd_per_request": -1e-6},
        {"uplink_bytes_per_request": -1.0},
        {"workload": "b"},
    ],
    ids=lambda m: next(iter(m)),
)
def test_one_merit_is_enough_to_stay(merit):
    better, other = candidate("a", CHEAP, 5.0), candidate("a", DEAR, 5.0)

    assert len(left_of(better, replace(other, **merit))) == 2


def test_in_a_pool_less_memory_is_a_merit():
    large = candidate("a", CHEAP, 5.0, tag=" large", pool="p", memory_bytes=4.0)
    small = candidate("a", CHEAP, 5.0, tag=" small", pool="p", memory_bytes=1.0)

    assert left_of(large, small) == ["a on cheap small"]


def test_machines_of_a_pool_are_not_traded_for_others():
    shared = candidate("a", DEAR, 5.0, pool="p")

    assert len(left_of(shared, candidate("a", CHEAP, 5.0))) == 2


def test_what_may_run_out_takes_nobody_elses_place():
    ways = candidate("a", CHEAP, 5.0), candidate("a", DEAR, 5.0)

    assert len(left_of(*ways, stock={"cheap": 3})) == 2


@pytest.mark.parametrize("who", ["owned", "committed"])
def test_machines_kept_all_month_stay(who):
    box = replace(DEAR, purchase=Purchase.OWNED) if who == "owned" else DEAR
    terms = Commitment(name="m", pays_for="dear", usd_per_h=1.5, term_months=12, source="s")  # fmt: skip
    ways = candidate("a", CHEAP, 5.0), candidate("a", box, 5.0)

    assert len(left_of(*ways, commitments=(terms,) if who == "committed" else ())) == 2


def test_a_way_over_the_line_does_not_replace_one_on_site():
    on_site = candidate("a", DEAR, 5.0)
    away = candidate("a", CHEAP, 5.0, uplink="u")

    assert len(left_of(on_site, away)) == 2


def test_more_carbon_is_no_bargain():
    ways = candidate("a", CHEAP, 5.0), candidate("a", DEAR, 5.0)

    assert len(left_of(*ways, gco2e_per_machine_h={"cheap": 2.0, "dear": 1.0})) == 2


@pytest.mark.parametrize(
    ("limits", "other"),
    [
        (Limits(most_profiles={"a": 1}), {"precision": Precision.INT8}),
        (Limits(most_configurations=1), {"precision": Precision.INT8}),
        (Limits(most_providers=1), {"provider": "q"}),
        (Limits(most_regions=1), {"site": "t"}),
        (Limits(survives=(FailureDomain.SITE,)), {"site": "t"}),
        (Limits(spot_share_frac=0.5), {"purchase": Purchase.SPOT}),
    ],
)
def test_where_kinds_are_counted_none_gives_way_to_another_kind(limits, other):
    precision = other.pop("precision", Precision.FP32)
    alike = candidate("a", DEAR, 5.0, tag=" alike")
    unlike = candidate(
        "a", replace(DEAR, **other), 5.0, tag=" unlike", precision=precision
    )
    cheap = candidate("a", replace(CHEAP, instance_type=DEAR.instance_type), 5.0)

    assert left_of(cheap, alike, unlike) == [cheap.name]
    assert left_of(cheap, alike, unlike, limits=limits) == [cheap.name, unlike.name]
