"""The checker refuses a plan whose own figures break its floors of quality."""

import pytest

from planner.domain.variants import Precision
from planner.pipeline.checking.quality import below_floor
from planner.specs.placements import PlanDrop, PlanPartScore, PlanQuality
from planner.specs.plan import PlanQualityFloor
from tests.support.plans import shelf_placement

DROP = PlanDrop(n_samples=1000, n_flips=30, n_right_to_wrong=12, n_wrong_to_right=7, drop_frac=0.005, low_frac=-0.004, high_frac=0.014)  # fmt: skip
QUALITY = PlanQuality(
    metric="top1_accuracy",
    value=0.9,
    drop=DROP,
    slices=(PlanPartScore(name="dark", value=0.8, low=0.7, high=0.9, n_samples=50),),
)


def found(quality=QUALITY, precision=Precision.INT8, **floor):
    p = shelf_placement()
    variant = p.variant.model_copy(update={"precision": precision})
    p = p.model_copy(update={"quality": quality, "variant": variant})
    asked = PlanQualityFloor(
        **{"metric": "top1_accuracy", "minimum_frac": None, **floor}
    )
    return list(below_floor(p, asked, [p]))


def test_a_plan_within_its_floors_passes():
    assert found(minimum_frac=0.9, allowed_drop_frac=0.014, worst_slice_minimum_frac=0.8) == []  # fmt: skip


@pytest.mark.parametrize(
    ("floor", "words"),
    [
        ({"minimum_frac": 0.91}, "below its quality floor"),
        ({"minimum_frac": 0.91, "over": "mean"}, "below its mean"),
        ({"allowed_drop_frac": 0.01}, "not shown to lose at most 1.0%"),
        ({"worst_slice_minimum_frac": 0.81}, "on dark"),
        ({"metric": "map"}, "no known map"),
    ],
)
def test_every_floor_is_checked(floor, words):
    assert any(words in sentence for sentence in found(**floor))


def test_a_loss_that_its_own_counts_contradict_is_refused():
    lying = DROP.model_copy(update={"n_right_to_wrong": 60})
    quality = QUALITY.model_copy(update={"drop": lying})

    assert any("outside its own interval" in s for s in found(quality, allowed_drop_frac=0.02))  # fmt: skip


def test_the_loss_of_a_likelihood_is_its_own_and_not_that_of_the_counts():
    drop = DROP.model_copy(update={"n_right_to_wrong": 60})
    text = QUALITY.model_copy(update={"metric": "token_likelihood", "drop": drop})

    assert found(text, metric="token_likelihood", allowed_drop_frac=0.014) == []
    off = text.model_copy(update={"drop": drop.model_copy(update={"drop_frac": 0.02})})
    assert any(
        "outside its own interval" in s
        for s in found(off, metric="token_likelihood", allowed_drop_frac=0.014)
    )


def test_what_is_not_known_is_not_within():
    bare = QUALITY.model_copy(update={"drop": None, "slices": ()})

    assert len(found(bare, allowed_drop_frac=0.02, worst_slice_minimum_frac=0.1)) == 2


def test_the_model_as_given_is_not_compared_with_itself():
    assert found(precision=Precision.FP32, allowed_drop_frac=0.001) == []
