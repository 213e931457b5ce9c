"""What a document says of a placement is compared in every decision of the plan."""

from planner.domain.variants import Precision, Runtime, SparsityPattern
from planner.manifests.layout import lay_out
from planner.manifests.said import differences, noted, planned, read_said
from planner.specs.placements import PlanVariant
from tests.support.plans import storefront_plan


def placed(pattern, *, sparsity_frac=0.5):
    variant = PlanVariant(
        precision=Precision.FP32,
        sparsity_frac=sparsity_frac,
        runtime=Runtime.TORCH,
        sparsity_pattern=pattern,
    )
    plan = storefront_plan()
    others = [p.model_copy(update={"variant": variant}) for p in plan.placements]
    plan = plan.model_copy(update={"placements": tuple(others)})
    return next(
        p for p in lay_out(plan).placed if p.placement.workload == "reorder-digits"
    )


def test_half_of_the_weights_are_not_the_same_half_in_every_pattern():
    anywhere, of_four = (
        planned(placed(pattern), path="f")
        for pattern in (SparsityPattern.UNSTRUCTURED, SparsityPattern.TWO_OF_FOUR)
    )

    assert differences(anywhere, of_four) == [
        "sparsity_pattern is '2:4', the plan says 'unstructured'"
    ]
    assert differences(of_four, of_four) == []


def test_a_pattern_that_was_not_said_is_the_usual_one_and_no_zeros_have_none():
    usual, unsaid = (
        planned(placed(pattern), path="f")
        for pattern in (SparsityPattern.UNSTRUCTURED, None)
    )

    assert differences(usual, unsaid) == []
    assert planned(placed(None, sparsity_frac=0.0), path="f").sparsity_pattern == "none"


def test_notes_carry_the_pattern_there_and_back():
    of_four = placed(SparsityPattern.TWO_OF_FOUR)

    said, _ = read_said(noted(of_four), {}, path="f", name=of_four.name)

    assert said == planned(of_four, path="f")
