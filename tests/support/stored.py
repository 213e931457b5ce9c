"""A trial and what it may have given, to be kept."""

import datetime as dt
from pathlib import Path

from planner.domain.profiles import Quality
from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from profilers.keys import trial_key
from profilers.trials import Envelope, Failure, MeasuredPoint, Measurement, Trial

AT = dt.datetime(2026, 3, 1, 12, 30, 5, 123456, tzinfo=dt.UTC)
TRIAL = Trial(
    model=TorchModel(name="reader", directory=Path("here"), factory="m:build"),
    variant=Variant(precision=Precision.INT8, runtime=Runtime.ONNXRUNTIME),
    envelope=Envelope(threads=2, memory_bytes=2.0**31),
    batches=(1, 2),
)
MEASUREMENT = Measurement(
    points=(
        MeasuredPoint(
            batch=1,
            p50_s=0.1,
            p50_low_s=0.09,
            p50_high_s=0.11,
            mean_s=1 / 3,
            p90_s=0.2,
            p95_s=0.3,
            p99_s=0.4,
            n_samples=30,
            is_noisy=False,
        ),
    ),
    memory_bytes=1e9,
    artifact_bytes=123.0,
    artifact_sha256="ab" * 32,
    error_frac=0.1,
    measured_at=AT,
    quality=Quality(metric="top1_accuracy", value_frac=0.9, source="yours – 数字"),
    warnings=("noisy",),
    environment={"processor": "p", "torch": "2"},
)
FAILURE = Failure(reason="killed", failed_at=AT, environment={"torch": "2"})


def key(trial=TRIAL, *, identity="content", environment=None):
    return trial_key(
        trial, identity=identity, environment=environment or {"torch": "2"}
    )
