import datetime as dt

from planner.domain.evidence import Evidence, Provenance
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.domain.variants import Precision, Runtime, Variant
from planner.reference.catalog import Catalog
from profilers.emulators import calibration
from profilers.emulators.published import tables, times
from profilers.emulators.ratios import MIN_MODELS


def profile(p50_s, *, model="mobilenet-v2-1.0-224", runtime=Runtime.TFLITE, batch=1):
    return BatchProfile(
        model=model,
        variant=Variant(precision=Precision.FP32, runtime=runtime),
        device="board",
        points=(ServicePoint(batch=batch, p50_s=p50_s),),
        evidence=Evidence(
            provenance=Provenance.IMPORTED,
            source=f"somebody: {runtime}",
            as_of=dt.date(2023, 4, 1),
            error_frac=0.1,
        ),
    )


def test_the_fastest_runtime_of_each_model_counts():
    found = tables([profile(0.06), profile(0.05, runtime=Runtime.ARMNN), profile(0.07)])

    row = found[Precision.FP32]["board"]["mobilenet-v2-1.0-224"]
    assert (row.p50_s, row.runtime) == (0.05, Runtime.ARMNN)


def test_accelerators_other_batches_and_other_kinds_of_model_teach_nothing():
    found = tables(
        [
            profile(0.01, runtime=Runtime.EDGETPU),
            profile(0.01, runtime=Runtime.TENSORRT),
            profile(0.01, batch=8),
            profile(0.01, model="yolo11n"),
        ]
    )

    assert found == {}


def test_every_device_of_the_shipped_tables_shares_known_models_with_others():
    catalog = Catalog.shipped()
    shipped = tables(p for m in catalog.models() for p in catalog.profiles(m.name))

    teaching = {
        device
        for precision in calibration.PRECISIONS
        for device, rows in times(shipped[precision]).items()
        if len(rows.keys() & set(calibration.MODELS)) >= MIN_MODELS
    }

    assert len(teaching) >= 10
    assert {
        "raspberry-pi-4",
        "rk3588",
        "jetson-agx-orin",
        "graviton3-8vcpu",
    } <= teaching
