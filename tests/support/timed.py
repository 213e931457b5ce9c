"""Times as an executor gives them, all of them one and the same, and what a server cost."""

import datetime as dt
from dataclasses import replace

from profilers.servers import OWN_PORT, ServerMeasured
from profilers.trials import MeasuredPoint, Measurement


def point(p50_s, *, batch=1, **changes):
    """A batch that took the same time whenever it ran."""
    same = MeasuredPoint(
        batch=batch,
        p50_s=p50_s,
        p50_low_s=p50_s,
        p50_high_s=p50_s,
        mean_s=p50_s,
        p90_s=p50_s,
        p95_s=p50_s,
        p99_s=p50_s,
        n_samples=100,
        is_noisy=False,
    )
    return replace(same, **changes)


def measurement(*points, error_frac=0.05):
    """These points of a small model."""
    return Measurement(
        points=points,
        memory_bytes=5e7,
        artifact_bytes=1e6,
        artifact_sha256="0" * 64,
        error_frac=error_frac,
        measured_at=dt.datetime(2026, 11, 24, tzinfo=dt.UTC),
    )


SERVER = ServerMeasured(
    server=OWN_PORT,
    request_bytes=2048,
    processor_s=0.0008,
    processor_low_s=0.0007,
    processor_high_s=0.0009,
    latency_s=0.0003,
    latency_low_s=0.0002,
    latency_high_s=0.0004,
    n_requests=2100,
    error_frac=0.125,
    busy_ratio=0.5,
    measured_at=dt.datetime(2026, 11, 24, tzinfo=dt.UTC),
    environment={"processor": "a test's"},
)
