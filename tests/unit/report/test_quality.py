"""What a plan says of its answers: score, floor, loss against fp32, slices."""

from planner.report.quality import drop_table, quality_table, slices_table
from planner.specs.placements import PlanDrop, PlanPartScore, PlanQuality
from planner.specs.plan import PlanDocument, PlanQualityFloor

DROP = PlanDrop(
    n_samples=360,
    n_flips=9,
    n_right_to_wrong=5,
    n_wrong_to_right=2,
    drop_frac=3 / 360,
    low_frac=-0.0071,
    high_frac=0.0263,
)
GRADED = PlanQuality(
    metric="top1_accuracy",
    value=0.95,
    low=0.92,
    high=0.97,
    n_samples=360,
    drop=DROP,
    slices=(
        PlanPartScore(name="day", value=0.97, low=0.93, high=0.99, n_samples=300),
        PlanPartScore(name="night", value=0.85, low=0.74, high=0.92, n_samples=60),
    ),
    shifted=(PlanPartScore(name="fog", value=0.7, low=0.6, high=0.8, n_samples=100),),
    calibration_error_frac=0.031,
)
FLOOR = PlanQualityFloor(
    metric="top1_accuracy",
    minimum_frac=None,
    allowed_drop_frac=0.03,
    worst_slice_minimum_frac=0.8,
)


def with_quality(plan: PlanDocument, **update: object) -> PlanDocument:
    first, *rest = plan.placements
    changed = first.model_copy(update=update)
    return plan.model_copy(update={"placements": (changed, *rest)})


def test_quality_shows_score_interval_samples_and_floor(storefront):
    assert quality_table(storefront).rows[0] == (
        "shelf-cameras",
        "int8 on tflite",
        "top1_accuracy",
        "70.68 %",
        "70.28 to 71.07 %",
        "50,000",
        "70.00 %",
    )


def test_no_quality_no_table(chat):
    assert quality_table(chat) is None
    assert slices_table(chat) is None


def test_a_floor_without_a_score_is_still_told(storefront):
    plan = with_quality(storefront, quality=None)

    assert quality_table(plan).rows[0][2:] == (
        "top1_accuracy", "—", "—", "—", "70.00 %",
    )  # fmt: skip


def test_a_loss_is_told_with_its_flips_and_its_interval(storefront):
    first, *rest = storefront.workloads
    asking = first.model_copy(update={"quality_floor": FLOOR})
    plan = with_quality(storefront, quality=GRADED).model_copy(
        update={"workloads": (asking, *rest)}
    )

    assert quality_table(plan).rows[0][-1] == "worst slice 80.00 %"
    assert drop_table(plan).rows == (
        (
            "shelf-cameras",
            "int8 on tflite",
            "9 (5 lost, 2 won)",
            "-0.71 to 2.63 %",
            "3.00 %",
            "3.10 %",
        ),
    )
    assert drop_table(storefront) is None


def test_a_language_models_score_is_told_as_perplexity_too(storefront):
    text = GRADED.model_copy(update={"metric": "token_likelihood", "value": 1 / 12.3})
    plan = with_quality(storefront, quality=text)

    assert quality_table(plan).rows[0][2:4] == (
        "token_likelihood",
        "8.13 %, perplexity 12.3",
    )
    assert any("1/perplexity" in n for n in drop_table(plan).footnotes)
    of_images = drop_table(with_quality(storefront, quality=GRADED))
    assert not any("perplexity" in n for n in of_images.footnotes)


def test_slices_are_told_worst_first_and_shifted_sets_after_them(storefront):
    told = slices_table(with_quality(storefront, quality=GRADED))

    assert [row[2:4] for row in told.rows] == [
        ("night", "85.00 %"),
        ("day", "97.00 %"),
        ("shifted: fog", "70.00 %"),
    ]
