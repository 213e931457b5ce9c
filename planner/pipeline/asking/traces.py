"""A document's traces read: what each stands for, its rates, its bursts, its sizes.

What a file says is written into the document (`traffic.seen`), so that a plan carries
all that it was made from; the file itself is only needed to try a plan on its own
stamps. How it is read:

    week, day      rate of an hour = requests in it / time that the trace covers of it,
                   for hours covered for LEAST_COVERED_S at least; the others have
                   other_hours_ratio times the trace's mean rate
    every_hour     the trace's mean rate

Sizes that the document leaves out (payload.request_kib, prompt_tokens, output_tokens)
are the trace's means. Whatever could be meant in two ways is refused.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from planner.errors import MissingExtraError, Mistake, SpecFileError, SpecMistakesError
from planner.simulate.arrays import Floats
from planner.simulate.fit import burstiness, by_hour
from planner.specs.deployment import Deployment
from planner.specs.edit import with_values
from planner.specs.shapes import H_PER_DAY, H_PER_WEEK
from planner.specs.traces import Trace, TraceFile, read_traces
from planner.specs.traffic import Burstiness, Spread, TraceSeen, TraceTraffic
from planner.specs.workloads import Workload
from planner.units import S_PER_H

# Less of an hour than this says little about it.
LEAST_COVERED_S: Final = 600.0
CYCLE_H: Final[Mapping[str, int]] = {
    "every_hour": 1,
    "day": H_PER_DAY,
    "week": H_PER_WEEK,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WithTraces:
    """A document whose traces were read, and those traces by workload."""

    spec: Deployment
    traces: Mapping[str, Trace]


def with_traces(spec: Deployment, folder: Path) -> WithTraces:
    """The document with what its traces say; their files are relative to `folder`.

    Raises:
        SpecMistakesError: Files that cannot be read, that changed since the document
            was written, or that could be meant in two ways.
        MissingExtraError: Parquet, and nothing here that reads it.
    """
    changes: dict[str, object] = {}
    traces: dict[str, Trace] = {}
    mistakes: list[Mistake] = []
    files: dict[str, TraceFile] = {}
    for i, w in enumerate(spec.workloads):
        if not isinstance(w.traffic, TraceTraffic):
            continue
        path = f"workloads.{i}"
        try:
            trace = dated(_read(w, w.traffic, folder, files), w.traffic)
        except SpecFileError as error:
            mistakes.append(Mistake(path=f"{path}.traffic.file", problem=str(error)))
            continue
        found = list(_mistakes(path, w, w.traffic, trace))
        mistakes += found
        if not found:
            traces[w.name] = trace
            changes |= _changes(path, w, w.traffic, trace)
    if mistakes:
        raise SpecMistakesError(spec.name, tuple(mistakes))
    return WithTraces(
        spec=with_values(spec, changes) if changes else spec, traces=traces
    )


def _read(
    w: Workload, traffic: TraceTraffic, folder: Path, files: dict[str, TraceFile]
) -> Trace:
    """The workload's requests in its file, which is read once for all who name it.

    Raises:
        SpecFileError: It cannot be read, or tells workloads apart and not this one.
        MissingExtraError: Parquet, and nothing here that reads it.
    """
    file = traffic.file
    if file not in files:
        files[file] = read_traces(folder / file)
    return files[file].of(w.name)


def traces_at_hand(spec: Deployment, folders: Sequence[Path]) -> dict[str, Trace]:
    """The traces of a plan's document that lie in `folders`, as they were.

    Each is taken from the first folder with its file.

    Raises:
        SpecMistakesError: A file that is not what the plan was made from.
    """
    found: dict[str, Trace] = {}
    files: dict[str, TraceFile] = {}
    for i, w in enumerate(spec.workloads):
        if not isinstance(w.traffic, TraceTraffic):
            continue
        try:
            file = w.traffic.file
            folder = next((f for f in folders if (f / file).is_file()), None)
            if folder is None:
                continue
            trace = dated(_read(w, w.traffic, folder, files), w.traffic)
        except (SpecFileError, MissingExtraError, ValueError) as error:
            mistake = Mistake(path=f"workloads.{i}.traffic.file", problem=str(error))
            raise SpecMistakesError(spec.name, (mistake,)) from None
        mistakes = tuple(_changed(f"workloads.{i}", w.traffic, trace))
        if mistakes:
            raise SpecMistakesError(spec.name, mistakes)
        found[w.name] = trace
    return found


def dated(trace: Trace, traffic: TraceTraffic) -> Trace:
    """The trace with the date that the document gives its clock, if it has none."""
    if trace.starts_at is not None or traffic.starts_at is None:
        return trace
    return replace(trace, starts_at=traffic.starts_at.astimezone(dt.UTC))


def _mistakes(
    path: str, w: Workload, traffic: TraceTraffic, trace: Trace
) -> Iterable[Mistake]:
    yield from _changed(path, traffic, trace)
    yield from _ambiguous(path, traffic, trace)
    needs_tokens = w.slo.ttft_ms is not None and w.payload.prompt_tokens is None
    if needs_tokens and (trace.prompt_tokens is None or trace.output_tokens is None):
        yield Mistake(
            path=f"{path}.payload",
            problem="the promise counts tokens, and neither the payload nor the trace does",
            way_out="give payload.prompt_tokens and payload.output_tokens, or columns "
            "prompt_tokens and output_tokens in the trace",
        )


def _changed(path: str, traffic: TraceTraffic, trace: Trace) -> Iterable[Mistake]:
    if traffic.seen is not None and traffic.seen.sha256 != trace.sha256:
        yield Mistake(
            path=f"{path}.traffic.seen",
            problem=f"{traffic.file} is not the file that was read before "
            f"(sha256 {trace.sha256[:12]}…, then {traffic.seen.sha256[:12]}…)",
            way_out="bring that file back, or remove `seen` and plan anew",
        )


def _ambiguous(path: str, traffic: TraceTraffic, trace: Trace) -> Iterable[Mistake]:
    stands_for = _stands_for(traffic, trace)
    span = span_words(trace.span_s)
    if stands_for is None:
        dates = "" if trace.starts_at else " of a clock without a date"
        yield Mistake(
            path=f"{path}.traffic.stands_for",
            problem=f"the trace covers {span}{dates}, and a month has 730 h",
            way_out="say what it stands for: every_hour (its mean rate, always), or day "
            "or week with other_hours_ratio for the hours it does not cover"
            + ("" if trace.starts_at else ", and starts_at for its clock"),
        )
        return
    if stands_for == "every_hour":
        return
    if trace.starts_at is None:
        yield Mistake(
            path=f"{path}.traffic.starts_at",
            problem=f"the trace stands for a {stands_for}, and its clock has no date: "
            "which hours it covers is not known",
            way_out="give the instant of its first request, as in "
            "starts_at: 2026-11-23T08:00:00Z",
        )
        return
    cycle = CYCLE_H[stands_for]
    missing = cycle - len(_covered_hours(trace, cycle))
    if missing and traffic.other_hours_ratio is None:
        yield Mistake(
            path=f"{path}.traffic.other_hours_ratio",
            problem=f"of the {cycle} hours of a {stands_for} the trace covers "
            f"{cycle - missing} ({span}), and nothing says what comes in the others",
            way_out="give it: 0 (nothing), 1 (its mean rate), or what you expect; or "
            "stands_for: every_hour",
        )


def _stands_for(traffic: TraceTraffic, trace: Trace) -> str | None:
    if traffic.stands_for is not None:
        return traffic.stands_for
    if trace.starts_at is None:
        return None
    hours = trace.span_s / S_PER_H
    return next((s for s in ("week", "day") if hours >= CYCLE_H[s]), None)


def _covered_hours(trace: Trace, cycle_h: int) -> tuple[int, ...]:
    covered_s = by_hour(trace, cycle_h).covered_s
    return tuple(int(h) for h in np.flatnonzero(covered_s >= LEAST_COVERED_S))


def _changes(
    path: str, w: Workload, traffic: TraceTraffic, trace: Trace
) -> dict[str, object]:
    """What the trace says, by field of the document."""
    if traffic.seen is not None:
        # It was read before, from the same file: what was made of it then stands.
        return {}
    stands_for = _stands_for(traffic, trace) or "every_hour"
    seen = _seen(traffic, trace, CYCLE_H[stands_for])
    changes: dict[str, object] = {
        f"{path}.traffic.seen": seen.model_dump(mode="json", exclude_none=True),
        f"{path}.traffic.stands_for": stands_for,
    }
    sizes = w.payload.model_fields_set
    if seen.request_kib is not None and "request_kib" not in sizes:
        changes[f"{path}.payload.request_kib"] = seen.request_kib.mean
    if seen.prompt_tokens and seen.output_tokens and w.payload.prompt_tokens is None:
        for field, spread in (
            ("prompt_tokens", seen.prompt_tokens),
            ("output_tokens", seen.output_tokens),
        ):
            changes[f"{path}.payload.{field}"] = max(round(spread.mean), 1)
    return changes


def _seen(traffic: TraceTraffic, trace: Trace, cycle_h: int) -> TraceSeen:
    covered = _covered_hours(trace, cycle_h) if cycle_h > 1 else ()
    rates = by_hour(trace, cycle_h).rates_rps
    if cycle_h > 1:
        other_rps = trace.rate_rps * (traffic.other_hours_ratio or 0.0)
        is_covered = np.isin(np.arange(cycle_h), covered)
        rates = np.where(is_covered, rates, other_rps)
    ratio, time_scale_s = burstiness(trace)
    return TraceSeen(
        sha256=trace.sha256,
        first_at=trace.starts_at,
        span_s=trace.span_s,
        n_requests=trace.n_requests,
        rates_rps=tuple(_rounded(float(r)) for r in rates),
        covered_hours=covered,
        burstiness=Burstiness(
            dispersion_ratio=_rounded(ratio), time_scale_s=_rounded(time_scale_s)
        )
        if ratio > 1
        else None,
        request_kib=_spread(trace.request_kib),
        prompt_tokens=_spread(trace.prompt_tokens),
        output_tokens=_spread(trace.output_tokens),
    )


def _spread(sizes: Floats | None) -> Spread | None:
    if sizes is None or not sizes.any():
        return None
    mean = float(sizes.mean())
    return Spread(
        mean=_rounded(mean),
        p50=_rounded(float(np.quantile(sizes, 0.5))),
        p95=_rounded(float(np.quantile(sizes, 0.95))),
        variation_ratio=_rounded(float(sizes.std()) / mean),
    )


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def span_words(span_s: float) -> str:
    """A length of time.

    Example:
        >>> span_words(7140.0), span_words(90.0), span_words(8 * 86400.0)
        ('1.98 h', '1.5 min', '8 days')
    """
    if span_s >= 2 * H_PER_DAY * S_PER_H:
        return f"{span_s / (H_PER_DAY * S_PER_H):.3g} days"
    return (
        f"{span_s / S_PER_H:.3g} h" if span_s >= S_PER_H else f"{span_s / 60:.3g} min"
    )
