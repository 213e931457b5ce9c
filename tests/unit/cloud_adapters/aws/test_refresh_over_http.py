"""AWS over real HTTP on loopback: moto for EC2, a server of documented shape beside it.

Fake credentials are handed over explicitly; every address is 127.0.0.1.
"""

import datetime as dt
import os
from dataclasses import asdict, replace

import boto3
import pytest
from moto.server import ThreadedMotoServer

from cloud_adapters.aws.capacity import instance_shapes, offered_types
from cloud_adapters.aws.source import AwsPrices
from cloud_adapters.aws.spot import spot_prices
from cloud_adapters.fake import FakePrices
from cloud_adapters.refresh import refresh
from planner.domain.hardware import Purchase
from planner.domain.quotes import InstanceQuote
from planner.errors import (
    CatalogIntegrityError,
    CredentialsError,
    PriceMissingError,
    ProviderUnavailableError,
    QuotaError,
)
from planner.reference.catalog import Catalog
from planner.reference.offers import machine_of
from planner.reference.snapshots import read_snapshot
from tests.support.aws_pricing_server import (
    PRICING,
    SPOT,
    aws_on_loopback,
    hourly,
    product,
    spot,
)

NOW = dt.datetime(2026, 9, 1, 10, tzinfo=dt.UTC)
FRANKFURT, VIRGINIA = "eu-central-1", "us-east-1"
# One for all tests: a session keeps the service models that it has read.
SESSION = boto3.Session(aws_access_key_id="key", aws_secret_access_key="secret")


@pytest.fixture(scope="module")
def moto_url():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(moto_url):
    """Six types in Frankfurt over two pages, two in Virginia; spot for most of them."""
    with aws_on_loopback(moto_url) as server:
        server.products += [
            product("m5.xlarge", FRANKFURT, 0.23),
            product("c7g.large", FRANKFURT, 0.0827),
            product("g5.xlarge", FRANKFURT, 1.258),
            product("inf2.xlarge", FRANKFURT, 0.9859),
            product("t3.medium", FRANKFURT, 0.048),
            product("not.offered", FRANKFURT, 0.5),
            product("m5.xlarge", FRANKFURT, 0.414, sku="W", operatingSystem="Windows"),
            product("m5.xlarge", FRANKFURT, 0.25, sku="D", tenancy="Dedicated"),
            product("m5.xlarge", FRANKFURT, 0.71, sku="S", preInstalledSw="SQL Std"),
            product(
                "m5.xlarge",
                FRANKFURT,
                0.24,
                sku="R",
                capacitystatus="UnusedCapacityReservation",
            ),
            product("m5.xlarge", VIRGINIA, 0.192),
            product("g6.xlarge", VIRGINIA, 0.8048),
        ]
        server.spot_rows += [
            spot("m5.xlarge", "eu-central-1a", 0.09),
            spot("m5.xlarge", "eu-central-1b", 0.10),
            spot("m5.xlarge", "eu-central-1c", 0.12),
            spot("g5.xlarge", "eu-central-1a", 1.3),
            spot("g6.xlarge", "us-east-1a", 0.31),
        ]
        yield server


def source(aws):
    endpoints = {"pricing": aws.url, "ec2": aws.url}
    return AwsPrices(session=SESSION, clock=lambda: NOW, endpoints=endpoints)


def fetched(aws, *regions):
    return source(aws).fetch(regions, on_progress=lambda line: None)


def by_type(snapshot, region=FRANKFURT):
    return {q.instance_type: q for q in snapshot.quotes if q.region == region}


