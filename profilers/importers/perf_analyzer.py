"""Triton perf_analyzer: the CSV of `perf_analyzer -f FILE`, microseconds.

Only the row of one request at a time is a service time; rows of more wait in line.
The batch size is not in the file.
"""

from pathlib import Path

from planner.domain.profiles import BatchProfile, Profile, ServicePoint
from planner.domain.servers import Timing
from planner.domain.variants import Runtime
from profilers.importers import _reading as reading

about = "Triton perf_analyzer -f, the row of concurrency 1; say --batch"
runtime: Runtime | None = None

_US_PER_S = 1e6
_COLUMNS = ("Concurrency", "Inferences/Second", "p50 latency")


def read(path: Path, about: reading.About) -> tuple[Profile, ...]:
    """The profile of the row of concurrency 1.

    Raises:
        SpecFileError: It is no such file, or has no such row.
    """
    rows = [
        r for r in reading.table(path, _COLUMNS) if r["Concurrency"] == "1"
    ]  # fmt: skip
    if not rows:
        raise reading.wrong(
            path, "no row of concurrency 1; run perf_analyzer --concurrency-range 1"
        )
    row = rows[-1]

    def seconds(column: str) -> float | None:
        stated = row.get(column, "")
        return reading.number(path, stated, column) / _US_PER_S if stated else None

    median_s = seconds("p50 latency")
    if median_s is None:
        raise reading.wrong(path, "p50 latency: the cell is empty")
    point = ServicePoint(
        batch=about.batch,
        p50_s=median_s,
        mean_s=seconds("Avg latency"),
        p90_s=seconds("p90 latency"),
        p95_s=seconds("p95 latency"),
        p99_s=seconds("p99 latency"),
    )
    return (
        BatchProfile(
            model=about.model,
            variant=about.variant,
            device=about.device,
            device_count=about.device_count,
            timing=Timing.SERVER,
            points=(point,),
            evidence=reading.evidence(path, about, "Triton perf_analyzer"),
        ),
    )
