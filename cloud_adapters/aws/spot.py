"""Spot prices of a region's instance types, from EC2's spot price history.

    price[type] = upper median over the region's zones of the newest price of each

A plan names a region and not a zone, so the price is one that at least half of the
zones do not exceed and that one of them really asks (the upper of two middle ones).
The minimum would promise a zone that may be empty; one outlying zone would rule the
maximum. Asking for the history from now on returns the price in force in each zone.
"""

import datetime as dt
import re
from collections import defaultdict
from dataclasses import dataclass
from statistics import median_high
from typing import TYPE_CHECKING, Final

from planner.errors import CatalogIntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import SpotPriceTypeDef

# Accounts with a VPC see the second spelling of the same product.
_LINUX: Final = ("Linux/UNIX", "Linux/UNIX (Amazon VPC)")
# The most that DescribeSpotPriceHistory returns at once.
_ROWS_PER_PAGE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotPrice:
    """What an hour of a type costs on the spot market, over how many zones."""

    usd_per_h: float
    source: str


def spot_prices(
    client: "EC2Client", region: str, *, now: dt.datetime
) -> dict[str, SpotPrice]:
    """The spot price of every instance type that the region sells so.

    Raises:
        CatalogIntegrityError: A price is not a positive number.
    """
    newest: defaultdict[str, dict[str, tuple[dt.datetime, float]]] = defaultdict(dict)
    for row in _rows(client, region, now):
        zones = newest[row["InstanceType"]]
        seen = (row["Timestamp"], _usd_per_h(row, region))
        zones[row["AvailabilityZone"]] = max(
            seen, zones.get(row["AvailabilityZone"], seen)
        )
    return {name: _across(zones, region) for name, zones in newest.items()}


def _rows(
    client: "EC2Client", region: str, now: dt.datetime
) -> "Iterator[SpotPriceTypeDef]":
    pages = client.get_paginator("describe_spot_price_history").paginate(
        StartTime=now,
        ProductDescriptions=list(_LINUX),
        PaginationConfig={"PageSize": _ROWS_PER_PAGE},
    )
    # `us-west-2a` is a zone of the region, `us-west-2-lax-1a` a Local Zone beside it.
    zone = re.compile(re.escape(region) + "[a-z]")
    for page in pages:
        for row in page["SpotPriceHistory"]:
            if (
                zone.fullmatch(row["AvailabilityZone"])
                and row["ProductDescription"] in _LINUX
            ):
                yield row


def _usd_per_h(row: "SpotPriceTypeDef", region: str) -> float:
    try:
        price = float(row["SpotPrice"])
    except ValueError:
        price = 0.0
    if not 0.0 < price < float("inf"):
        raise CatalogIntegrityError(
            f"AWS spot prices of {region}: {row['InstanceType']} is said to cost "
            f"'{row['SpotPrice']}' in {row['AvailabilityZone']}; nothing was kept, "
            f"try again later"
        )
    return price


def _across(zones: dict[str, tuple[dt.datetime, float]], region: str) -> SpotPrice:
    count = len(zones)
    return SpotPrice(
        usd_per_h=median_high(price for _, price in zones.values()),
        source=f"EC2 DescribeSpotPriceHistory, {region}, upper median of "
        f"{count} zone{'s' if count > 1 else ''}",
    )
