"""Every price source keeps what the conformance class asks of it."""

import datetime as dt

import boto3
import pytest
from moto.server import ThreadedMotoServer

from cloud_adapters.aws.source import AwsPrices
from cloud_adapters.conformance import PriceSourceConformance
from cloud_adapters.fake import FakePrices
from tests.support.aws_pricing_server import aws_on_loopback, product, spot


class TestFakePrices(PriceSourceConformance):
    regions = ("us-east-1", "eu-central-1")

    def source(self):
        return FakePrices()


AWS_REGIONS = ("us-west-2", "ap-northeast-1")


@pytest.fixture(scope="module")
def aws_endpoints():
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    with aws_on_loopback(f"http://{host}:{port}") as server:
        for region in AWS_REGIONS:
            server.products += [
                product("m5.xlarge", region, 0.2),
                product("g5.xlarge", region, 1.1),
                product("inf2.xlarge", region, 0.8),
            ]
            server.spot_rows += [
                spot("m5.xlarge", f"{region}a", 0.08),
                spot("g5.xlarge", f"{region}a", 1.2),
            ]
        yield {"pricing": server.url, "ec2": server.url}
    moto.stop()


class TestAwsPrices(PriceSourceConformance):
    regions = AWS_REGIONS

    @pytest.fixture(autouse=True)
    def _on_loopback(self, aws_endpoints):
        self.endpoints = aws_endpoints

    def source(self):
        return AwsPrices(
            session=boto3.Session(aws_access_key_id="k", aws_secret_access_key="s"),
            clock=lambda: dt.datetime(2026, 9, 1, tzinfo=dt.UTC),
            endpoints=self.endpoints,
        )
