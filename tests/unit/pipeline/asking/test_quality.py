"""Which variants are good enough: shown not to be worse, not merely not shown to be."""

import dataclasses

import pytest

from planner.domain.profiles import Quality
from planner.domain.quality import Drop, PartScore
from planner.domain.variants import Precision
from planner.domain.workloads import LatencySlo, Workload
from planner.errors import SpecMistakesError
from planner.pipeline.asking.quality import quality_refusal
from tests.support.placements import profile
from tests.support.questions import asked, document

ASKED = Workload(
    name="w",
    model="m",
    origin="o",
    rates_rps=(1.0,),
    slo=LatencySlo(percentile_frac=0.95, latency_s=1.0),
    request_bytes=0.0,
    response_bytes=0.0,
    quality_metric="top1_accuracy",
)
SURE = Drop(n_samples=5000, n_flips=40, n_right_to_wrong=22, n_wrong_to_right=18, drop_frac=0.0008, low_frac=-0.0018, high_frac=0.0034)  # fmt: skip
UNSURE = dataclasses.replace(SURE, n_samples=100, low_frac=-0.03, high_frac=0.03)
WORSE = dataclasses.replace(SURE, drop_frac=0.04, low_frac=0.03, high_frac=0.05)


def refusal(drop=None, *, precision=Precision.INT8, slices=(), **floors):
    quality = Quality(metric="top1_accuracy", value_frac=0.9, source="s", drop=drop, slices=slices)  # fmt: skip
    ways = dataclasses.replace(profile(precision=precision), quality=quality)
    answer = quality_refusal(dataclasses.replace(ASKED, **floors), ways)
    return None if answer is None else answer[1]


def test_a_variant_that_is_shown_to_lose_little_may_be_used():
    assert refusal(SURE, quality_allowed_drop_frac=0.01) is None


def test_not_shown_to_be_worse_is_not_enough():
    reason = refusal(UNSURE, quality_allowed_drop_frac=0.01)

    assert "is not shown to lose at most 1.0%" in reason
    assert "more samples would tell" in reason


def test_shown_to_be_worse_is_told_apart():
    assert "loses more than 1.0%" in refusal(WORSE, quality_allowed_drop_frac=0.01)


def test_a_variant_that_nobody_compared_is_out():
    assert "is not known" in refusal(None, quality_allowed_drop_frac=0.01)


def test_the_model_as_given_needs_no_proof_against_itself():
    assert refusal(UNSURE, precision=Precision.FP32, quality_allowed_drop_frac=0.01) is None  # fmt: skip


def part(name, value_frac):
    return PartScore(name=name, value_frac=value_frac, low_frac=0.0, high_frac=1.0, n_samples=9)  # fmt: skip


def test_the_worst_slice_has_a_floor_of_its_own():
    parts = (part("day", 0.95), part("night", 0.7))

    assert refusal(slices=parts, worst_slice_minimum_frac=0.7) is None
    assert "on slice night" in refusal(slices=parts, worst_slice_minimum_frac=0.71)
    assert "by slice is not known" in refusal(worst_slice_minimum_frac=0.5)


def test_without_a_floor_anything_goes():
    assert refusal(WORSE) is None


@pytest.mark.parametrize(
    ("floor", "words"),
    [
        ({"metric": "top1_accuracy"}, "give minimum_frac"),
        ({"over": "mean", "allowed_drop_frac": 0.01}, "over: mean"),
        ({"allowed_drop_frac": 0}, "allowed_drop_frac"),
        ({"worst_slice_minimum_frac": 1.5}, "worst_slice_minimum_frac"),
    ],
)
def test_floors_that_say_nothing_or_too_much_are_refused(floor, words):
    with pytest.raises(SpecMistakesError, match=words):
        document(workloads__0__quality=floor)


def test_published_variants_that_nobody_compared_with_fp32_leave_only_fp32():
    question = asked(document(workloads__0__quality={"allowed_drop_frac": 0.01}))

    used = {o.profile.variant.precision for o in question.behind.values()}
    assert used <= {Precision.FP32}
    assert any("against fp32 is not known" in r.reason for r in question.refusals)
