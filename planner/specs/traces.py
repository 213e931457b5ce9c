"""Traces of requests: a CSV of instants or of counts, read once and checked.

A header names the columns; case does not matter, others are ignored, `.gz` is read:

    instants   timestamp_s, timestamp_ms, or timestamp (ISO 8601, UTC unless it says)
    counts     second, minute or hour (its number) with requests
    optional   prompt_tokens, output_tokens (also under the names of public traces),
               request_kib

Instants need not be in order; they count from the first one. Counts are spread evenly
at random over their interval by whoever simulates them.
"""

import csv
import datetime as dt
import gzip
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from planner.errors import SpecFileError
from planner.units import MS_PER_S, S_PER_H

Floats = npt.NDArray[np.float64]

MOST_ROWS: Final = 20_000_000
S_PER_MINUTE: Final = 60.0

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

    `at_s` ascends from 0. With counts it holds the intervals' starts, `counts` the
    requests in each, and `span_s` ends with the last interval. Sizes are None where
    the file has none.
    """

    name: str
    at_s: Floats
    span_s: float
    counts: Floats | None = None
    prompt_tokens: Floats | None = None
    output_tokens: Floats | None = None
    request_kib: Floats | None = None

    @property
    def n_requests(self) -> int:
        """Requests in all."""
        return self.at_s.size if self.counts is None else int(self.counts.sum())

    @property
    def rate_rps(self) -> float:
        """Mean rate."""
        return self.n_requests / self.span_s


def read_trace(path: Path) -> Trace:
    """The trace at `path`.

    Raises:
        SpecFileError: Missing, not CSV, without a time column, or with a row that
            makes no sense; the sentence names the row.
    """
    try:
        with _opened(path) as stream:
            return _parsed(path, csv.DictReader(stream))
    except FileNotFoundError:
        raise SpecFileError("no such file", str(path)) from None
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        sentence = f"cannot be read as CSV: {error}"
        raise SpecFileError(sentence, str(path)) from None


def _opened(path: Path) -> io.TextIOBase:
    if path.suffix.lower() == ".parquet":
        raise SpecFileError(
            "Parquet is not read here; write the trace as CSV with a timestamp_s column",
            str(path),
        )
    if path.suffix.lower() == ".gz":
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _parsed(path: Path, reader: "csv.DictReader[str]") -> Trace:
    header = {name.strip().lower(): name for name in reader.fieldnames or ()}
    time_column, to_s = _time(header, path)
    interval_s = INTERVALS_S.get(time_column)
    sizes = {"prompt": PROMPT, "output": OUTPUT, "kib": SIZE}
    if interval_s is not None:
        sizes = {"count": COUNT}
        if COUNT[0] not in header:
            problem = f"a column '{time_column}' needs a column 'requests' beside it"
            raise SpecFileError(problem, str(path))
    columns = {
        key: next((header[n] for n in names if n in header), None)
        for key, names in sizes.items()
    }
    known = [key for key, column in columns.items() if column is not None]
    wanted = [header[time_column], *(columns[key] or "" for key in known)]
    rows = np.array(list(_rows(path, reader, wanted, to_s)), dtype=np.float64)
    if rows.size == 0:
        raise SpecFileError("has a header and no requests", str(path))
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    found = {key: rows[:, i + 1] for i, key in enumerate(known)}
    if interval_s is not None:
        return _of_counts(path, rows[:, 0], interval_s, found["count"])
    at_s = rows[:, 0] - rows[0, 0]
    if at_s[-1] <= 0:
        raise SpecFileError("all its requests have one instant", str(path))
    return Trace(
        name=path.name,
        at_s=at_s,
        # As if one more request came after the usual gap.
        span_s=float(at_s[-1]) * at_s.size / (at_s.size - 1),
        prompt_tokens=found.get("prompt"),
        output_tokens=found.get("output"),
        request_kib=found.get("kib"),
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


def _time(header: Mapping[str, str], path: Path) -> tuple[str, Callable[[str], float]]:
    for name, to_s in (
        ("timestamp_s", float),
        ("timestamp_ms", lambda text: float(text) / MS_PER_S),
        ("timestamp", _instant_s),
        *((interval, float) for interval in INTERVALS_S),
    ):
        if name in header:
            return name, to_s
    raise SpecFileError(
        "has no column timestamp_s, timestamp_ms or timestamp (nor second, minute or "
        f"hour with requests); its header is: {', '.join(header) or '(empty)'}",
        str(path),
    )


def _instant_s(text: str) -> float:
    """Seconds since 1970 of an ISO instant; digits beyond microseconds are dropped."""
    whole, point, fraction = text.strip().partition(".")
    digits = fraction[:6] if fraction.isdigit() else fraction
    at = dt.datetime.fromisoformat(f"{whole}{point}{digits}")
    return (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp()


def _rows(
    path: Path,
    reader: "csv.DictReader[str]",
    wanted: Sequence[str],
    to_s: Callable[[str], float],
) -> Iterator[list[float]]:
    for row in reader:
        line = reader.line_num
        if line > MOST_ROWS:
            raise SpecFileError(f"has more than {MOST_ROWS:,} rows", str(path))
        cells = [row[column] or "" for column in wanted]
        try:
            values = [to_s(cells[0]), *(float(c) for c in cells[1:])]
        except (ValueError, OverflowError):
            problem = f"line {line}: {', '.join(cells)!r} is not a request"
            raise SpecFileError(problem, str(path)) from None
        if not all(map(math.isfinite, values)) or min(values[1:], default=0.0) < 0:
            problem = f"line {line}: {', '.join(cells)!r} is not finite or negative"
            raise SpecFileError(problem, str(path))
        yield values
