"""What profiling tells of each variant's answers."""

import dataclasses

from planner.domain.profiles import Quality
from planner.domain.quality import Drop, PartScore
from planner.report.grading import grading_tables
from tests.support.placements import profile

DROP = Drop(n_samples=597, n_flips=3, n_right_to_wrong=0, n_wrong_to_right=2, drop_frac=-2 / 597, low_frac=-0.0119, high_frac=0.0044)  # fmt: skip
NIGHT = PartScore(name="night", value_frac=0.8, low_frac=0.7, high_frac=0.9, n_samples=50)  # fmt: skip


def graded(**facts):
    quality = Quality(metric="top1_accuracy", value_frac=0.95, source="s", n_samples=597, **facts)  # fmt: skip
    return dataclasses.replace(profile(), quality=quality)


def test_flips_and_the_interval_of_the_loss_are_told_once_a_variant():
    one = graded(drop=DROP, calibration_error_frac=0.0215)

    (told,) = grading_tables([one, dataclasses.replace(one, device="another")])

    (row,) = told.rows
    assert told.title.endswith("597 samples)")
    assert row[1:] == ("95.00 %", "3 (0 lost, 2 won)", "-1.19 to 0.44 %", "2.15 %")
    assert "Worst slice" not in [c.title for c in told.columns]
    assert "calibration error" in told.footnotes[-1]


def test_what_a_loss_of_token_likelihood_is_is_told_where_that_is_the_metric():
    one = graded(drop=DROP)
    text = dataclasses.replace(one.quality, metric="token_likelihood")

    (plain,), (told,) = (
        grading_tables([dataclasses.replace(one, quality=q)])
        for q in (one.quality, text)
    )

    assert len(plain.footnotes) == 1
    assert plain.rows[0][1] == "95.00 %"
    assert told.rows[0][1] == "95.00 %, perplexity 1.05"
    assert told.footnotes[0] == plain.footnotes[0]
    assert "1/perplexity" in told.footnotes[1]


def test_slices_are_told_and_the_worst_named():
    losses, parts = grading_tables([graded(drop=DROP, slices=(NIGHT,), shifted=(NIGHT,))])  # fmt: skip

    assert losses.rows[0][-1] == "night: 80.00 %"
    assert [row[1] for row in parts.rows] == ["night", "shifted: night"]


def test_without_an_evaluation_set_there_is_nothing_to_tell():
    assert grading_tables([profile(), graded()]) == ()
