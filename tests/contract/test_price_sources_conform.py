"""Every price source keeps what the conformance class asks of it."""

from cloud_adapters.conformance import PriceSourceConformance
from cloud_adapters.fake import FakePrices


class TestFakePrices(PriceSourceConformance):
    regions = ("us-east-1", "eu-central-1")

    def source(self):
        return FakePrices()
