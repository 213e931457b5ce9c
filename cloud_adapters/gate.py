"""Nothing leaves an adapter that breaks the catalogue's own rules."""

from typing import Final

from planner.domain.quotes import PriceSnapshot
from planner.errors import CatalogIntegrityError
from planner.reference.integrity import check_snapshot

# One sentence for a person: the first few say what is wrong, the rest how much.
_SHOWN: Final = 3


def gated(snapshot: PriceSnapshot) -> PriceSnapshot:
    """The same snapshot, if it keeps every rule.

    Raises:
        CatalogIntegrityError: It breaks some; the first few are named.
    """
    broken = check_snapshot(snapshot)
    if not broken:
        return snapshot
    more = len(broken) - _SHOWN
    raise CatalogIntegrityError(
        f"the prices of {snapshot.provider} break {len(broken)} "
        f"rule{'s' if len(broken) > 1 else ''} of the catalogue and were not kept: "
        f"{'; '.join(broken[:_SHOWN])}{f'; and {more} more' if more > 0 else ''}"
    )
