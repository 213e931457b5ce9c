import datetime as dt
import math
from dataclasses import replace

import pytest

from planner.domain.evidence import Provenance
from planner.domain.factors import Factor
from planner.domain.operations import Operations
from planner.domain.profiles import Quality
from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from planner.reference.relatives import Relative
from profilers.emulators.mapping import Learned, emulated
from profilers.emulators.published import Published
from profilers.trials import Envelope, Trial
from tests.support.timed import measurement, point

LOCAL_S = {"m-small": 0.001, "m-middle": 0.010, "m-large": 0.100}


def learned(
    *, factor=5.0, devices_sigma=0.2, known_error_frac=0.0, relative=None, scatter=0.0
):
    """A device `factor` times slower; `scatter` bends the middle model's time."""
    bend = {"m-middle": scatter}
    rows = {
        model: Published(
            p50_s=local_s * factor * math.exp(bend.get(model, 0.0)),
            runtime=Runtime.TFLITE,
            source=f"Somebody 2023: log {model}",
            as_of=dt.date(2023, 4, 1),
        )
        for model, local_s in LOCAL_S.items()
    }
    return Learned(
        device="board",
        precision=Precision.INT8,
        rows=rows,
        local_s=LOCAL_S,
        known_error_frac=known_error_frac,
        devices_sigma=devices_sigma,
        n_devices=8,
        relative=relative,
    )


def measured(*p50s_s, error_frac=0.0):
    points = [
        point(
            p50_s,
            batch=batch,
            mean_s=1.1 * p50_s,
            p90_s=1.2 * p50_s,
            p95_s=1.3 * p50_s,
            p99_s=1.5 * p50_s,
        )
        for batch, p50_s in enumerate(p50s_s, start=1)
    ]
    graded = Quality(metric="top1_accuracy", value_frac=0.9, source="a test")
    return replace(measurement(*points, error_frac=error_frac), quality=graded)


def trial(tmp_path, runtime=Runtime.ONNXRUNTIME):
    return Trial(
        model=TorchModel(name="mine", directory=tmp_path, factory="m:build"),
        variant=Variant(precision=Precision.INT8, runtime=runtime),
        envelope=Envelope(),
        batches=(1, 2),
    )


def a_relative(low_ratio, high_ratio):
    factor = Factor(low_ratio=low_ratio, high_ratio=high_ratio)
    return Relative(
        device="cousin",
        factors={Precision.INT8: factor},
        argument="half the clock",
        source="a datasheet",
    )


def test_every_figure_of_every_point_is_scaled(tmp_path):
    profile = emulated(learned(), measured(0.004, 0.006), trial(tmp_path))

    first, second = profile.points
    assert (first.batch, second.batch) == (1, 2)
    assert first.p50_s == pytest.approx(0.020)
    assert first.mean_s == pytest.approx(0.022)
    assert first.p99_s == pytest.approx(0.030)
    assert second.p95_s == pytest.approx(0.039)


def test_a_batch_that_was_read_off_is_mapped_as_if_it_had_been_timed(tmp_path):
    straight = learned()
    slower = replace(straight.rows["m-large"], p50_s=2.0)
    bent = replace(straight, rows={**straight.rows, "m-large": slower})
    timed = measured(0.004, 0.052, 0.100)
    ends = replace(
        timed, points=(timed.points[0], timed.points[2]), batch_grid=(1, 2, 3)
    )

    profile = emulated(bent, ends, trial(tmp_path))

    whole = emulated(bent, timed, trial(tmp_path))
    assert [p.p50_s for p in profile.points] == pytest.approx(
        [p.p50_s for p in whole.points]
    )
    straight_s = (whole.points[0].p50_s + whole.points[2].p50_s) / 2
    assert whole.points[1].p50_s != pytest.approx(straight_s, rel=0.1), (
        "the ratio bends the line"
    )
    assert "batches of 2 read off" in profile.evidence.note


def test_the_evidence_says_how_far_another_measurement_may_differ(tmp_path):
    evidence = emulated(learned(), measured(0.004, error_frac=0.07), trial(tmp_path)).evidence  # fmt: skip

    assert evidence.repeats_frac == 0.07 < evidence.error_frac


