"""How packaged tables are read: plain CSV, cited by key, each file at most once.

`data/` holds what permissive sources state, `data/sparecores/` what was drawn from
Spare Cores (CC BY-SA 4.0). The same relative path may stand in both; rows of the
first come first.
"""

import csv
import datetime as dt
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Final

from planner.reference.records import Citation

SHARE_ALIKE: Final = "sparecores"
Row = Mapping[str, str]


@cache
def rows(path: str) -> tuple[Row, ...]:
    """Rows of `data/path`, then of `data/sparecores/path`; none where neither exists."""
    found: list[Row] = []
    data = resources.files("planner.reference") / "data"
    for root in (data, data / SHARE_ALIKE):
        table = root.joinpath(*path.split("/"))
        if table.is_file():
            with table.open(encoding="utf-8") as lines:
                # A third of the time that csv.DictReader takes for the same rows.
                header, *cells = csv.reader(lines)
                found += [dict(zip(header, row, strict=True)) for row in cells]
    return tuple(found)


@cache
def citations() -> Mapping[str, Citation]:
    """Every source by its key."""
    return {
        row["key"]: Citation(
            key=row["key"],
            citation=row["citation"],
            as_of=dt.date.fromisoformat(row["as_of"]),
            licence=row["licence"],
        )
        for row in rows("sources.csv")
    }


def number(text: str) -> float | None:
    """The figure in a cell; None where the cell is empty: no source states it.

    Example:
        >>> number("0.085"), number("")
        (0.085, None)
    """
    return float(text) if text else None


def count(text: str) -> int | None:
    """The whole number in a cell; None where the cell is empty."""
    return int(text) if text else None


def nearest(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Up to five known names that begin with `name`, or else look like it.

    Example:
        >>> nearest("raspberry-pi4", ["raspberry-pi-4", "nvidia-l4"])
        ('raspberry-pi-4',)
        >>> nearest("nvidia-h100", ["nvidia-a100-40gb", "nvidia-h100-80gb-sxm"])
        ('nvidia-h100-80gb-sxm', 'nvidia-a100-40gb')
    """
    import difflib  # noqa: PLC0415 # only where a name is wrong, which is rare

    names = list(known)
    longer = [k for k in names if name and k.startswith(name)]
    alike = difflib.get_close_matches(name, names, n=5, cutoff=0.5)
    return tuple(dict.fromkeys([*longer, *alike]))[:5]
