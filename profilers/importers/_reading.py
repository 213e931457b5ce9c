"""How another program's file is read: safely, and with one sentence where it is wrong."""

import csv
import datetime as dt
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from planner.domain.evidence import Evidence, Provenance
from planner.domain.profiles import LoadPoint, Profile
from planner.domain.variants import Runtime, Variant
from planner.errors import SpecFileError
from planner.units import BYTES_PER_MIB

MAX_FILE_BYTES: Final = 64 * BYTES_PER_MIB
# Median spread of repeated runs in the MLPerf open edge sweep: what another run of
# the same thing may differ by, where a file states one run.
RUN_ERROR_FRAC: Final = 0.105

# A p99 says nothing of a load at which more than so many got no answer.
MOST_FAILED_FRAC: Final = 0.01

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a file does not say of itself.

    `batch` is asked for where a format does not state it (None: it was not said), `today`
    where it has no date.
    """

    model: str
    variant: Variant
    device: str
    today: dt.date
    device_count: int = 1
    batch: int | None = None


class Importer(Protocol):
    """Reads one format."""

    @property
    def about(self) -> str:
        """Which program writes it, in a few words."""
        ...

    @property
    def runtime(self) -> Runtime | None:
        """The engine that it always measures; None: to be said."""
        ...

    @property
    def asks_batch(self) -> bool:
        """Whether its files may not say how many requests a batch has."""
        ...

    def read(self, path: Path, about: About) -> tuple[Profile, ...]:
        """The profiles in a file.

        Raises:
            SpecFileError: It cannot be read, or is not of this format.
        """
        ...


def text(path: Path) -> str:
    """The file as text.

    Raises:
        SpecFileError: Missing, too large, or not text.
    """
    try:
        # What has no size of its own, as a pipe, has an end here, too.
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise wrong(path, f"cannot be read: {error.strerror}") from None
    if len(content) > MAX_FILE_BYTES:
        raise wrong(path, f"larger than {MAX_FILE_BYTES // BYTES_PER_MIB} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise wrong(path, "not a text file in UTF-8; save it as UTF-8") from None


def document(path: Path) -> object:
    """The file as JSON with finite figures.

    Raises:
        SpecFileError: It is none.
    """
    try:
        return _parsed(text(path))
    except (ValueError, RecursionError) as error:
        raise wrong(path, f"not JSON: {str(error).splitlines()[0]}") from None


def documents(path: Path) -> object:
    """The same; of a file with one object a line, the list of them.

    Raises:
        SpecFileError: It is neither.
    """
    lines = [line for line in text(path).splitlines() if line.strip()]
    if len(lines) < 2 or not all(line.lstrip().startswith("{") for line in lines):
        return document(path)
    found = []
    for i, line in enumerate(lines):
        try:
            found.append(_parsed(line))
        except (ValueError, RecursionError) as error:
            problem = str(error).splitlines()[0]
            raise wrong(path, f"object {i + 1} is not JSON: {problem}") from None
    return found


def _parsed(text: str) -> object:
    return json.loads(text, parse_constant=_finite, parse_float=_finite)


def _finite(figure: str) -> float:
    if not math.isfinite(float(figure)):
        raise ValueError(f"{figure} is no figure")
    return float(figure)


def table(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    """The rows under the first header that has all needed columns, to the next gap.

    Raises:
        SpecFileError: No such header, or a row of another length.
    """
    header: list[str] | None = None
    rows: list[dict[str, str]] = []
    for line, cells in _rows(path):
        if header is None:
            header = cells if set(needed) <= set(cells) else None
        elif not any(cells):
            break
        elif len(cells) == len(header):
            rows.append(dict(zip(header, cells, strict=True)))
        else:
            raise wrong(
                path,
                f"line {line} has {len(cells)} cells, its header {len(header)}: is it "
                "cut off?",
            )
    if not rows:
        raise wrong(path, f"no table with the columns {', '.join(needed)}")
    return rows


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Each line's number and cells."""
    reader = csv.reader(text(path).splitlines())
    try:
        return [(reader.line_num, [c.strip() for c in cells]) for cells in reader]
    except csv.Error as error:
        raise wrong(path, f"not a CSV file: {error}") from None