def test_price_spot_and_shape_meet_in_one_quote(aws):
    quote = by_type(fetched(aws, FRANKFURT))["m5.xlarge"]

    assert quote == InstanceQuote(
        provider="aws",
        region=FRANKFURT,
        instance_type="m5.xlarge",
        vcpus=4,
        memory_bytes=16 * 2**30,
        accelerator=None,
        accelerator_count=0.0,
        on_demand_usd_per_h=0.23,
        on_demand_source="AWS Price List API, eu-central-1, SKU "
        "M5.XLARGE-EU-CENTRAL-1, in force since 2026-07-01",
        on_demand_as_of=NOW.date(),
        spot_usd_per_h=0.10,
        spot_source="EC2 DescribeSpotPriceHistory, eu-central-1, upper median of "
        "3 zones",
        spot_as_of=NOW.date(),
    )


def test_all_pages_of_the_price_list_are_read(aws):
    names = by_type(fetched(aws, FRANKFURT))

    assert sorted(names) == [
        "c7g.large",
        "g5.xlarge",
        "inf2.xlarge",
        "m5.xlarge",
        "t3.medium",
    ]
    assert aws.times_asked(PRICING) == 2


def test_accelerators_have_the_names_that_ec2_gives_them(aws):
    found = by_type(fetched(aws, FRANKFURT))

    named = {n: (q.accelerator, q.accelerator_count) for n, q in found.items()}
    assert named["g5.xlarge"] == ("A10G", 1.0)
    assert named["inf2.xlarge"] == ("Inferentia2", 1.0)
    assert named["c7g.large"] == (None, 0.0)


def test_a_spot_price_above_on_demand_is_not_offered(aws):
    quote = by_type(fetched(aws, FRANKFURT))["g5.xlarge"]

    assert quote.on_demand_usd_per_h == 1.258
    assert (quote.spot_usd_per_h, quote.spot_as_of) == (None, None)


def test_several_regions_come_in_one_snapshot(aws):
    told = []

    snapshot = source(aws).fetch([VIRGINIA, FRANKFURT], on_progress=told.append)

    assert snapshot.regions == (VIRGINIA, FRANKFURT)
    assert snapshot.taken_at == NOW
    assert sorted(by_type(snapshot, VIRGINIA)) == ["g6.xlarge", "m5.xlarge"]
    assert "us-east-1: 2 instance types" in told
    assert "eu-central-1: 5 instance types" in told


def test_a_region_named_twice_is_asked_for_once(aws):
    snapshot = fetched(aws, VIRGINIA, VIRGINIA)

    assert snapshot.regions == (VIRGINIA,)
    assert aws.times_asked(SPOT) == 1


def test_frankfurt_is_priced_from_the_endpoint_on_its_continent(aws):
    fetched(aws, FRANKFURT, VIRGINIA)

    asked = [region for action, region in aws.asked if action == PRICING]
    assert set(asked[:2]) == {"eu-central-1"}
    assert asked[-1] == "us-east-1"


def test_throttling_and_server_errors_are_outlived(aws):
    aws.refuse(PRICING, FRANKFURT, 400, "ThrottlingException")
    aws.refuse(SPOT, FRANKFURT, 503, "RequestLimitExceeded")
    aws.refuse("DescribeInstanceTypes", FRANKFURT, 500, "InternalError")

    assert len(fetched(aws, FRANKFURT).quotes) == 5
    assert aws.times_asked(PRICING) == 3
    assert aws.times_asked(SPOT) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "code", "error", "words"),
    [
        (400, "ThrottlingException", QuotaError, "fewer regions at a time"),
        (500, "InternalErrorException", ProviderUnavailableError, "in some minutes"),
    ],
)
def test_what_does_not_pass_is_told_after_four_tries(aws, status, code, error, words):
    aws.refuse(PRICING, FRANKFURT, status, code, times=99)

    with pytest.raises(error, match=words):
        fetched(aws, FRANKFURT, VIRGINIA)

    assert aws.asked == [(PRICING, FRANKFURT)] * 4


@pytest.mark.parametrize(
    "code",
    ["UnrecognizedClientException", "AccessDeniedException", "ExpiredTokenException"],
)
def test_refused_credentials_stop_at_the_first_question(aws, code):
    aws.refuse(PRICING, FRANKFURT, 400, code)

    with pytest.raises(CredentialsError, match=code):
        fetched(aws, FRANKFURT, VIRGINIA)

    assert aws.asked == [(PRICING, FRANKFURT)]


