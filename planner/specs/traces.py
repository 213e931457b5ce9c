"""Traces of requests: a table of instants or of counts, read once and checked.

A CSV (`.gz` is read) or Parquet file names its columns; case does not matter, others
are ignored:

    instants   timestamp_s, timestamp_ms, or timestamp (ISO 8601, UTC unless it says)
    counts     second, minute or hour (its number) with requests
    optional   prompt_tokens, output_tokens (also under the names of public traces),
               request_kib; workload, where one file holds the requests of several

Requests of several workloads are on one clock: each is a trace of its own from the
file's first instant to its last. Instants need not be in order; they count from the first one, whose date is kept where
it has one (numbers are dates from EPOCH_FROM_S on). Counts are spread evenly at random
over their interval by whoever simulates them.
"""

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from planner.errors import SpecFileError
from planner.specs.trace_rows import (
    Column,
    Flags,
    Floats,
    Names,
    Reading,
    instant_s,
    milliseconds_s,
    read_rows,
    shown,
)
from planner.units import S_PER_H

S_PER_MINUTE: Final = 60.0
S_PER_DAY: Final = 24 * S_PER_H
# A year says what there is to say; one wrong stamp makes centuries.
MOST_SPAN_S: Final = 366 * S_PER_DAY
# 2001-09-09: numbers of seconds from there on are Unix time, smaller ones a clock of
# the trace's own.
EPOCH_FROM_S: Final = 1e9
LAST_S: Final = 253_402_300_799.0  # 9999-12-31, the last that a date can hold