def wrong(path: Path, problem: str) -> SpecFileError:
    """The one sentence."""
    return SpecFileError(problem, str(path))


def number(path: Path, value: object, what: str) -> float:
    """A positive figure.

    Raises:
        SpecFileError: Missing, not a number, or not above zero.
    """
    try:
        figure = float(str(value))
    except ValueError:
        raise wrong(path, f"{what}: {value!r} is not a number") from None
    if not math.isfinite(figure) or figure <= 0:
        raise wrong(path, f"{what}: {value!r} is not above zero")
    return figure


def count(path: Path, value: object, what: str) -> int:
    """A whole figure.

    Raises:
        SpecFileError: Missing, not a number, not above zero, or not whole.
    """
    figure = number(path, value, what)
    if not figure.is_integer():
        raise wrong(path, f"{what}: {value!r} is not whole")
    return int(figure)


def one_size(
    path: Path, sizes: Sequence[tuple[float, float]], each: str
) -> tuple[int, int]:
    """Prompt and output tokens of all load points: the largest of sizes alike.

    Sizes are alike within what another run may differ by.

    Raises:
        SpecFileError: They are not: a curve is of one size of request.
    """
    for side in zip(*sizes, strict=True):
        if max(side) > min(side) * (1 + RUN_ERROR_FRAC):
            each_size = sorted({(round(p), round(o)) for p, o in sizes})
            told = [f"{p}+{o}" for p, o in each_size]
            raise wrong(
                path,
                f"its {each} have requests of several sizes ({', '.join(told)} tokens): "
                "import those of each size from a file of its own",
            )
    return round(max(p for p, _ in sizes)), round(max(o for _, o in sizes))


def answered(
    path: Path, loads: Sequence[object], failed_frac: Callable[[object], float]
) -> tuple[list[object], str]:
    """The loads whose p99 is one of all requests, and a note on those left out.

    Raises:
        SpecFileError: There are none.
    """
    kept = [load for load in loads if failed_frac(load) <= MOST_FAILED_FRAC]
    if not kept:
        raise wrong(
            path,
            f"more than {MOST_FAILED_FRAC:.0%} of the requests failed, at every load in "
            "it: measure under less",
        )
    n = len(loads) - len(kept)
    left_out = f"left out {n} of {len(loads)} loads, where requests failed"
    return kept, left_out if n else ""


def at(path: Path, data: object, *keys: str) -> object:
    """What stands under the keys.

    Raises:
        SpecFileError: One is missing.
    """
    found = data
    for i, key in enumerate(keys):
        if not isinstance(found, Mapping) or key not in found:
            raise wrong(path, f"no '{'.'.join(keys[: i + 1])}' in it")
        found = found[key]
    return found


def found(data: object, *keys: str) -> object:
    """The same; None where one is missing."""
    here = data
    for key in keys:
        if not isinstance(here, Mapping) or key not in here:
            return None
        here = here[key]
    return here


def has(data: object, *keys: str) -> bool:
    """Whether something stands under the keys."""
    return found(data, *keys) is not None


def evidence(
    path: Path, about: About, tool: str, *, on: dt.date | None = None, note: str = ""
) -> Evidence:
    """Somebody else's measurement, cited by its file."""
    as_of = min(on, about.today) if on else about.today
    undated = "" if on else "the file has no date: that of the import"
    return Evidence(
        provenance=Provenance.IMPORTED,
        source=f"{tool}, {path.name}",
        as_of=as_of,
        error_frac=RUN_ERROR_FRAC,
        note="; ".join(n for n in (note, undated) if n),
    )


def ascending(points: Sequence[LoadPoint]) -> tuple[LoadPoint, ...]:
    """By rate; of equal rates the last one."""
    by_rate = {p.rate_rps: p for p in points}
    return tuple(by_rate[rate] for rate in sorted(by_rate))


def day(value: object) -> dt.date | None:
    """The day in an ISO date or instant; None where there is none."""
    try:
        return dt.date.fromisoformat(str(value)[:10])
    except ValueError:
        return None
