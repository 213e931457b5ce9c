"""Traces of requests: a table of instants or of counts, read once and checked.

A CSV (`.gz` is read) or Parquet file names its columns; case does not matter, others
are ignored:

    instants   timestamp_s, timestamp_ms, or timestamp (ISO 8601, UTC unless it says)
    counts     second, minute or hour (its number) with requests
    optional   prompt_tokens, output_tokens (also under the names of public traces),
               request_kib

Instants need not be in order; they count from the first one, whose date is kept where
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
    Floats,
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
    ends with the last interval. Sizes are None where the file has none; `sha256` is
    the file's.
    """

    name: str
    at_s: Floats
    span_s: float
    counts: Floats | None = None
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
        inside = (self.at_s >= from_s) & (self.at_s < until_s)

        def part(column: Floats | None) -> Floats | None:
            return None if column is None else column[inside]

        starts_at = self.starts_at
        return replace(
            self,
            at_s=self.at_s[inside] - from_s,
            span_s=min(until_s, self.span_s) - from_s,
            counts=part(self.counts),
            prompt_tokens=part(self.prompt_tokens),
            output_tokens=part(self.output_tokens),
            request_kib=part(self.request_kib),
            starts_at=starts_at and starts_at + dt.timedelta(seconds=from_s),
        )


def read_trace(path: Path) -> Trace:
    """The trace at `path`.

    Raises:
        SpecFileError: Missing, not a table, without a time column, or with rows that
            make no sense; the sentence names the line.
        MissingExtraError: Parquet, and nothing here that reads it.
    """
    chosen: dict[str, str] = {}

    def choose(names: Sequence[str]) -> Sequence[Column]:
        header = {name.strip().lower(): name for name in names}
        columns = _columns(header, path)
        chosen.update({key: c.name.strip().lower() for key, c in columns.items()})
        return tuple(columns.values())

    rows = read_rows(path, choose)
    if rows.size == 0:
        raise SpecFileError("has a header and no requests", str(path))
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    found = {key: rows[:, i] for i, key in enumerate(chosen)}
    interval_s = INTERVALS_S.get(chosen["time"])
    if interval_s is not None:
        trace = _of_counts(path, found["time"], interval_s, found["count"])
    else:
        trace = _of_instants(path, found, is_dated=chosen["time"] == "timestamp")
    if trace.span_s > MOST_SPAN_S:
        days = trace.span_s / S_PER_DAY
        problem = f"spans {days:,.0f} days; give at most {MOST_SPAN_S / S_PER_DAY:.0f}"
        raise SpecFileError(problem, str(path))
    return replace(trace, sha256=_sha256(path))


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


def _of_counts(path: Path, number: Floats, interval_s: float, counts: Floats) -> Trace:
    if np.any(np.diff(number) <= 0):
        raise SpecFileError("an interval is given twice", str(path))
    if not counts.any():
        raise SpecFileError("counts no requests at all", str(path))
    at_s = (number - number[0]) * interval_s
    return Trace(
        name=path.name,
        at_s=at_s,
        span_s=float(at_s[-1]) + interval_s,
        counts=np.rint(counts),
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
