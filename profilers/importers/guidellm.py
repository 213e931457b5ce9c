"""GuideLLM: the JSON of `guidellm benchmark --output-path FILE.json`.

Each benchmark of a sweep is one load point; requests that failed are not in it.
"""

from collections.abc import Sequence
from pathlib import Path

from planner.domain.profiles import LoadCurve, LoadPoint, Profile
from planner.domain.variants import Runtime
from planner.units import seconds
from profilers.importers import _reading as reading

about = "GuideLLM benchmark JSON, one load point a benchmark"
runtime: Runtime | None = Runtime.VLLM


def read(path: Path, about: reading.About) -> tuple[Profile, ...]:
    """The load curve of the file's benchmarks.

    Raises:
        SpecFileError: It is no such file.
    """
    benchmarks = reading.at(path, reading.document(path), "benchmarks")
    if not isinstance(benchmarks, Sequence) or not benchmarks:
        raise reading.wrong(path, "'benchmarks' lists none")
    prompts = max(_mean(path, b, "prompt_token_count") for b in benchmarks)
    outputs = max(_mean(path, b, "output_token_count") for b in benchmarks)
    return (
        LoadCurve(
            model=about.model,
            variant=about.variant,
            device=about.device,
            device_count=about.device_count,
            prompt_tokens=round(prompts),
            output_tokens=round(outputs),
            points=reading.ascending([_point(path, b) for b in benchmarks]),
            evidence=reading.evidence(path, about, "GuideLLM"),
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
        "time_per_output_token_ms",
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


def _mean(path: Path, benchmark: object, metric: str) -> float:
    stated = reading.at(path, benchmark, "metrics", metric, "successful", "mean")
    return reading.number(path, stated, metric)
