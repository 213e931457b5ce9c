"""Published models as this machine may have timed them: columns beside published ones.

Times are those of one thread of two cores of an x86 server, onnxruntime 1.32, 2026-11.
"""

import datetime as dt
from pathlib import Path

from planner.domain.evidence import Evidence, Provenance
from planner.domain.operations import Operations
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from planner.reference.operations import operations
from profilers.emulators import calibration
from profilers.identity import identity
from profilers.keys import trial_key
from profilers.running.local import LocalExecutor
from profilers.store import ProfileStore
from profilers.trials import Envelope, MeasuredPoint, Measurement, Trial

FP32_ONNX = Variant(precision=Precision.FP32, runtime=Runtime.ONNXRUNTIME)
# Milliseconds at batch 1 and, counted, numbers that products read and write.
TIMED = {
    "mobilenet-v1-0.25-128": (0.526, 869_609),
    "mobilenet-v1-0.25-160": (0.785, 1_358_057),
    "mobilenet-v1-0.5-192": (3.04, 3_798_505),
    "mobilenet-v1-0.75-224": (8.66, 7_678_697),
    "mobilenet-v1-1.0-128": (6.51, 3_327_977),
    "mobilenet-v1-1.0-224": (14.4, 10_187_753),
    "mobilenet-v2-0.35-96": (0.658, 1_070_041),
    "mobilenet-v2-0.35-160": (1.56, 2_968_281),
    "mobilenet-v2-0.5-192": (2.74, 5_415_529),
    "mobilenet-v2-0.75-128": (2.76, 3_854_825),
    "mobilenet-v2-1.0-224": (12.0, 13_446_313),
    "mobilenet-v3-large-minimalistic-1.0-224": (8.65, 8_907_625),
    "efficientnet-lite0": (15.2, 13_565_481),
    "efficientnet-lite1": (23.8, 20_377_417),
    "efficientnet-lite2": (24.7, 25_890_601),
    "efficientnet-lite4": (66.9, 57_820_889),
}


def asked(model: str) -> Operations:
    """What the model takes, with activations."""
    stated = operations()[model]
    return Operations(
        model=model,
        parameters=stated.parameters,
        macs=stated.macs,
        activation_values=TIMED[model][1],
        source="counted",
    )


def timed(model: str, p50_s: float, asked_of: Operations | None) -> BatchProfile:
    """A model's profile on this machine."""
    return BatchProfile(
        model=model,
        variant=FP32_ONNX,
        device="local",
        points=(ServicePoint(batch=1, p50_s=p50_s),),
        evidence=Evidence(
            provenance=Provenance.MEASURED,
            source="measured on the machine that profiled",
            as_of=dt.date(2026, 11, 1),
            error_frac=0.05,
        ),
        operations=asked_of,
    )


def references() -> tuple[BatchProfile, ...]:
    """The known models at fp32."""
    return tuple(timed(m, ms / 1000, asked(m)) for m, (ms, _) in TIMED.items())


def keep_references(home: Path) -> None:
    """Store them as if this machine had just timed them, as it is."""
    for model, (ms, _) in TIMED.items():
        keep(home, calibration.known(model), ms / 1000, asked(model), batches=(1,))


def keep(
    home: Path,
    model: TorchModel,
    p50_s: float,
    counted: Operations,
    *,
    batches: tuple[int, ...],
) -> None:
    """Store a model's time at batch 1 as if this machine had just timed those batches."""
    store = ProfileStore(home / "profiles.sqlite3")
    environment = LocalExecutor().environment()
    trial = Trial(model=model, variant=FP32_ONNX, envelope=Envelope(), batches=batches)
    key = trial_key(trial, identity=identity(model), environment=environment)
    store.keep(key, trial, _measurement(p50_s, counted))


def _measurement(p50_s: float, counted: Operations) -> Measurement:
    point = MeasuredPoint(
        batch=1, p50_s=p50_s, p50_low_s=p50_s, p50_high_s=p50_s, mean_s=p50_s,
        p90_s=p50_s, p95_s=p50_s, p99_s=p50_s, n_samples=100, is_noisy=False,
    )  # fmt: skip
    return Measurement(
        points=(point,),
        memory_bytes=1e8,
        artifact_bytes=1e6,
        artifact_sha256="",
        error_frac=0.05,
        measured_at=dt.datetime(2026, 11, 1, tzinfo=dt.UTC),
        operations=counted,
    )
