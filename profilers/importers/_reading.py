"""How another program's file is read: safely, and with one sentence where it is wrong."""

import csv
import datetime as dt
import json
import math
from collections.abc import Mapping, Sequence
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

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a file does not say of itself.

    `batch` is asked for where a format does not state it, `today` where it has no date.
    """

    model: str
    variant: Variant
    device: str
    today: dt.date
    device_count: int = 1
    batch: int = 1


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
        if path.stat().st_size > MAX_FILE_BYTES:
            raise wrong(path, f"larger than {MAX_FILE_BYTES // BYTES_PER_MIB} MiB")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise wrong(path, "not a text file in UTF-8") from None
    except OSError as error:
        raise wrong(path, f"cannot be read: {error.strerror}") from None


def document(path: Path) -> object:
    """The file as JSON with finite figures.

    Raises:
        SpecFileError: It is none.
    """
    try:
        return json.loads(text(path), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise wrong(path, f"not JSON: {str(error).splitlines()[0]}") from None


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} is no figure")


def table(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    """The rows under the first header that has all needed columns.

    Raises:
        SpecFileError: No such header.
    """
    header: list[str] | None = None
    rows: list[dict[str, str]] = []
    for cells in csv.reader(text(path).splitlines()):
        stripped = [c.strip() for c in cells]
        if header is None:
            header = stripped if set(needed) <= set(stripped) else None
        elif len(stripped) == len(header):
            rows.append(dict(zip(header, stripped, strict=True)))
        else:
            break
    if not rows:
        raise wrong(path, f"no table with the columns {', '.join(needed)}")
    return rows


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


def has(data: object, *keys: str) -> bool:
    """Whether something stands under the keys."""
    found = data
    for key in keys:
        if not isinstance(found, Mapping) or key not in found:
            return False
        found = found[key]
    return True


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
