"""The checker works out calls, tokens and limits for itself."""

from functools import cache

import pytest

from planner.pipeline.asking.by_request import with_hosted
from planner.pipeline.asking.knowledge import published
from planner.pipeline.checking.certify import Inputs, violations
from planner.pipeline.recommend import recommend
from planner.reference.catalog import Catalog
from planner.specs.edit import with_values
from planner.specs.load import parse_spec
from tests.support.by_request import document
from tests.support.questions import world


@cache
def planned():
    spec = parse_spec(document(), document="doc")
    return recommend(spec, world()), spec


def found(plan, spec=None):
    spec = spec or planned()[1]
    catalog = Catalog.shipped()
    profiles = with_hosted(spec, published(spec, catalog))
    inputs = Inputs(spec=spec, catalog=catalog, profiles=profiles)
    return " | ".join(violations(plan, inputs))


def tampered(workload, **changes):
    plan, _ = planned()
    placements = tuple(
        p.model_copy(update=changes) if p.workload == workload else p
        for p in plan.placements
    )
    return plan.model_copy(update={"placements": placements})


def function_terms(**changes):
    plan, _ = planned()
    (p,) = [p for p in plan.placements if p.workload == "cameras"]
    return {"by_request": p.by_request.model_copy(update=changes)}


def test_the_plan_as_emitted_passes():
    plan, _ = planned()

    assert {p.purchase.value for p in plan.placements} == {"by_request"}
    assert found(plan) == ""


def test_what_is_called_needs_no_machines_at_least():
    plan, spec = planned()

    assert found(plan, with_values(spec, {"policy.least_machines": 3})) == ""


@pytest.mark.parametrize(
    ("workload", "changes", "words"),
    [
        (
            "assistant",
            {"machines": 1, "machines_on": (1,)},
            "machines where there are none",
        ),
        ("assistant", {"by_request": None}, "is not as the document offers it"),
        (
            "assistant",
            {"instance_type": "other"},
            "its instance type is stated as other",
        ),
        ("assistant", {"rates_rps": (11.0,)}, "660.000 requests a minute"),
        ("cameras", {"rates_rps": (4e4,)}, "requests at once"),
    ],
)
def test_what_the_document_does_not_sell_is_refused(workload, changes, words):
    assert words in found(tampered(workload, **changes))


@pytest.mark.parametrize("billed_ms", [999.0, 1300.0])
def test_a_call_cannot_be_billed_for_another_time(billed_ms):
    terms = function_terms(billed_ms=billed_ms)

    assert "is billed" in found(tampered("cameras", **terms))


def test_a_bill_that_is_too_small_is_noticed():
    plan, _ = planned()
    lines = tuple(
        line.model_copy(update={"usd_per_month": line.usd_per_month / 2})
        for line in plan.cost.lines
    )
    total = sum(line.usd_per_month for line in lines)
    cost = plan.cost.model_copy(update={"lines": lines, "total_usd_per_month": total})

    assert "what is bought adds up to" in found(plan.model_copy(update={"cost": cost}))
