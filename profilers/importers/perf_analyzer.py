"""Triton perf_analyzer: the CSV of `perf_analyzer -f FILE`, microseconds.

Only the row of one request at a time is a service time; rows of more wait in line.
The batch size is not in the file; how many inferences a second it counts bears it out.
"""

from pathlib import Path

from planner.domain.profiles import BatchProfile, Profile, ServicePoint
from planner.domain.servers import Timing
from planner.domain.variants import Runtime
from profilers.importers import _reading as reading

about = "Triton perf_analyzer -f, the row of concurrency 1; say --batch"
runtime: Runtime | None = None
asks_batch = True

_US_PER_S = 1e6
_RATE = "Inferences/Second"
_COLUMNS = ("Concurrency", _RATE, "p50 latency")
# One request after the other: a second holds as many inferences as its requests do, but
# for the client's own time (fewer) and a median below the mean (fewer, too).
_FEWEST_RATIO, _MOST_RATIO = 0.55, 1.5


def read(path: Path, about: reading.About) -> tuple[Profile, ...]:
    """The profile of the row of concurrency 1.

    Raises:
        SpecFileError: It is no such file, or has no such row.
    """
    row = _alone(path)

    def seconds(column: str) -> float | None:
        stated = row.get(column, "")
        return reading.number(path, stated, column) / _US_PER_S if stated else None

    median_s = seconds("p50 latency")
    if median_s is None:
        raise reading.wrong(path, "p50 latency: the cell is empty")
    inferences_per_s = reading.number(path, row[_RATE], _RATE)
    mean_s = seconds("Avg latency")
    point = ServicePoint(
        batch=_batch(path, about, inferences_per_s * (mean_s or median_s)),
        p50_s=median_s,
        mean_s=mean_s,
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


def _alone(path: Path) -> dict[str, str]:
    rows = [r for r in reading.table(path, _COLUMNS) if r["Concurrency"] == "1"]
    if not rows:
        raise reading.wrong(
            path, "no row of concurrency 1; run perf_analyzer --concurrency-range 1"
        )
    if len(rows) > 1:
        raise reading.wrong(
            path, f"{len(rows)} rows of concurrency 1; leave that of one run in it"
        )
    return rows[0]


def _batch(path: Path, about: reading.About, at_once: float) -> int:
    said = about.batch or 1
    if not _FEWEST_RATIO <= at_once / said <= _MOST_RATIO:
        raise reading.wrong(
            path,
            f"its rate and latency are those of about {at_once:.3g} at a time, not of a "
            f"batch of {said}: give perf_analyzer's -b as --batch",
        )
    return said
