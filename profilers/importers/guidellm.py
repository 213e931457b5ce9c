"""GuideLLM: the JSON of `guidellm benchmark --output-path FILE.json`.

Each benchmark of a sweep is one load point, of the requests that were answered. Its
time_per_output_token_ms is the whole answer's over its tokens, with the wait for the
first: TPOT here is its inter_token_latency_ms.
"""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from planner.domain.profiles import LoadCurve, LoadPoint, Profile
from planner.domain.variants import Runtime
from planner.units import seconds
from profilers.importers import _reading as reading

about = "GuideLLM benchmark JSON, one load point a benchmark"
runtime: Runtime | None = Runtime.VLLM
asks_batch = False

_YEAR_9999_S = 2.5e11
_STARTS = (("scheduler_metrics", "start_time"), ("run_stats", "start_time"))

# Where its versions count requests by how they ended, newest first.
_TOTALS = (
    ("metrics", "request_totals"),
    ("scheduler_metrics", "requests_made"),
    ("run_stats", "requests_made"),
)


def read(path: Path, about: reading.About) -> tuple[Profile, ...]:
    """The load curve of the file's benchmarks.

    Raises:
        SpecFileError: It is no such file.
    """
    benchmarks = reading.at(path, reading.document(path), "benchmarks")
    if not isinstance(benchmarks, Sequence) or not benchmarks:
        raise reading.wrong(path, "'benchmarks' lists none")
    benchmarks, note = reading.answered(path, benchmarks, _failed_frac)
    sizes = [
        (_mean(path, b, "prompt_token_count"), _mean(path, b, "output_token_count"))
        for b in benchmarks
    ]
    prompt_tokens, output_tokens = reading.one_size(path, sizes, "benchmarks")
    return (
        LoadCurve(
            model=about.model,
            variant=about.variant,
            device=about.device,
            device_count=about.device_count,
            prompt_tokens=prompt_tokens,
            output_tokens=output_tokens,
            points=reading.ascending([_point(path, b) for b in benchmarks]),
            evidence=reading.evidence(
                path, about, "GuideLLM", on=_day(benchmarks[0]), note=note
            ),
        ),
    )


def _point(path: Path, benchmark: object) -> LoadPoint:
    def percentile(metric: str, name: str) -> float:
        where = ["metrics", metric, "successful"]
        if reading.has(benchmark, *where, "percentiles"):
            where.append("percentiles")
        return reading.number(
            path, reading.at(path, benchmark, *where, name), f"{metric} {name}"
        )

    ttft, tpot, whole = (
        "time_to_first_token_ms",
        "inter_token_latency_ms",
        "request_latency",
    )
    return LoadPoint(
        concurrency=_mean(path, benchmark, "request_concurrency"),
        rate_rps=_mean(path, benchmark, "requests_per_second"),
        ttft_p50_s=seconds(percentile(ttft, "p50")),
        ttft_p95_s=seconds(percentile(ttft, "p95")),
        ttft_p99_s=seconds(percentile(ttft, "p99")),
        tpot_p50_s=seconds(percentile(tpot, "p50")),
        tpot_p95_s=seconds(percentile(tpot, "p95")),
        tpot_p99_s=seconds(percentile(tpot, "p99")),
        e2e_p50_s=percentile(whole, "p50"),
        e2e_p95_s=percentile(whole, "p95"),
        e2e_p99_s=percentile(whole, "p99"),
        output_tokens_per_s=_mean(path, benchmark, "output_tokens_per_second"),
    )


def _day(benchmark: object) -> dt.date | None:
    """The day of the start, in seconds since 1970; None where nobody noted it."""
    for keys in _STARTS:
        began_s = reading.found(benchmark, *keys)
        if isinstance(began_s, int | float) and 0 < began_s < _YEAR_9999_S:
            return dt.datetime.fromtimestamp(began_s, dt.UTC).date()
    return None


def _failed_frac(benchmark: object) -> float:
    """Of the requests that were not cut off at the end; 0 where nobody counted."""
    totals = next((t for keys in _TOTALS if (t := reading.found(benchmark, *keys))), {})

    def counted(status: str) -> float:
        value = reading.found(totals, status)
        return value if isinstance(value, int | float) else 0.0

    errored = counted("errored")
    return errored / (errored + counted("successful")) if errored else 0.0


def _mean(path: Path, benchmark: object, metric: str) -> float:
    stated = reading.at(path, benchmark, "metrics", metric, "successful", "mean")
    return reading.number(path, stated, metric)
