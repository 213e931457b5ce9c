"""Raw facts in, tables of ours out: both plain CSV, both deterministic."""

import csv
import gzip
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

SHARE_ALIKE: Final = "sparecores"
Fact = Mapping[str, str]
Cell = str | int | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A folder of raw facts; each file is read once."""

    folder: Path

    def rows(self, name: str) -> tuple[Fact, ...]:
        """Rows of one file, gunzipped where its name says so."""
        return _read(self.folder / name)


# The tables beside this script that are kept by hand.
BY_HAND: Final = Facts(folder=Path(__file__).parent)


@cache
def _read(path: Path) -> tuple[Fact, ...]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    return tuple(csv.DictReader(io.StringIO(text)))


@dataclass(slots=True, kw_only=True)
class Tables:
    """The tables built so far, by path; written all at once."""

    files: dict[str, str] = field(default_factory=dict)

    def add(
        self,
        path: str,
        columns: Sequence[str],
        rows: Iterable[Mapping[str, Cell]],
        *,
        share_alike: bool = False,
    ) -> None:
        """A table of rows in the order given; none where there are no rows.

        `share_alike` puts it beside the licence of Spare Cores.
        """
        filled = list(rows)
        if not filled:
            return
        out = io.StringIO()
        writer = csv.DictWriter(out, fieldnames=columns, lineterminator="\n")
        writer.writeheader()
        for row in filled:
            writer.writerow({c: cell(row.get(c)) for c in columns})
        self.files[f"{SHARE_ALIKE}/{path}" if share_alike else path] = out.getvalue()

    def write(self, folder: Path) -> None:
        """Everything to disk, replacing what an earlier build left."""
        for old in sorted(folder.rglob("*.csv")):
            old.unlink()
        for path, text in sorted(self.files.items()):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")


def cell(value: Cell) -> str:
    """A cell's text: six significant digits, empty where nothing is known."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def figure(text: str) -> float | None:
    """The number in a raw cell, None where it is empty or not one number."""
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None