def test_without_credentials_nobody_is_asked(aws, monkeypatch, tmp_path):
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    prices = AwsPrices(
        session=boto3.Session(),
        clock=lambda: NOW,
        endpoints={"pricing": aws.url, "ec2": aws.url},
    )

    with pytest.raises(CredentialsError, match="aws configure"):
        prices.fetch([FRANKFURT], on_progress=lambda line: None)

    assert aws.asked == []


def test_without_a_network_it_is_one_message_and_the_old_snapshot_stays(aws, tmp_path):
    path = tmp_path / "aws.json"
    refresh(FakePrices(), [FRANKFURT], path, on_progress=lambda line: None)
    before = path.read_bytes()
    nowhere = {"pricing": "http://127.0.0.1:9", "ec2": "http://127.0.0.1:9"}
    prices = AwsPrices(session=SESSION, clock=lambda: NOW, endpoints=nowhere)

    with pytest.raises(ProviderUnavailableError, match="check the network"):
        refresh(prices, [FRANKFURT], path, on_progress=lambda line: None)

    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_sign_in_page_is_not_taken_for_the_price_list(aws):
    aws.raw_answers[PRICING] = b"<html><body>Welcome to the hotel</body></html>"

    with pytest.raises(ProviderUnavailableError, match="sign-in page"):
        fetched(aws, FRANKFURT)


def test_a_sign_in_page_is_not_taken_for_ec2(aws):
    aws.raw_answers[SPOT] = b"<html><body>Welcome to the hotel<br></body>"

    with pytest.raises(ProviderUnavailableError, match="sign-in page"):
        fetched(aws, FRANKFURT)


@pytest.mark.parametrize("row", ["{not json", '{"product": {"sku": "A"}}'])
def test_a_malformed_price_list_is_refused_whole(aws, row):
    aws.products.append(row)

    with pytest.raises(CatalogIntegrityError, match="not of the documented shape"):
        fetched(aws, FRANKFURT)


def test_a_region_that_offers_nothing_it_prices_is_no_empty_answer(aws):
    aws.products.append(product("not.offered", "eu-west-1", 0.5))

    with pytest.raises(PriceMissingError, match="none of the 1 priced"):
        fetched(aws, "eu-west-1")


def test_rows_at_zero_leave_the_type_without_an_on_demand_price(aws):
    aws.products.append(product("g6.xlarge", FRANKFURT, 0.0))
    aws.spot_rows.append(spot("g6.xlarge", "eu-central-1a", 0.4))

    quote = by_type(fetched(aws, FRANKFURT))["g6.xlarge"]

    assert (quote.on_demand_usd_per_h, quote.spot_usd_per_h) == (None, 0.4)
    assert "not sold on demand" in quote.on_demand_source


def test_a_region_priced_in_another_currency_is_named_and_nothing_is_kept(aws):
    yuan = [hourly(2.1, currency="CNY")]
    aws.products.append(product("m5.xlarge", "cn-north-1", 0, prices=yuan))

    with pytest.raises(PriceMissingError, match=r"cn-north-1.*CNY.*USD only") as caught:
        fetched(aws, FRANKFURT, "cn-north-1")

    assert "1 of 2 AWS regions failed" in str(caught.value)


def test_a_partition_without_a_price_list_is_told_so_and_not_asked(aws):
    with pytest.raises(PriceMissingError, match=r"no price list .* aws-us-gov"):
        fetched(aws, "us-gov-west-1")

    assert aws.asked == []


