"""Which row of a price list is a price, and which of several prices counts."""

import datetime as dt
import json

import boto3
import botocore.session
import pytest
from botocore.stub import Stubber

from cloud_adapters.aws.pricing import on_demand_prices, pricing_home
from planner.errors import CatalogIntegrityError, PriceMissingError
from tests.support.aws_pricing_server import hourly, product

NOW = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)
REGION = "eu-central-1"
# One for all tests: a session keeps the service models that it has read.
SESSION = boto3.Session(aws_access_key_id="key", aws_secret_access_key="secret")


def prices_of(*rows):
    """What a price list of these rows says; botocore checks the answer's shape."""
    client = SESSION.client("pricing", region_name="us-east-1")
    texts = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    with Stubber(client) as stub:
        stub.add_response("get_products", {"PriceList": texts})
        return on_demand_prices(client, REGION, now=NOW)


def usd_per_h(*rows):
    return {name: price.usd_per_h for name, price in prices_of(*rows).items()}


def test_a_price_carries_its_sku_and_the_day_it_came_into_force():
    price = prices_of(product("m5.xlarge", REGION, 0.23, sku="ABC"))["m5.xlarge"]

    assert price.usd_per_h == 0.23
    assert "SKU ABC" in price.source
    assert "2026-07-01" in price.source


def test_a_row_at_zero_is_no_price():
    priced, free = product("m5.xlarge", REGION, 0.23), product("p5.48xlarge", REGION, 0)

    assert usd_per_h(priced, free) == {"m5.xlarge": 0.23}


def test_the_highest_of_several_prices_counts_whatever_their_order():
    cheap = product("m5.xlarge", REGION, 0.2, sku="A")
    dear = product("m5.xlarge", REGION, 0.3, sku="B")

    assert usd_per_h(cheap, dear) == usd_per_h(dear, cheap) == {"m5.xlarge": 0.3}


@pytest.mark.parametrize(
    "change",
    [
        {"locationType": "AWS Local Zone"},
        {"marketoption": "CapacityBlock"},
        {"regionCode": "eu-central-2"},
    ],
    ids=str,
)
def test_what_is_not_sold_on_demand_in_the_region_itself_is_left_out(change):
    here = product("m5.xlarge", REGION, 0.23)
    elsewhere = product("m5.xlarge", **{"region": REGION, "usd": 9.0, **change})

    assert usd_per_h(here, elsewhere) == {"m5.xlarge": 0.23}


def test_only_the_hourly_dimension_of_the_first_tier_is_a_price():
    dimensions = [
        hourly(7.0, unit="Quantity"),
        hourly(0.23, end="100"),
        hourly(0.5, begin="100"),
    ]

    assert usd_per_h(product("m5.xlarge", REGION, 0, prices=dimensions)) == {
        "m5.xlarge": 0.23
    }


def test_the_term_that_came_into_force_last_counts_and_a_future_one_does_not():
    row = product("m5.xlarge", REGION, 0.2)
    (first,) = row["terms"]["OnDemand"].values()
    for day, usd in (("2026-08-15", 0.18), ("2026-12-01", 0.1)):
        row["terms"]["OnDemand"][day] = {
            **first,
            "effectiveDate": f"{day}T00:00:00Z",
            "priceDimensions": {"only": hourly(usd)},
        }

    assert usd_per_h(row) == {"m5.xlarge": 0.18}


def test_a_type_whose_only_term_lies_ahead_has_no_price_yet():
    row = product("m9.xlarge", REGION, 0.2)
    (term,) = row["terms"]["OnDemand"].values()
    term["effectiveDate"] = "2026-12-01T00:00:00Z"

    assert usd_per_h(product("m5.xlarge", REGION, 0.2), row) == {"m5.xlarge": 0.2}


def test_a_price_in_another_currency_is_refused_by_name():
    row = product("m5.xlarge", REGION, 0, prices=[hourly(2.1, currency="CNY")])

    with pytest.raises(PriceMissingError, match=r"m5\.xlarge is priced in CNY"):
        prices_of(row)


def test_a_region_without_a_price_is_not_an_empty_answer():
    with pytest.raises(PriceMissingError, match="eu-central-1"):
        prices_of()


def without_terms():
    row = product("m5.xlarge", REGION, 0.2)
    del row["terms"]
    return row


@pytest.mark.parametrize(
    ("row", "where"),
    [
        ("{broken", "the row"),
        ("[]", "the row"),
        (without_terms(), "terms"),
        (product("m5.xlarge", REGION, -0.2), "pricePerUnit.USD"),
        (product("m5.xlarge", REGION, float("nan")), "pricePerUnit.USD"),
    ],
)
def test_a_row_of_another_shape_is_refused_and_says_where(row, where):
    with pytest.raises(CatalogIntegrityError, match=where):
        prices_of(product("c7g.large", REGION, 0.1), row)


def test_rows_for_tests_have_the_shape_of_botocores_own_example():
    loader = botocore.session.get_session().get_component("data_loader")
    examples = loader.load_service_model("pricing", "examples-1")["examples"]
    (text,) = examples["GetProducts"][0]["output"]["PriceList"]
    theirs, ours = json.loads(text), product("m5.xlarge", REGION, 0.2)

    assert shape(ours) == shape(theirs)


def shape(row):
    """The keys of every level, save those that are names of things."""
    (term,) = row["terms"]["OnDemand"].values()
    (dimension,) = term["priceDimensions"].values()
    return [set(part) for part in (row, row["product"], term, dimension)]


def test_botocores_own_example_is_read_and_holds_no_instance():
    loader = botocore.session.get_session().get_component("data_loader")
    examples = loader.load_service_model("pricing", "examples-1")["examples"]
    (text,) = examples["GetProducts"][0]["output"]["PriceList"]

    assert usd_per_h(text, product("m5.xlarge", REGION, 0.2)) == {"m5.xlarge": 0.2}


def test_every_region_has_a_home_that_answers_for_prices():
    homes = SESSION.get_available_regions("pricing")

    found = {r: pricing_home(r, homes) for r in SESSION.get_available_regions("ec2")}

    assert set(found.values()) == {"us-east-1", "eu-central-1", "ap-south-1"}
    assert found["ap-northeast-1"] == "ap-south-1"
    assert found["af-south-1"] == "us-east-1"