PROMPT: Final = ("prompt_tokens", "contexttokens", "input_length")
OUTPUT: Final = ("output_tokens", "generatedtokens", "output_length")
SIZE: Final = ("request_kib",)
COUNT: Final = ("requests",)
WORKLOAD: Final = "workload"
# Names in a sentence.
MOST_SHOWN: Final = 8
INTERVALS_S: Final[Mapping[str, float]] = {
    "second": 1.0,
    "minute": S_PER_MINUTE,
    "hour": S_PER_H,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """Requests by instant, or by interval where only counts are known.

    `at_s` ascends from 0, which is `starts_at` (None: a clock without a date). With
    counts it holds the intervals' starts, `counts` the requests in each, and `span_s`
    ends with the last interval, each of `interval_s`. Of a file of several workloads it
    is one's part: the clock and the span are the file's. Sizes are None where the file has none; `sha256` is
    the file's.
    """

    name: str
    at_s: Floats
    span_s: float
    counts: Floats | None = None
    interval_s: float = 0.0
    prompt_tokens: Floats | None = None
    output_tokens: Floats | None = None
    request_kib: Floats | None = None
    starts_at: dt.datetime | None = None
    sha256: str = ""

    @property
    def n_requests(self) -> int:
        """Requests in all."""
        return self.at_s.size if self.counts is None else int(self.counts.sum())

    @property
    def rate_rps(self) -> float:
        """Mean rate."""
        return self.n_requests / self.span_s

    def between(self, from_s: float, until_s: float) -> "Trace":
        """A stretch of it, as a trace of its own that starts at `from_s`."""
        part = self.only((self.at_s >= from_s) & (self.at_s < until_s))
        starts_at = self.starts_at
        return replace(
            part,
            at_s=part.at_s - from_s,
            span_s=min(until_s, self.span_s) - from_s,
            starts_at=starts_at and starts_at + dt.timedelta(seconds=from_s),
        )

    def only(self, which: Flags) -> "Trace":
        """Those of its rows, on the same clock and over the same span."""

        def part(column: Floats | None) -> Floats | None:
            return None if column is None else column[which]

        return replace(
            self,
            at_s=self.at_s[which],
            counts=part(self.counts),
            prompt_tokens=part(self.prompt_tokens),
            output_tokens=part(self.output_tokens),
            request_kib=part(self.request_kib),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFile:
    """What a file holds: one trace under the name "", or one by workload."""

    path: Path
    traces: Mapping[str, Trace]

    @property
    def workloads(self) -> tuple[str, ...]:
        """The workloads that it tells apart; none where it has no such column."""
        return tuple(name for name in self.traces if name)

    def of(self, workload: str) -> Trace:
        """The workload's requests: all of them where the file does not tell them apart.

        Raises:
            SpecFileError: It tells them apart and has none of that workload's.
        """
        found = self.traces.get(workload if self.workloads else "")
        if found is None:
            problem = f"has no requests of {shown(workload)} in its column {WORKLOAD}, "
            problem += f"which names: {self.names}"
            raise SpecFileError(problem, str(self.path))
        return found

    @property
    def names(self) -> str:
        """The first of its workloads, in words."""
        names = [shown(name) for name in self.workloads]
        return ", ".join(names[:MOST_SHOWN]) + (", …" if names[MOST_SHOWN:] else "")


def read_trace(path: Path, workload: str = "") -> Trace:
    """The trace at `path`, or that workload's part of it; as `read_traces`."""
    return read_traces(path).of(workload)


def read_traces(path: Path) -> TraceFile:
    """The trace at `path`, or the traces, where it names their workloads.

    Raises:
        SpecFileError: Missing, not a table, without a time column, or with rows that
            make no sense; the sentence names the line.
        MissingExtraError: Parquet, and nothing here that reads it.
    """
    chosen: dict[str, str] = {}
    known = Names(path)

    def choose(names: Sequence[str]) -> Sequence[Column]:
        header = {name.strip().lower(): name for name in names}
        columns = _columns(header, path)
        if WORKLOAD in header:
            columns["who"] = Column(name=header[WORKLOAD], read=known)
        chosen.update({key: c.name.strip().lower() for key, c in columns.items()})
        return tuple(columns.values())

    rows = read_rows(path, choose)
    if rows.size == 0:
        raise SpecFileError("has a header and no requests", str(path))
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    found = {key: rows[:, i] for i, key in enumerate(chosen)}
    trace = replace(_whole(path, chosen["time"], found), sha256=_sha256(path))
    if "who" not in found:
        return TraceFile(path=path, traces={"": trace})
    return TraceFile(path=path, traces=_apart(path, trace, found["who"], known.found))


def _apart(
    path: Path, trace: Trace, who: Floats, names: Mapping[str, int]
) -> Mapping[str, Trace]:
    """Each workload's part; `who` is the number of each row's name."""
    parts = {name: trace.only(who == names[name]) for name in sorted(names)}
    for name, part in parts.items():
        if not part.n_requests:
            raise SpecFileError(f"counts no requests of {shown(name)}", str(path))
    return parts


def _whole(path: Path, time: str, found: Mapping[str, Floats]) -> Trace:
    interval_s = INTERVALS_S.get(time)
    if interval_s is not None:
        trace = _of_counts(path, found, interval_s)
    else:
        trace = _of_instants(path, found, is_dated=time == "timestamp")
    if trace.span_s > MOST_SPAN_S:
        days = trace.span_s / S_PER_DAY
        problem = f"spans {days:,.0f} days; give at most {MOST_SPAN_S / S_PER_DAY:.0f}"
        raise SpecFileError(problem, str(path))
    return trace


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _of_instants(path: Path, found: Mapping[str, Floats], *, is_dated: bool) -> Trace:
    first_s = float(found["time"][0])
    at_s = found["time"] - first_s
    if at_s[-1] <= 0:
        raise SpecFileError("all its requests have one instant", str(path))
    is_dated = is_dated or EPOCH_FROM_S <= first_s <= LAST_S
    return Trace(
        name=path.name,
        at_s=at_s,
        # As if one more request came after the usual gap.
        span_s=float(at_s[-1]) * at_s.size / (at_s.size - 1),
        prompt_tokens=found.get("prompt"),
        output_tokens=found.get("output"),
        request_kib=found.get("kib"),
        starts_at=dt.datetime.fromtimestamp(first_s, dt.UTC) if is_dated else None,
    )


def _of_counts(path: Path, found: Mapping[str, Floats], interval_s: float) -> Trace:
    number, counts = found["time"], found["count"]
    who = found.get("who", np.zeros(number.size))
    if len(np.unique(np.stack((who, number)), axis=1).T) < number.size:
        raise SpecFileError("an interval is given twice", str(path))
    if not counts.any():
        raise SpecFileError("counts no requests at all", str(path))
    at_s = (number - number[0]) * interval_s
    return Trace(
        name=path.name,
        at_s=at_s,
        span_s=float(at_s[-1]) + interval_s,
        counts=np.rint(counts),
        interval_s=interval_s,
    )


def _columns(header: Mapping[str, str], path: Path) -> dict[str, Column]:
    time = _time(header, path)
    sizes = {"prompt": PROMPT, "output": OUTPUT, "kib": SIZE}
    if time.name.strip().lower() in INTERVALS_S:
        sizes = {"count": COUNT}
        if COUNT[0] not in header:
            problem = f"a column {shown(time.name)} needs a column 'requests' beside it"
            raise SpecFileError(problem, str(path))
    columns = {"time": time}
    for key, names in sizes.items():
        name = next((header[n] for n in names if n in header), None)
        if name is not None:
            columns[key] = Column(name=name)
    return columns


def _time(header: Mapping[str, str], path: Path) -> Column:
    readings: Mapping[str, Reading] = {
        "timestamp_s": float,
        "timestamp_ms": milliseconds_s,
        "timestamp": instant_s,
        **dict.fromkeys(INTERVALS_S, float),
    }
    for name, read in readings.items():
        if name in header:
            return Column(name=header[name], read=read)
    raise SpecFileError(
        "has no column timestamp_s, timestamp_ms or timestamp (nor second, minute or "
        f"hour with requests); its header is: {shown(', '.join(header)) or '(empty)'}",
        str(path),
    )
