"""Rows of a trace, CSV or Parquet, as numbers: bounded, checked, each with its place.

A file is data and nothing else: a cell is a number or an instant or it is refused,
whatever it looks like to a spreadsheet. Lines, rows and the words of a refusal are
bounded, so that a file of any size or content ends in rows or in a sentence. Of bad
rows the first is told with its line, the next ones by their lines alone.
"""

import csv
import datetime as dt
import gzip
import importlib.util
import io
import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from planner.errors import MissingExtraError, SpecFileError
from planner.units import MS_PER_S

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MOST_ROWS: Final = 20_000_000
# Longer than any row of numbers; a file without line ends is read no further.
MOST_LINE_CHARS: Final = 65_536
MOST_BAD_ROWS: Final = 5
SHOWN_CHARS: Final = 60
PARQUET_ROWS: Final = 65_536
# A column with more of them names requests, users or instants, not workloads.
MOST_NAMES: Final = 1_000

Reading = Callable[[str], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column by the name that the file gives it, and how its cells are read.

    The first column chosen is the time's, which may lie before 1970.
    """

    name: str
    read: Reading = float


class Names:
    """Reads names as numbers, each its place among those that were `found`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.found: dict[str, int] = {}

    def __call__(self, text: str) -> float:
        """The number of a name.

        Raises:
            ValueError: Empty.
            SpecFileError: One more than a file has workloads.
        """
        name = text.strip()
        if not name:
            raise ValueError("no name")
        if name not in self.found and len(self.found) == MOST_NAMES:
            problem = f"names more than {MOST_NAMES:,} workloads"
            raise SpecFileError(problem, str(self._path))
        return float(self.found.setdefault(name, len(self.found)))


Choose = Callable[[Sequence[str]], Sequence[Column]]


def read_rows(path: Path, choose: Choose) -> Floats:
    """The chosen columns, (row, column), in the file's order.

    Raises:
        SpecFileError: Missing, unreadable, or with rows that make no sense.
        MissingExtraError: Parquet, and nothing here that reads it.
    """
    try:
        if not path.is_file():
            problem = "is not a file" if path.exists() else "no such file"
            raise SpecFileError(problem, str(path))
        if path.suffix.lower() == ".parquet":
            return _from_parquet(path, choose)
        with _opened(path) as stream:
            return _from_csv(path, csv.reader(_lines(stream, path)), choose)
    except (OSError, EOFError, ValueError, csv.Error) as error:
        kind = "Parquet" if path.suffix.lower() == ".parquet" else "CSV"
        why = " ".join(str(error).split())[: 3 * SHOWN_CHARS]
        raise SpecFileError(f"cannot be read as {kind}: {why}", str(path)) from None


def instant_s(text: str) -> float:
    """Seconds since 1970 of an ISO instant, UTC unless it says.

    Digits beyond microseconds are dropped.

    Example:
        >>> instant_s("1970-01-02 00:00:01.1234567")
        86401.123456
    """
    whole, point, fraction = text.strip().partition(".")
    digits = fraction[:6] if fraction.isdigit() else fraction
    at = dt.datetime.fromisoformat(f"{whole}{point}{digits}")
    return (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp()


def milliseconds_s(text: str) -> float:
    """Seconds of a number of milliseconds."""
    return float(text) / MS_PER_S


def shown(text: str) -> str:
    """A foreign text for a sentence: quoted, without control characters, short."""
    cut = text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "…"
    return ascii(cut) if not cut.isprintable() else repr(cut)


@dataclass(slots=True)
class _Rows:
    """Numbers so far, flat, and the rows that are none."""

    path: Path
    width: int
    word: str
    values: "array[float]" = field(default_factory=lambda: array("d"))
    n_rows: int = 0
    bad: list[int] = field(default_factory=list)
    first: str = ""

    def add(self, place: int, cells: Sequence[str], read: Sequence[Reading]) -> None:
        self.n_rows += 1
        if self.n_rows > MOST_ROWS:
            raise SpecFileError(f"has more than {MOST_ROWS:,} rows", str(self.path))
        try:
            row = [r(c) for r, c in zip(read, cells, strict=True)]
        except (ValueError, OverflowError):
            self._refuse(place, cells, "is not a request")
            return
        if not all(map(math.isfinite, row)) or min(row[1:], default=0.0) < 0:
            self._refuse(place, cells, "is not finite or negative")
            return
        self.values.extend(row)

    def _refuse(self, place: int, cells: Sequence[str], why: str) -> None:
        self.first = self.first or f"{shown(', '.join(cells))} {why}"
        self.bad.append(place)
        if len(self.bad) == MOST_BAD_ROWS:
            self.end()

    def end(self) -> Floats:
        if self.bad:
            rest = ", ".join(map(str, self.bad[1:]))
            more = f"; nor are {self.word}s {rest} requests" if rest else ""
            more += "; …" if len(self.bad) == MOST_BAD_ROWS else ""
            place = f"{self.path}:{self.bad[0]}"
            raise SpecFileError(f"{self.word} {self.bad[0]}: {self.first}{more}", place)
        return np.frombuffer(self.values, dtype=np.float64).reshape(-1, self.width)


def _opened(path: Path) -> io.TextIOBase:
    if path.suffix.lower() == ".gz":
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _lines(stream: io.TextIOBase, path: Path) -> Iterator[str]:
    number = 0
    while line := stream.readline(MOST_LINE_CHARS):
        number += 1
        if len(line) == MOST_LINE_CHARS:
            problem = f"the line is longer than {MOST_LINE_CHARS:,} characters"
            raise SpecFileError(problem, f"{path}:{number}")
        yield line


def _from_csv(path: Path, lines: Any, choose: Choose) -> Floats:  # noqa: ANN401  # csv names no type
    header: list[str] = next(lines, [])
    chosen = choose(header)
    numbers = [header.index(c.name) for c in chosen]
    read = [c.read for c in chosen]
    rows = _Rows(path, len(chosen), "line")
    for cells in lines:
        if cells:
            found = [cells[i] if i < len(cells) else "" for i in numbers]
            rows.add(lines.line_num, found, read)
    return rows.end()


def _from_parquet(path: Path, choose: Choose) -> Floats:
    if importlib.util.find_spec("pyarrow") is None:
        raise MissingExtraError("pyarrow", "parquet", f"{path}: a trace in Parquet")
    # Only where it is installed, and only for those who have such files.
    from pyarrow import parquet  # noqa: PLC0415

    with parquet.ParquetFile(path) as file:
        if file.metadata.num_rows > MOST_ROWS:
            raise SpecFileError(f"has more than {MOST_ROWS:,} rows", str(path))
        names = file.schema_arrow.names
        chosen = choose(names)
        rows = _Rows(path, len(chosen), "row")
        read = [c.read for c in chosen]
        wanted = [c.name for c in chosen]
        place = 0
        for batch in file.iter_batches(batch_size=PARQUET_ROWS, columns=wanted):
            columns = [_texts(batch.column(name)) for name in wanted]
            for cells in zip(*columns, strict=True):
                place += 1
                rows.add(place, cells, read)
    return rows.end()


def _texts(column: Any) -> Iterable[str]:  # noqa: ANN401  # pyarrow's
    """A column's cells as a CSV would hold them; empty where one is null."""
    for cell in column.to_pylist():
        if isinstance(cell, dt.datetime):
            yield cell.isoformat()
        else:
            yield "" if cell is None else str(cell)
