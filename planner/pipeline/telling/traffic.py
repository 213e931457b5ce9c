"""Traffic that was read from a trace: what it is taken for, and what that leaves out."""

import datetime as dt
from collections.abc import Iterable
from typing import Final

from planner.pipeline.asking.traces import span_words
from planner.specs.deployment import Deployment
from planner.specs.plan import EvidenceLine
from planner.specs.traffic import Spread, TraceSeen, TraceTraffic
from planner.specs.workloads import Workload

# A size whose deviation is half its mean: its p95 is near twice the mean, and a queue
# behind it waits (1 + 0.25)/1 times as long as behind equal ones (Pollaczek-Khinchine).
MATTERS_RATIO: Final = 0.5
# Means further apart than this are not the same payload.
APART_FRAC: Final = 0.1


def trace_cautions(spec: Deployment) -> Iterable[str]:
    """How each trace is read, and where its sizes are more than their means."""
    for w in spec.workloads:
        if isinstance(w.traffic, TraceTraffic):
            yield _read_as(w.name, w.traffic)
            yield from _sizes(w, w.traffic.read)


def trace_evidence(spec: Deployment, today: dt.date) -> Iterable[EvidenceLine]:
    """Which file each workload's rates come from; without a date it is today's."""
    for w in spec.workloads:
        if not isinstance(w.traffic, TraceTraffic):
            continue
        seen = w.traffic.read
        yield EvidenceLine(
            what=f"traffic of {w.name}",
            provenance="measured",
            source=f"trace {w.traffic.file}: {seen.n_requests:,} requests over "
            f"{_span(seen)}; sha256 {seen.sha256}",
            as_of=seen.first_at.date() if seen.first_at else today,
        )


def _span(seen: TraceSeen) -> str:
    words = span_words(seen.span_s)
    if seen.first_at is None:
        return words
    start = seen.first_at.astimezone(dt.UTC)
    end = start + dt.timedelta(seconds=seen.span_s)
    return f"{words}, {start:%a %Y-%m-%d %H:%M} to {end:%a %Y-%m-%d %H:%M} UTC"


def _read_as(name: str, traffic: TraceTraffic) -> str:
    seen = traffic.read
    hours, covered = len(seen.rates_rps), len(seen.covered_hours)
    taken = "its mean rate is taken for every hour of the month"
    if hours > 1:
        period = "every week" if hours > 24 else "every day"
        taken = f"{period} is taken to be like it"
    if covered < hours and hours > 1:
        other = (traffic.other_hours_ratio or 0.0) * traffic.scale_ratio
        taken += (
            f"; it covers {covered} of {hours} hours, and the others are taken to have "
            f"{other:g} times its mean rate, which nobody saw"
        )
    times = "" if traffic.scale_ratio == 1 else f", {traffic.scale_ratio:g} times"
    return (
        f"{name}: the trace {traffic.file} covers {_span(seen)}{times}: {taken}; what "
        "comes at other times of the year is not in it"
    )


def _sizes(w: Workload, seen: TraceSeen) -> Iterable[str]:
    stated: tuple[tuple[str, Spread | None, float | None], ...] = (
        ("request_kib", seen.request_kib, w.payload.request_kib),
        ("prompt_tokens", seen.prompt_tokens, w.payload.prompt_tokens),
        ("output_tokens", seen.output_tokens, w.payload.output_tokens),
    )
    for field, spread, used in stated:
        if spread is None or used is None:
            continue
        if abs(used - spread.mean) > APART_FRAC * spread.mean:
            yield (
                f"{w.name}: payload.{field} says {used:g}, and the mean of its trace is "
                f"{spread.mean:.4g}: capacities are computed for {used:g}"
            )
        if spread.variation_ratio >= MATTERS_RATIO:
            yield (
                f"{w.name}: {field} of its trace vary (mean {spread.mean:.4g}, half "
                f"below {spread.p50:.4g}, 1 in 20 above {spread.p95:.4g}): capacities "
                f"are computed for {used:.4g} each, and only a trial on the trace's own "
                "requests sees the large ones"
            )
