"""What `planner predict` tells of grounds, each once."""

import datetime as dt
from dataclasses import replace

from planner.domain.evidence import Evidence, Provenance
from planner.domain.predictions import Foresight, Prediction
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.domain.variants import Precision, Runtime, Variant
from planner.report.prediction import foresight_table

WHY = "both have four cores of a kind"
PROFILE = BatchProfile(
    model="net",
    variant=Variant(precision=Precision.FP32, runtime=Runtime.TFLITE),
    device="raspberry-pi-5",
    points=(ServicePoint(batch=1, p50_s=0.02),),
    evidence=Evidence(
        provenance=Provenance.PREDICTED,
        source="a test",
        as_of=dt.date(2026, 11, 24),
        error_frac=0.3,
        note=f"22 ms as on rk3588 × 1.14: {WHY}",
    ),
)


def predicted(precision, *rows):
    profile = replace(PROFILE, variant=replace(PROFILE.variant, precision=precision))
    return Prediction(
        profile=profile, low_s=0.01, high_s=0.04, rows=rows, narrower="measuring it"
    )


def notes(*predictions):
    return foresight_table(
        Foresight(model="net", device="raspberry-pi-5", measured=(), predictions=predictions, refusals=())
    ).footnotes  # fmt: skip


def test_a_reason_of_several_predictions_and_the_way_to_narrow_them_are_told_once():
    told = notes(predicted(Precision.FP32, "a row"), predicted(Precision.INT8, "b row"))

    assert told[1:] == (
        f"fp32 on tflite: 22 ms as on rk3588 × 1.14: {WHY}.",
        "from a row",
        "int8 on tflite: 22 ms as on rk3588 × 1.14.",
        "from b row",
        "What would narrow it: measuring it.",
    )


def test_of_many_rows_the_first_is_told_and_the_others_are_counted():
    assert "from a; and 1 more row, --json lists all" in notes(
        predicted(Precision.FP32, "a", "b")
    )
    assert "from a; and 2 more rows, --json lists all" in notes(
        predicted(Precision.FP32, "a", "b", "c")
    )


def test_what_is_known_there_has_its_source_told_once_and_no_column_of_intervals():
    int8 = replace(PROFILE.variant, precision=Precision.INT8)
    known = (PROFILE, replace(PROFILE, variant=int8))

    shown = foresight_table(
        Foresight(model="net", device="raspberry-pi-5", measured=known, predictions=(), refusals=())
    )  # fmt: skip

    assert "fp32 on tflite and int8 on tflite: a test." in shown.footnotes
    assert shown.title == "net on raspberry-pi-5 (predicted, 2026-11-24)"
    assert [c.title for c in shown.columns] == ["Variant", "Asked", "Time", "Error"]
