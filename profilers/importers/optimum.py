"""optimum-benchmark: `benchmark.json` or `benchmark_report.json`, seconds.

A forward pass is a batch's service time; prefill and decode are token rates, of one
request at a time. The batch size stands in the configuration, if the file has it, and
follows from the samples per second: it counts a batch's over the mean time.
"""

from pathlib import Path

from planner.domain.profiles import BatchProfile, Profile, ServicePoint, TokenRates
from planner.domain.variants import Runtime
from profilers.importers import _reading as reading

about = "optimum-benchmark JSON: forward, or prefill and decode"
runtime: Runtime | None = None
asks_batch = True

_SHAPES = ("config", "scenario", "input_shapes")
_BEAMS = ("config", "scenario", "generate_kwargs", "num_beams")
# Rates and times are written with all their digits.
_ROUNDING_FRAC = 0.01


def read(path: Path, about: reading.About) -> tuple[Profile, ...]:
    """The profile of the report.

    Raises:
        SpecFileError: It is no such file, measured neither, or says nothing of batches.
    """
    whole = reading.document(path)
    report = (
        reading.at(path, whole, "report") if reading.has(whole, "report") else whole
    )
    if reading.has(report, "forward", "latency"):
        batch = _batch(path, whole, report, "forward", about)
        return (_forward(path, report, batch, about),)
    if reading.has(report, "prefill") and reading.has(report, "decode"):
        batch = _batch(path, whole, report, "prefill", about)
        if batch != 1:
            raise reading.wrong(
                path, f"batch size {batch}: token rates are those of one request"
            )
        if reading.found(whole, *_BEAMS) not in {None, 1}:
            raise reading.wrong(path, "num_beams: it counts every beam's tokens")
        return (_token_rates(path, whole, report, about),)
    raise reading.wrong(path, "it reports neither 'forward' nor 'prefill' and 'decode'")


def _batch(
    path: Path, whole: object, report: object, phase: str, about: reading.About
) -> int:
    stated = reading.found(whole, *_SHAPES, "batch_size")
    if stated is not None:
        batch = reading.count(path, stated, "batch_size")
    elif reading.found(report, phase, "throughput", "unit") == "samples/s":
        batch = _counted(path, report, phase)
    elif about.batch is not None:
        return about.batch
    else:
        raise reading.wrong(path, "it does not state its batch size: say --batch")
    if about.batch not in {None, batch}:
        raise reading.wrong(
            path, f"its batches are of {batch}: --batch {about.batch} is another size"
        )
    return batch


def _counted(path: Path, report: object, phase: str) -> int:
    rate, mean_s = (
        reading.number(path, reading.at(path, report, phase, *keys), ".".join(keys))
        for keys in (("throughput", "value"), ("latency", "mean"))
    )
    batch = round(rate * mean_s)
    if batch < 1 or abs(rate * mean_s - batch) > batch * _ROUNDING_FRAC:
        raise reading.wrong(
            path, f"{phase}: {rate:g} samples/s at {mean_s:g} s make no whole batch"
        )
    return batch


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


def _token_rates(
    path: Path, whole: object, report: object, about: reading.About
) -> TokenRates:
    def rate(phase: str, *units: str) -> tuple[float, str]:
        unit = str(reading.at(path, report, phase, "throughput", "unit"))
        if unit not in units:
            raise reading.wrong(
                path, f"{phase}.throughput.unit is {unit!r}, not {' or '.join(units)}"
            )
        stated = reading.at(path, report, phase, "throughput", "value")
        return reading.number(path, stated, f"{phase}.throughput.value"), unit

    # Newer versions count prompts, older ones their tokens.
    prompts_per_s, unit = rate("prefill", "tokens/s", "samples/s")
    tokens = 1 if unit == "tokens/s" else _prompt_tokens(path, whole)
    return TokenRates(
        model=about.model,
        variant=about.variant,
        device=about.device,
        device_count=about.device_count,
        prompt_tokens_per_s=prompts_per_s * tokens,
        output_tokens_per_s=rate("decode", "tokens/s")[0],
        evidence=reading.evidence(path, about, "optimum-benchmark"),
    )


def _prompt_tokens(path: Path, whole: object) -> int:
    stated = reading.found(whole, *_SHAPES, "sequence_length")
    if stated is None:
        raise reading.wrong(
            path,
            "prefill is in samples/s and nothing says how long a sample is; give "
            "benchmark.json, which holds the configuration",
        )
    return reading.count(path, stated, "sequence_length")
