"""How sure a plan says it is, and what it says of its proof."""

from planner.domain.placement import Objective
from planner.report import certainty
from planner.specs.assurance import (
    PlanJoint,
    PlanSafety,
    PlanSimulation,
    PlanSplit,
    TrialRound,
    TriedWorkload,
)


def with_certificate(plan, **update):
    proof = plan.certificate.model_copy(update=update)
    return plan.model_copy(update={"certificate": proof})


def test_a_plan_that_nobody_checked_says_so(storefront):
    words = certainty.certificate(with_certificate(storefront, checked=False))

    assert "has not confirmed" in words
    assert "agreed" not in words


def test_the_certificate_of_an_unfinished_search_gives_the_gap(chat):
    words = certainty.certificate(chat)

    assert "a cheaper one may exist" in words
    assert "gap 2 %" in words


def test_least_latency_is_not_called_least_cost(storefront):
    words = certainty.certificate(
        with_certificate(storefront, objective=Objective.LATENCY)
    )

    assert "no plan costs less among the plans of least latency" in words


def test_no_certificate_is_admitted(storefront):
    bare = storefront.model_copy(update={"certificate": None})

    assert certainty.certificate(bare) == "No solver's proof came with this answer."


def test_what_caution_costs_is_said_with_the_risk_of_the_budget(storefront):
    safety = PlanSafety(
        trusting_usd_per_month=60.0, premium_usd_per_month=12.5,
        trusting_plan="1 × board", budget_exceeded_probability_frac=0.031,
        price_note="as compared",
    )  # fmt: skip

    told = " ".join(
        certainty.how_sure(storefront.model_copy(update={"safety": safety}))
    )

    assert "$12.50 a month more than trusting every figure" in told
    assert "at most 3.1 % probability: as compared" in told


def split(**changes):
    return PlanSplit(
        **{
            "workload": "shelf-cameras", "n_profiles": 2, "joint_frac": 0.844,
            "trusted_frac": 0.9486, "is_on_one_profile": False,
        }
        | changes
    )  # fmt: skip


def sure(plan, **joint):
    return " ".join(
        certainty.how_sure(plan.model_copy(update={"joint": PlanJoint(**joint)}))
    )


def test_what_it_takes_that_profiles_hold_at_once_is_told_with_its_price(storefront):
    told = sure(storefront, splits=(split(),), price_usd_per_month=13.09)

    assert "needs 2 profiles to hold at once, of which it is 84.4 % sure" in told
    assert "takes each at 94.8 % instead of 90 %" in told
    assert "costs $13.09 a month more" in told


def test_a_single_profile_is_told_as_one(storefront):
    told = sure(
        storefront, splits=(split(is_on_one_profile=True),), price_usd_per_month=0.0
    )

    assert "needs a single profile to hold" in told
    assert (
        "a month more."
        not in told.split("single profile to hold.")[1].split("Caution")[0]
    )


def test_where_nothing_makes_them_hold_the_reason_is_told_and_no_price(storefront):
    told = sure(
        storefront, splits=(split(),), price_usd_per_month=0.0, why_not="no money"
    )

    assert "still runs it so: no money" in told
    assert "as sure as asked" not in told


def test_the_traffic_of_all_is_told_once_and_of_each_where_it_has_its_own(storefront):
    tried = TriedWorkload(
        workload="w",
        promised_frac=0.95,
        attainment_frac=0.97,
        low_frac=0.96,
        high_frac=0.98,
        n_requests=1000,
    )
    own = tried.model_copy(update={"workload": "v", "traffic": "its trace"})
    rounds = (TrialRound(cost_usd_per_month=1.0, workloads=(tried, own)),)
    simulation = PlanSimulation(seed=0, traffic="steady", rounds=rounds, holds=True)

    first, second, sent = certainty.trial(
        storefront.model_copy(update={"simulation": simulation})
    )

    assert first.endswith("without spares")
    assert second.endswith("without spares; its trace")
    assert sent == "what was sent: steady"