@pytest.mark.parametrize("code", ["AuthFailure", "OptInRequired"])
def test_a_region_not_opted_into_is_named_and_the_others_are_still_tried(aws, code):
    aws.products.append(product("m5.xlarge", "eu-south-1", 0.24))
    aws.refuse(SPOT, "eu-south-1", 401, code)

    with pytest.raises(CredentialsError, match="enable the region") as caught:
        fetched(aws, "eu-south-1", FRANKFURT)

    assert "1 of 2 AWS regions failed (eu-south-1)" in str(caught.value)
    assert (SPOT, FRANKFURT) in aws.asked


def test_all_failed_regions_are_named_at_once(aws):
    aws.products.append(product("m5.xlarge", "eu-south-1", 0.24))
    for region in ("eu-south-1", VIRGINIA):
        aws.refuse(SPOT, region, 403, "UnauthorizedOperation")

    with pytest.raises(CredentialsError, match=r"2 of 3 .*\(eu-south-1, us-east-1\)"):
        fetched(aws, "eu-south-1", FRANKFURT, VIRGINIA)


def test_a_region_fails_and_the_old_snapshot_stays_whole(aws, tmp_path):
    path = tmp_path / "aws.json"
    refresh(source(aws), [FRANKFURT], path, on_progress=lambda line: None)
    before = path.read_bytes()
    aws.refuse(SPOT, VIRGINIA, 403, "UnauthorizedOperation")

    with pytest.raises(CredentialsError):
        refresh(source(aws), [FRANKFURT, VIRGINIA], path, on_progress=lambda line: None)

    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_refresh_writes_what_aws_said_beside_the_regions_it_kept(aws, tmp_path):
    path = tmp_path / "aws.json"
    refresh(FakePrices(), [VIRGINIA], path, on_progress=lambda line: None)

    refresh(source(aws), [FRANKFURT], path, on_progress=lambda line: None)

    held = read_snapshot(path)
    assert {(q.region, q.on_demand_as_of) for q in held.quotes} == {
        (FRANKFURT, NOW.date()),
        (VIRGINIA, dt.date(2026, 1, 1)),
    }


def test_a_plan_is_offered_the_refreshed_prices_instead_of_the_shipped(aws, tmp_path):
    path = tmp_path / "aws.json"
    refresh(source(aws), [FRANKFURT], path, on_progress=lambda line: None)
    shipped = Catalog.shipped()

    own = shipped.with_snapshot(read_snapshot(path))

    on_demand = {
        o.instance_type: (o.price_usd_per_h, o.price_as_of)
        for o in own.offers("aws", [FRANKFURT], [Purchase.ON_DEMAND])
    }
    assert on_demand["m5.xlarge"] == (0.23, NOW.date())
    assert on_demand["g5.xlarge"] == (1.258, NOW.date())
    assert own.quotes("aws", VIRGINIA) == shipped.quotes("aws", VIRGINIA)


@pytest.mark.slow
def test_a_refreshed_shape_is_the_same_machine_as_the_shipped_one(moto_url):
    shipped = {q.instance_type: q for q in Catalog.shipped().quotes("aws", VIRGINIA)}
    ec2 = SESSION.client("ec2", region_name=VIRGINIA, endpoint_url=moto_url)

    shapes = instance_shapes(ec2, offered_types(ec2, VIRGINIA) & shipped.keys())

    assert len(shapes) > 250
    for name, shape in shapes.items():
        refreshed = replace(shipped[name], **asdict(shape))
        assert machine_of(refreshed) == machine_of(shipped[name]), name
        # The word for an accelerator may differ in case; what it stands for may not.
        assert (
            replace(refreshed, accelerator=shipped[name].accelerator) == shipped[name]
        )


def test_motos_own_spot_prices_are_one_placeholder_and_are_read_as_one(moto_url):
    ec2 = SESSION.client("ec2", region_name=FRANKFURT, endpoint_url=moto_url)

    prices = spot_prices(ec2, FRANKFURT, now=NOW)

    assert len(prices) > 1000
    assert {p.usd_per_h for p in prices.values()} == {0.00001}
    assert prices["m5.xlarge"].source.endswith("upper median of 3 zones")
