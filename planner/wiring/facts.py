"""What is known without measuring, the user's own facts among it, and who is asked."""

import datetime as dt
from typing import TYPE_CHECKING

from planner.reference import imported
from planner.reference.catalog import Catalog
from planner.reference.snapshots import read_snapshot
from planner.wiring.home import home, imported_path

if TYPE_CHECKING:
    from planner.ports import PriceSource


def utc_now() -> dt.datetime:
    """The present instant, aware."""
    return dt.datetime.now(dt.UTC)


def catalog() -> Catalog:
    """The shipped facts, with the user's own price snapshots and profiles.

    Raises:
        SpecFileError: A snapshot or profile that is not what the planner wrote.
    """
    known = Catalog.shipped()
    folder = home() / "prices"
    if folder.is_dir():
        for file in sorted(folder.glob("*.json")):
            known = known.with_snapshot(read_snapshot(file))
    if imported_path().is_dir():
        for file in sorted(imported_path().glob("*.json")):
            known = known.with_profiles(imported.read(file))
    return known


def price_source(provider: str) -> "PriceSource":
    """Who is asked for a provider's prices.

    Raises:
        UnknownReferenceError: No adapter for that provider.
        MissingExtraError: Its client library is not installed.
    """
    from cloud_adapters.registry import price_source as find  # noqa: PLC0415  # boto3

    return find(provider)
