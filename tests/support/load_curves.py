"""Load curves of an engine whose steps are known: fixed, and more for each in flight."""

import datetime as dt
from collections.abc import Sequence

from planner.domain.evidence import Evidence, Provenance
from planner.domain.profiles import LoadCurve, LoadPoint
from planner.domain.variants import Precision, Runtime, Variant


def engine_curve(
    in_flight: Sequence[int], *, fixed_s: float, each_s: float, output: int
) -> LoadCurve:
    """Measured with so many in flight all the time; the first token takes one step."""
    return LoadCurve(
        model="m",
        variant=Variant(precision=Precision.FP16, runtime=Runtime.VLLM),
        device="d",
        prompt_tokens=512,
        output_tokens=output,
        points=tuple(_point(n, fixed_s + each_s * n, output) for n in in_flight),
        evidence=Evidence(
            provenance=Provenance.IMPORTED,
            source="made up for a test",
            as_of=dt.date(2026, 1, 1),
            error_frac=0.0,
        ),
    )


def _point(in_flight: int, step_s: float, output: int) -> LoadPoint:
    answer_s = output * step_s
    return LoadPoint(
        concurrency=in_flight,
        rate_rps=in_flight / answer_s,
        ttft_p50_s=step_s,
        ttft_p95_s=step_s,
        ttft_p99_s=step_s,
        tpot_p50_s=step_s,
        tpot_p95_s=step_s,
        tpot_p99_s=step_s,
        e2e_p50_s=answer_s,
        e2e_p95_s=answer_s,
        e2e_p99_s=answer_s,
        output_tokens_per_s=in_flight / step_s,
    )
