"""A refresh of prices on disk: one JSON document, replaced at once or not at all."""

import datetime as dt
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

from planner.domain.quotes import InstanceQuote, PriceSnapshot
from planner.errors import SpecFileError

KIND: Final = "price-snapshot"
VERSION: Final = 1

_DATES: Final = {"on_demand_as_of", "spot_as_of"}


def write_snapshot(path: Path, snapshot: PriceSnapshot) -> None:
    """The snapshot to disk; whoever reads meanwhile sees the old one or the new one."""
    document = {
        "kind": KIND,
        "version": VERSION,
        "provider": snapshot.provider,
        "regions": list(snapshot.regions),
        "taken_at": snapshot.taken_at.isoformat(),
        "quotes": [_plain(quote) for quote in snapshot.quotes],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump(document, out, indent=1)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_snapshot(path: Path) -> PriceSnapshot:
    """The snapshot as it was written.

    Raises:
        SpecFileError: The file cannot be read or is no snapshot of this version.
    """
    try:
        return _snapshot(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"is no {KIND} of version {VERSION} ({type(error).__name__}: {error})"
    raise SpecFileError(
        f"{problem}; fetch it again with 'planner catalog refresh'", str(path)
    )


def _plain(quote: InstanceQuote) -> dict[str, Any]:
    values = asdict(quote)
    for name in _DATES:
        if values[name] is not None:
            values[name] = values[name].isoformat()
    return values


def _snapshot(document: Mapping[str, Any]) -> PriceSnapshot:
    if (document["kind"], document["version"]) != (KIND, VERSION):
        raise ValueError(f"kind {document['kind']}, version {document['version']}")
    taken_at = dt.datetime.fromisoformat(document["taken_at"])
    if taken_at.utcoffset() is None:
        raise ValueError("taken_at has no time zone")
    return PriceSnapshot(
        provider=str(document["provider"]),
        regions=tuple(str(r) for r in document["regions"]),
        taken_at=taken_at,
        quotes=tuple(_quote(q) for q in document["quotes"]),
    )


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "vcpus": int,
    "memory_bytes": float,
    "accelerator_count": float,
    "on_demand_usd_per_h": float,
    "spot_usd_per_h": float,
    "interruption_frac_per_month": float,
    "on_demand_as_of": dt.date.fromisoformat,
    "spot_as_of": dt.date.fromisoformat,
}
_REQUIRED: Final = {
    "provider",
    "region",
    "instance_type",
    "vcpus",
    "memory_bytes",
    "accelerator_count",
    "on_demand_source",
    "on_demand_as_of",
    "spot_source",
}


def _quote(values: Mapping[str, Any]) -> InstanceQuote:
    known = {f.name for f in fields(InstanceQuote)}
    if unknown := sorted(values.keys() - known):
        raise ValueError(f"unknown fields {', '.join(unknown)}")
    missing = sorted(n for n in _REQUIRED if values.get(n) is None)
    if missing:
        raise ValueError(f"missing fields {', '.join(missing)}")
    read: dict[str, Any] = {
        name: None if value is None else _READERS.get(name, str)(value)
        for name, value in values.items()
    }
    return InstanceQuote(**read)
