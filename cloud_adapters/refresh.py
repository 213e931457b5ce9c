"""One refresh: ask a provider, keep the regions it was not asked for, write, or nothing.

The file holds one provider's quotes. Quotes of refreshed regions are replaced whole,
so that a type that is no longer sold disappears; the others stay, each price with the
date it was taken. The old file is replaced at the end, in one step.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from cloud_adapters.gate import gated
from planner.domain.quotes import PriceSnapshot
from planner.errors import CatalogIntegrityError, SpecFileError
from planner.ports import PriceSource
from planner.reference.snapshots import read_snapshot, write_snapshot


def refresh(
    source: PriceSource,
    regions: Sequence[str],
    path: Path,
    *,
    on_progress: Callable[[str], None],
) -> PriceSnapshot:
    """Bring the regions' prices into the snapshot at `path`, and return all it holds.

    Raises:
        CloudError: The provider could not answer, or its answer breaks the rules.
        SpecFileError: The old file is no snapshot, or the new one cannot be written.
        In every case the old file is as it was.
    """
    old = _old(path)
    fresh = source.fetch(regions, on_progress=on_progress)
    merged = gated(fresh if old is None else _merged(fresh, old, path))
    try:
        write_snapshot(path, merged)
    except OSError as error:
        problem = f"cannot be written ({error.strerror}); name another place"
        raise SpecFileError(problem, str(path)) from error
    on_progress(f"{len(merged.quotes)} instance types in {path}")
    return merged


def _old(path: Path) -> PriceSnapshot | None:
    if not path.exists():
        return None
    try:
        return read_snapshot(path)
    except SpecFileError as error:
        # The reader's advice is to refresh, which is what was just tried.
        problem = "holds no snapshot whose other regions could be kept"
        way_out = "move the file away, then refresh again"
        raise SpecFileError(f"{problem}; {way_out}", str(path)) from error


def _merged(fresh: PriceSnapshot, old: PriceSnapshot, path: Path) -> PriceSnapshot:
    if old.provider != fresh.provider:
        raise CatalogIntegrityError(
            f"{path} holds prices of {old.provider}, not of {fresh.provider}; name "
            f"another file, or move this one away"
        )
    kept = tuple(q for q in old.quotes if q.region not in fresh.regions)
    return PriceSnapshot(
        provider=fresh.provider,
        regions=tuple(dict.fromkeys((*fresh.regions, *old.regions))),
        taken_at=fresh.taken_at,
        quotes=fresh.quotes + kept,
    )
