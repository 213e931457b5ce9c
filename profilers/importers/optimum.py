"""optimum-benchmark: `benchmark.json` or `benchmark_report.json`, seconds.

A forward pass is a batch's service time; prefill and decode are token rates, of one
request at a time. The batch size stands in the configuration, if the file has it.
"""

from pathlib import Path

from planner.domain.profiles import BatchProfile, Profile, ServicePoint, TokenRates
from planner.domain.variants import Runtime
from profilers.importers import _reading as reading

about = "optimum-benchmark JSON: forward, or prefill and decode"
runtime: Runtime | None = None


def read(path: Path, about: reading.About) -> tuple[Profile, ...]:
    """The profile of the report.

    Raises:
        SpecFileError: It is no such file, or measured neither.
    """
    whole = reading.document(path)
    report = (
        reading.at(path, whole, "report") if reading.has(whole, "report") else whole
    )
    batch = _batch(path, whole, about)
    if reading.has(report, "forward", "latency"):
        return (_forward(path, report, batch, about),)
    if reading.has(report, "prefill") and reading.has(report, "decode"):
        if batch != 1:
            raise reading.wrong(
                path, f"batch size {batch}: token rates are those of one request"
            )
        return (_token_rates(path, report, about),)
    raise reading.wrong(path, "it reports neither 'forward' nor 'prefill' and 'decode'")


def _batch(path: Path, whole: object, about: reading.About) -> int:
    keys = ("config", "scenario", "input_shapes", "batch_size")
    if not reading.has(whole, *keys):
        return about.batch
    return int(reading.number(path, reading.at(path, whole, *keys), "batch_size"))


def _forward(
    path: Path, report: object, batch: int, about: reading.About
) -> BatchProfile:
    def seconds(name: str) -> float:
        stated = reading.at(path, report, "forward", "latency", name)
        return reading.number(path, stated, f"forward.latency.{name}")

    if reading.at(path, report, "forward", "latency", "unit") != "s":
        raise reading.wrong(path, "forward.latency.unit is not 's'")
    return BatchProfile(
        model=about.model,
        variant=about.variant,
        device=about.device,
        device_count=about.device_count,
        points=(
            ServicePoint(
                batch=batch,
                p50_s=seconds("p50"),
                mean_s=seconds("mean"),
                p90_s=seconds("p90"),
                p95_s=seconds("p95"),
                p99_s=seconds("p99"),
            ),
        ),
        evidence=reading.evidence(path, about, "optimum-benchmark"),
    )


def _token_rates(path: Path, report: object, about: reading.About) -> TokenRates:
    def tokens_per_s(phase: str) -> float:
        if reading.at(path, report, phase, "throughput", "unit") != "tokens/s":
            raise reading.wrong(path, f"{phase}.throughput.unit is not 'tokens/s'")
        stated = reading.at(path, report, phase, "throughput", "value")
        return reading.number(path, stated, f"{phase}.throughput.value")

    return TokenRates(
        model=about.model,
        variant=about.variant,
        device=about.device,
        device_count=about.device_count,
        prompt_tokens_per_s=tokens_per_s("prefill"),
        output_tokens_per_s=tokens_per_s("decode"),
        evidence=reading.evidence(path, about, "optimum-benchmark"),
    )