def test_memory_quality_operations_and_variant_are_those_measured(tmp_path):
    asked = Operations(model="mine", parameters=7, macs=9, source="counted")

    profile = emulated(
        learned(), replace(measured(0.004), operations=asked), trial(tmp_path)
    )

    assert (profile.model, profile.device) == ("mine", "board")
    assert profile.memory_bytes == 5e7
    assert profile.quality.value_frac == 0.9
    assert profile.operations == asked
    assert profile.variant.runtime is Runtime.ONNXRUNTIME


def test_the_evidence_says_emulated_from_what_and_when(tmp_path):
    evidence = emulated(learned(), measured(0.004), trial(tmp_path)).evidence

    assert evidence.provenance is Provenance.EMULATED
    assert evidence.as_of == dt.date(2026, 11, 24)
    assert evidence.source == "measured on the machine that profiled; Somebody 2023"
    assert "4.00 ms at batch 1 × 5.00" in evidence.note
    assert (
        "3 known models, here on onnxruntime, there on tflite (2023)" in evidence.note
    )
    assert "8 published devices" in evidence.note


def test_the_band_of_devices_left_out_is_the_band_of_the_profile(tmp_path):
    evidence = emulated(
        learned(devices_sigma=0.2), measured(0.004), trial(tmp_path)
    ).evidence

    assert evidence.sigma() == pytest.approx(0.2)


def test_independent_errors_add_in_squares(tmp_path):
    noisy = measured(0.004, error_frac=math.expm1(0.15 * 1.2815515655446004))

    evidence = emulated(learned(devices_sigma=0.2), noisy, trial(tmp_path)).evidence

    assert evidence.sigma() == pytest.approx(0.25)


def test_known_models_measured_on_a_busy_machine_widen_the_band(tmp_path):
    busy = learned(
        devices_sigma=0.2, known_error_frac=math.expm1(0.15 * 1.2815515655446004)
    )

    evidence = emulated(busy, measured(0.004), trial(tmp_path)).evidence

    assert evidence.sigma() == pytest.approx(0.25)


def test_known_models_that_scatter_more_than_devices_do_widen_the_band(tmp_path):
    bent = learned(devices_sigma=0.01, scatter=0.3)

    evidence = emulated(bent, measured(0.004), trial(tmp_path)).evidence

    # Residuals of a middle point that is 0.3 off: -0.1, 0.2, -0.1, one degree left.
    assert evidence.sigma() == pytest.approx(math.sqrt(0.06))


def test_a_time_beyond_the_known_models_widens_the_band_and_is_said(tmp_path):
    sloped = learned(scatter=0.0)
    steeper = {
        model: Published(
            p50_s=row.p50_s * (2.0 if model == "m-small" else 1.0),
            runtime=row.runtime,
            source=row.source,
            as_of=row.as_of,
        )
        for model, row in sloped.rows.items()
    }
    sloped = Learned(
        device="board",
        precision=Precision.INT8,
        rows=steeper,
        local_s=LOCAL_S,
        known_error_frac=0.0,
        devices_sigma=0.5,
        n_devices=8,
    )

    inside = emulated(sloped, measured(0.01), trial(tmp_path)).evidence
    outside = emulated(sloped, measured(0.01, 10.0), trial(tmp_path)).evidence

    assert outside.error_frac > inside.error_frac
    assert "lie outside" in outside.note
    assert "lie outside" not in inside.note


def test_a_relative_is_applied_shown_and_widens_the_band(tmp_path):
    profile = emulated(
        learned(relative=a_relative(1.0, 4.0)), measured(0.004), trial(tmp_path)
    )

    assert profile.points[0].p50_s == pytest.approx(0.040)
    assert profile.evidence.note.startswith(
        "emulated via cousin × 2.00 (between 1.00 and 4.00: half the clock)"
    )
    assert profile.evidence.source.endswith("; a datasheet")
    # Upper bound at 90 %: ln 2 / z; in squares with 0.2.
    assert profile.evidence.sigma() == pytest.approx(
        math.hypot(0.2, math.log(2) / 1.2815515655446004)
    )


def test_another_runtime_than_the_known_models_had_is_said(tmp_path):
    same = emulated(learned(), measured(0.004), trial(tmp_path)).evidence.note
    other = emulated(
        learned(), measured(0.004), trial(tmp_path, Runtime.TORCH)
    ).evidence.note

    assert "torch is taken to be as much slower or faster" in other
    assert "taken to be" not in same
