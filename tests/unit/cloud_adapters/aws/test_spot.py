"""From a history of spot prices by zone to one price a region."""

import datetime as dt

import boto3
import pytest
from botocore.stub import Stubber

from cloud_adapters.aws.spot import spot_prices
from planner.errors import CatalogIntegrityError
from tests.support.aws_pricing_server import spot

NOW = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)
REGION = "us-west-2"
# One for all tests: a session keeps the service models that it has read.
SESSION = boto3.Session(aws_access_key_id="key", aws_secret_access_key="secret")
EARLIER, LATER = "2026-08-30T00:00:00.000Z", "2026-08-31T00:00:00.000Z"


def prices_of(*pages):
    client = SESSION.client("ec2", region_name=REGION)
    with Stubber(client) as stub:
        for number, rows in enumerate(pages, 1):
            stub.add_response(
                "describe_spot_price_history",
                {
                    "SpotPriceHistory": [
                        {
                            **row,
                            "Timestamp": dt.datetime.fromisoformat(row["Timestamp"]),
                        }
                        for row in rows
                    ],
                    "NextToken": str(number) if number < len(pages) else "",
                },
            )
        return spot_prices(client, REGION, now=NOW)


def usd_per_h(*pages):
    return {name: price.usd_per_h for name, price in prices_of(*pages).items()}


def test_the_newest_price_of_a_zone_counts_in_whatever_order_they_come():
    old = spot("m5.xlarge", "us-west-2a", 0.3, at=EARLIER)
    new = spot("m5.xlarge", "us-west-2a", 0.1, at=LATER)

    assert usd_per_h([old, new]) == usd_per_h([new, old]) == {"m5.xlarge": 0.1}


@pytest.mark.parametrize(
    ("by_zone", "expected"),
    [
        ([0.1, 0.2, 0.9], 0.2),
        ([0.1, 0.2], 0.2),
        ([0.1, 0.2, 0.3, 9.0], 0.3),
        ([0.5], 0.5),
    ],
)
def test_half_of_the_zones_do_not_ask_more_than_the_price(by_zone, expected):
    rows = [
        spot("m5.xlarge", f"us-west-2{zone}", usd)
        for zone, usd in zip("abcd", by_zone, strict=False)
    ]

    price = prices_of(rows)["m5.xlarge"]

    assert price.usd_per_h == expected
    assert f"{len(by_zone)} zone" in price.source


def test_zones_may_stand_on_different_pages():
    first = [spot("m5.xlarge", f"us-west-2{zone}", 0.1) for zone in "ab"]
    second = [spot("m5.xlarge", f"us-west-2{zone}", 0.4) for zone in "cde"]

    assert usd_per_h(first, second) == {"m5.xlarge": 0.4}


def test_local_zones_and_other_systems_are_left_out():
    rows = [
        spot("m5.xlarge", "us-west-2a", 0.1, product="Linux/UNIX (Amazon VPC)"),
        spot("m5.xlarge", "us-west-2-lax-1a", 9.0),
        spot("m5.xlarge", "us-west-2b", 9.0, product="Windows"),
    ]

    assert usd_per_h(rows) == {"m5.xlarge": 0.1}


@pytest.mark.parametrize("said", ["free", "0.000000", "-1", "nan", "inf"])
def test_a_price_that_is_no_positive_number_is_refused(said):
    row = {**spot("m5.xlarge", "us-west-2a", 1.0), "SpotPrice": said}

    with pytest.raises(CatalogIntegrityError, match=r"m5\.xlarge.*us-west-2a"):
        prices_of([row])
