"""vLLM: the JSON of `vllm bench serve --save-result`, one run, a list, or one a line.

Percentiles must be asked for: --percentile-metrics ttft,tpot,e2el
--metric-percentiles 50,95,99. Requests in flight come from Little's law. Its TPOT
leaves the first token out. A run that sends all at once (its default) is no load.
"""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from planner.domain.profiles import LoadCurve, LoadPoint, Profile
from planner.domain.variants import Runtime
from planner.units import seconds
from profilers.importers import _reading as reading

about = "vllm bench serve --save-result, one run or a list of runs"
runtime: Runtime | None = Runtime.VLLM
asks_batch = False


def read(path: Path, about: reading.About) -> tuple[Profile, ...]:
    """The load curve of the file's runs.

    Raises:
        SpecFileError: It is no such file, or lacks percentiles.
    """
    document = reading.documents(path)
    every = [document] if not isinstance(document, Sequence) else list(document)
    if not every:
        raise reading.wrong(path, "the list of runs is empty")
    _check_one_model(path, every)
    steady, bursts = _steady(path, every)
    runs, failing = reading.answered(path, steady, _failed_frac)
    note = "; ".join(n for n in (bursts, failing) if n)
    sizes = [
        (_per_request(path, r, "input"), _per_request(path, r, "output")) for r in runs
    ]
    prompt_tokens, output_tokens = reading.one_size(path, sizes, "runs")
    return (
        LoadCurve(
            model=about.model,
            variant=about.variant,
            device=about.device,
            device_count=about.device_count,
            prompt_tokens=prompt_tokens,
            output_tokens=output_tokens,
            points=reading.ascending([_point(path, r) for r in runs]),
            evidence=reading.evidence(
                path, about, "vllm bench serve", on=_day(runs[0]), note=note
            ),
        ),
    )


def _day(run: object) -> dt.date | None:
    """The day of `date`, which reads 20260615-101502."""
    digits = str(run.get("date", ""))[:8] if isinstance(run, dict) else ""
    return reading.day(f"{digits[:4]}-{digits[4:6]}-{digits[6:]}")


def _check_one_model(path: Path, runs: Sequence[object]) -> None:
    models = {str(reading.found(run, "model_id")) for run in runs}
    if len(models) > 1:
        told = ", ".join(sorted(models))
        raise reading.wrong(path, f"runs of several models ({told}); give those of one")


def _steady(path: Path, runs: Sequence[object]) -> tuple[list[object], str]:
    """Runs of a steady load, and a note on the others."""
    steady = [run for run in runs if not _is_burst(run)]
    if not steady:
        raise reading.wrong(
            path,
            "all requests were sent at once, or ever faster, so the times are those of a "
            "queue that no steady load has; run with --request-rate or --max-concurrency",
        )
    n = len(runs) - len(steady)
    return (
        steady,
        f"left out {n} of {len(runs)} runs without a steady load" if n else "",
    )


def _is_burst(run: object) -> bool:
    """Whether nothing held the requests back, or ever less did: no steady load."""
    if reading.found(run, "ramp_up_strategy") is not None:
        return True
    rate, at_once = (reading.found(run, k) for k in ("request_rate", "max_concurrency"))
    return rate == "inf" and at_once is None


def _failed_frac(run: object) -> float:
    """Requests that were sent and not completed; 0 where nobody counted."""
    sent, done = (reading.found(run, key) for key in ("num_prompts", "completed"))
    if not (isinstance(sent, int) and isinstance(done, int) and sent > done):
        return 0.0
    return 1 - done / sent


def _per_request(path: Path, run: object, side: str) -> float:
    total = reading.number(
        path, reading.at(path, run, f"total_{side}_tokens"), f"total_{side}_tokens"
    )
    return total / reading.number(path, reading.at(path, run, "completed"), "completed")


def _point(path: Path, run: object) -> LoadPoint:
    def percentile(metric: str, p: int) -> float:
        key = f"p{p}_{metric}_ms"
        if not reading.has(run, key) and p == 50:
            key = f"median_{metric}_ms"
        if not reading.has(run, key):
            raise reading.wrong(
                path,
                f"no '{key}' in it; run with --percentile-metrics ttft,tpot,e2el "
                "--metric-percentiles 50,95,99",
            )
        return seconds(reading.number(path, reading.at(path, run, key), key))

    rate_rps = reading.number(
        path, reading.at(path, run, "request_throughput"), "request_throughput"
    )
    mean_s = (
        seconds(reading.number(path, run["mean_e2el_ms"], "mean_e2el_ms"))
        if isinstance(run, dict) and "mean_e2el_ms" in run
        else percentile("e2el", 50)
    )
    return LoadPoint(
        concurrency=rate_rps * mean_s,
        rate_rps=rate_rps,
        ttft_p50_s=percentile("ttft", 50),
        ttft_p95_s=percentile("ttft", 95),
        ttft_p99_s=percentile("ttft", 99),
        tpot_p50_s=percentile("tpot", 50),
        tpot_p95_s=percentile("tpot", 95),
        tpot_p99_s=percentile("tpot", 99),
        e2e_p50_s=percentile("e2el", 50),
        e2e_p95_s=percentile("e2el", 95),
        e2e_p99_s=percentile("e2el", 99),
        output_tokens_per_s=reading.number(
            path, reading.at(path, run, "output_throughput"), "output_throughput"
        ),
    )
