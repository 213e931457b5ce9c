"""AWS as a price source: on-demand and spot prices and shapes of whole regions.

    on demand   Price List API, which is asked first: it answers for every region, so
                a wrong key or a missing network shows there, once and early
    shapes      EC2 of each region, for the types that it offers and prices
    spot        EC2 of each region

A quote needs a shape and at least one price. A spot price above on demand is no
offer: who accepts it pays more for a machine that can be taken away. Regions fail one
by one: all are tried, all failures are told, and then nothing is returned.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config

from cloud_adapters.aws.capacity import Shape, instance_shapes, offered_types
from cloud_adapters.aws.errors import aws_errors
from cloud_adapters.aws.pricing import OnDemandPrice, on_demand_prices, pricing_home
from cloud_adapters.aws.spot import SpotPrice, spot_prices
from cloud_adapters.gate import gated
from planner.domain.quotes import InstanceQuote, PriceSnapshot
from planner.errors import (
    CatalogIntegrityError,
    CloudError,
    PriceMissingError,
    SpecError,
    UnknownReferenceError,
)

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_pricing.client import PricingClient

    from planner.ports import PriceSource

PROVIDER: Final = "aws"
# Throttling and server errors are retried three times with growing random waits. No
# network is known after 0.3 s, one that swallows packets after four connects of 2 s
# (8.3 s; both measured 2026-11 on loopback, botocore 1.44).
_PATIENCE: Final = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 4},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsPrices:
    """The prices that an AWS account sees; `endpoints` replaces a service's address."""

    session: boto3.Session
    clock: Callable[[], dt.datetime]
    endpoints: Mapping[str, str] = field(default_factory=dict)

    def fetch(
        self, regions: Sequence[str], *, on_progress: Callable[[str], None]
    ) -> PriceSnapshot:
        """Every instance type that the regions sell, gated by the catalogue's rules.

        Raises:
            SpecError: No region was asked for.
            UnknownReferenceError: AWS has no region of that name.
            CloudError: One or more regions could not be had; each is named.
        """
        asked = self._known(regions)
        now = self.clock()
        quotes: list[InstanceQuote] = []
        priced, failed = self._priced(asked, now, on_progress)
        for region, on_demand in priced.items():
            try:
                found = self._quotes(region, on_demand, now, on_progress)
            except CloudError as error:
                failed[region] = error
            else:
                quotes += found
                on_progress(f"{region}: {len(found)} instance types")
        if failed:
            raise _together(failed, asked)
        return gated(
            PriceSnapshot(
                provider=PROVIDER, regions=asked, taken_at=now, quotes=tuple(quotes)
            )
        )

    def _known(self, regions: Sequence[str]) -> tuple[str, ...]:
        if not regions:
            raise SpecError("no AWS region was asked for; name at least one")
        known = [
            name
            for partition in self.session.get_available_partitions()
            for name in self.session.get_available_regions("ec2", partition)
        ]
        for region in regions:
            if region not in known:
                near = tuple(get_close_matches(region, known, n=3))
                raise UnknownReferenceError("AWS region", region, near)
        return tuple(dict.fromkeys(regions))

    def _priced(
        self,
        regions: Sequence[str],
        now: dt.datetime,
        on_progress: Callable[[str], None],
    ) -> tuple[dict[str, dict[str, OnDemandPrice]], dict[str, CloudError]]:
        """Prices by region, and what is wrong with the price lists of the others."""
        priced: dict[str, dict[str, OnDemandPrice]] = {}
        failed: dict[str, CloudError] = {}
        for region in regions:
            on_progress(f"{region}: on-demand prices")
            try:
                with aws_errors(f"AWS prices of {region}"):
                    priced[region] = on_demand_prices(
                        self._pricing(region), region, now=now
                    )
            except (PriceMissingError, CatalogIntegrityError) as error:
                failed[region] = error
        return priced, failed

    def _quotes(
        self,
        region: str,
        on_demand: Mapping[str, OnDemandPrice],
        now: dt.datetime,
        on_progress: Callable[[str], None],
    ) -> list[InstanceQuote]:
        with aws_errors(f"AWS EC2 in {region}"):
            ec2 = self._ec2(region)
            on_progress(f"{region}: spot prices")
            spot = spot_prices(ec2, region, now=now)
            on_progress(f"{region}: instance types")
            sold = offered_types(ec2, region) & (on_demand.keys() | spot.keys())
            shapes = instance_shapes(ec2, sold)
        if not shapes:
            raise PriceMissingError(
                f"AWS EC2 in {region}: none of the {len(on_demand)} priced instance "
                f"types is offered there; check the region's name, or leave it out"
            )
        return [
            _quote(
                region,
                name,
                shape,
                on_demand=on_demand.get(name),
                spot=spot.get(name),
                now=now,
            )
            for name, shape in sorted(shapes.items())
        ]

    def _pricing(self, region: str) -> "PricingClient":
        partition = self.session.get_partition_for_region(region)
        homes = self.session.get_available_regions("pricing", partition)
        if not homes:
            raise PriceMissingError(
                f"AWS prices of {region}: AWS publishes no price list for the "
                f"partition {partition}; leave the region out"
            )
        return self.session.client(
            "pricing",
            region_name=pricing_home(region, homes),
            endpoint_url=self.endpoints.get("pricing"),
            config=_PATIENCE,
        )

    def _ec2(self, region: str) -> "EC2Client":
        return self.session.client(
            "ec2",
            region_name=region,
            endpoint_url=self.endpoints.get("ec2"),
            config=_PATIENCE,
        )


def aws_prices(
    *,
    clock: Callable[[], dt.datetime],
    profile: str | None = None,
    endpoints: Mapping[str, str] | None = None,
) -> AwsPrices:
    """AWS as the machine's own configuration, or one profile of it, sees it.

    Raises:
        CredentialsError: No such profile, or a configuration that cannot be read.
    """
    with aws_errors("AWS configuration"):
        session = boto3.Session(profile_name=profile)
    return AwsPrices(session=session, clock=clock, endpoints=endpoints or {})


def _quote(
    region: str,
    name: str,
    shape: Shape,
    *,
    on_demand: OnDemandPrice | None,
    spot: SpotPrice | None,
    now: dt.datetime,
) -> InstanceQuote:
    if on_demand and spot and spot.usd_per_h > on_demand.usd_per_h:
        spot = None
    if on_demand is None:
        source = f"AWS Price List API, {region}: not sold on demand"
    else:
        source = on_demand.source
    return InstanceQuote(
        provider=PROVIDER,
        region=region,
        instance_type=name,
        vcpus=shape.vcpus,
        memory_bytes=shape.memory_bytes,
        accelerator=shape.accelerator,
        accelerator_count=shape.accelerator_count,
        on_demand_usd_per_h=on_demand.usd_per_h if on_demand else None,
        on_demand_source=source,
        on_demand_as_of=now.date(),
        spot_usd_per_h=spot.usd_per_h if spot else None,
        spot_source=spot.source if spot else "",
        spot_as_of=now.date() if spot else None,
    )


def _together(failed: Mapping[str, CloudError], asked: Sequence[str]) -> CloudError:
    errors = list(failed.values())
    if len(asked) == 1:
        return errors[0]
    told: Iterator[str] = (str(error) for error in errors)
    return type(errors[0])(
        f"{len(failed)} of {len(asked)} AWS regions failed "
        f"({', '.join(failed)}), so nothing was kept: {'; '.join(told)}"
    )


if TYPE_CHECKING:
    _: PriceSource = AwsPrices(
        session=boto3.Session(), clock=lambda: dt.datetime.now(dt.UTC)
    )
