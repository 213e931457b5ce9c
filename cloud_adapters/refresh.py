"""One refresh: ask a provider, keep the regions it was not asked for, write, or nothing.

The file holds one provider's quotes. Quotes of refreshed regions are replaced whole,
so that a type that is no longer sold disappears; the others stay, each price with the
date it was taken. The old file is replaced at the end, in one step.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from cloud_adapters.gate import gated
from planner.domain.quotes import PriceSnapshot
from planner.errors import CatalogIntegrityError
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
        CloudError: The provider could not answer; the old file is as it was.
        CatalogIntegrityError: What it answered, or the old file, breaks the rules.
    """
    old = read_snapshot(path) if path.exists() else None
    fresh = source.fetch(regions, on_progress=on_progress)
    merged = gated(fresh if old is None else _merged(fresh, old, path))
    write_snapshot(path, merged)
    on_progress(f"{len(merged.quotes)} instance types in {path}")
    return merged


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
