"""Triton Model Analyzer: `metrics-model-inference.csv`, milliseconds.

Only rows of one request at a time are service times. Of several model
configurations of one batch size the fastest counts. The median is not among its
metrics: the mean is taken for it.
"""

from pathlib import Path

from planner.domain.profiles import BatchProfile, Profile, ServicePoint
from planner.domain.servers import Timing
from planner.domain.variants import Runtime
from planner.units import seconds
from profilers.importers import _reading as reading

about = "Triton Model Analyzer, metrics-model-inference.csv, rows of concurrency 1"
runtime: Runtime | None = None
asks_batch = False

_MEAN = "Avg Latency (ms)"
_COLUMNS = ("Model", "Batch", "Concurrency", _MEAN)


def read(path: Path, about: reading.About) -> tuple[Profile, ...]:
    """The profile of the batch sizes in the file.

    Raises:
        SpecFileError: It is no such file, lacks perf_latency_avg, or has no such rows.
    """
    rows = reading.table(path, _COLUMNS)
    models = sorted({row["Model"] for row in rows})
    if len(models) > 1:
        raise reading.wrong(
            path,
            f"rows of several models ({', '.join(models)}); leave those of one in it",
        )
    best: dict[int, ServicePoint] = {}
    for row in rows:
        if row["Concurrency"] == "1":
            point = _point(path, row)
            known = best.get(point.batch)
            if known is None or point.p50_s < known.p50_s:
                best[point.batch] = point
    if not best:
        raise reading.wrong(
            path, "no row of concurrency 1; profile with run_config_search from 1"
        )
    return (
        BatchProfile(
            model=about.model,
            variant=about.variant,
            device=about.device,
            device_count=about.device_count,
            timing=Timing.SERVER,
            points=tuple(best[batch] for batch in sorted(best)),
            evidence=reading.evidence(
                path, about, "Triton Model Analyzer", note="the mean as the median"
            ),
        ),
    )


def _point(path: Path, row: dict[str, str]) -> ServicePoint:
    def stated(column: str) -> float | None:
        cell = row.get(column, "")
        return seconds(reading.number(path, cell, column)) if cell else None

    mean_s = seconds(reading.number(path, row[_MEAN], _MEAN))
    return ServicePoint(
        batch=reading.count(path, row["Batch"], "Batch"),
        p50_s=mean_s,
        mean_s=mean_s,
        p90_s=stated("p90 Latency (ms)"),
        p95_s=stated("p95 Latency (ms)"),
        p99_s=stated("p99 Latency (ms)"),
    )
