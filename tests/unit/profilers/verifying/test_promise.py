"""A plan's promise for one placement, in seconds and fractions."""

import pytest

from planner.errors import SpecError
from planner.specs.plan import PlanQualityFloor
from profilers.verifying.promise import Quantity, promise_of
from tests.support.chat_plans import chat_plan
from tests.support.plans import digits_placement, storefront_plan


def with_workload(plan, name, **changes):
    workloads = [
        w.model_copy(update=changes) if w.name == name else w for w in plan.workloads
    ]
    return plan.model_copy(update={"workloads": tuple(workloads)})


def test_the_promise_is_the_plans_own():
    promise = promise_of(storefront_plan(), "reorder-digits", site=None)

    assert promise.percentile_frac == pytest.approx(0.99)
    assert [(x.quantity, x.limit_s) for x in promise.limits] == [
        (Quantity.LATENCY, pytest.approx(0.060))
    ]
    assert promise.way_s == pytest.approx(0.0288 + 0.00002, abs=1e-4)
    assert promise.rate_rps == 3.5
    by_frac = {p.frac: p.predicted_s for p in promise.predictions}
    assert by_frac == pytest.approx({0.5: 0.0312, 0.95: 0.0347, 0.99: 0.0379}, rel=0.02)


def test_a_floor_is_promised_before_what_was_measured():
    plan = storefront_plan()
    floor = PlanQualityFloor(metric="top1_accuracy", minimum_frac=0.9)

    measured = promise_of(plan, "reorder-digits", site=None).quality
    asked = promise_of(
        with_workload(plan, "reorder-digits", quality_floor=floor),
        "reorder-digits",
        site=None,
    ).quality

    assert (measured.minimum_frac, measured.is_floor) == (0.9497, False)
    assert (asked.minimum_frac, asked.is_floor) == (0.9, True)


def test_a_floor_for_the_mean_is_no_promise_of_one_placement():
    floor = PlanQualityFloor(metric="top1_accuracy", minimum_frac=0.99, over="mean")
    plan = with_workload(storefront_plan(), "reorder-digits", quality_floor=floor)

    assert not promise_of(plan, "reorder-digits", site=None).quality.is_floor


def test_what_is_not_in_the_plan_is_refused_with_what_is():
    with pytest.raises(SpecError, match=r"no workload 'digits'.*reorder-digits"):
        promise_of(storefront_plan(), "digits", site=None)
    with pytest.raises(SpecError, match=r"at mars; the plan places it: eu-central-1"):
        promise_of(storefront_plan(), "reorder-digits", site="mars")


def test_one_of_several_placements_must_be_chosen():
    plan = storefront_plan()
    elsewhere = digits_placement().model_copy(update={"site": "eu-west-1"})
    plan = plan.model_copy(update={"placements": (*plan.placements, elsewhere)})

    with pytest.raises(SpecError, match="--site"):
        promise_of(plan, "reorder-digits", site=None)
    chosen = promise_of(plan, "reorder-digits", site="eu-west-1")

    assert chosen.placement == elsewhere


def test_a_language_model_is_promised_tokens_in_time():
    promise = promise_of(chat_plan(), "assistant", site="us-east-1")

    assert promise.is_of_tokens
    assert [(x.quantity, x.limit_s) for x in promise.limits] == [
        (Quantity.TTFT, 0.5),
        (Quantity.TPOT, 0.05),
    ]
    assert (promise.prompt_tokens, promise.output_tokens) == (512, 256)
    # What the plan predicts at the SLO's percentile; no network between tokens.
    each = next(p for p in promise.predictions if p.quantity is Quantity.TPOT)
    assert (each.frac, each.predicted_s, each.way_s) == (0.95, 0.04703, 0.0)
