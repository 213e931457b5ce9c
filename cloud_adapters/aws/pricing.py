"""On-demand prices of a region's instance types, from the AWS Price List API.

A row of GetProducts is a JSON text: one product (SKU) with its terms. What counts:

    product   Linux, shared tenancy, nothing preinstalled, capacity in use, sold on
              demand in the region itself (no Local Zone, no Wavelength Zone)
    term      of those in force, the one that came into force last
    dimension by the hour, of the tier that begins at zero

Rows at zero USD (reservations, blocks paid elsewhere) are no prices and are skipped.
Where several prices remain for one type, the highest counts: a plan must not promise
a price that its reader may not get.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from planner.errors import (
    CatalogIntegrityError,
    PriceMissingError,
    ProviderUnavailableError,
)

if TYPE_CHECKING:
    from mypy_boto3_pricing.client import PricingClient

_WANTED: Final[Mapping[str, str]] = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
}
# The most that GetProducts returns at once (botocore's model: GetProductsMaxResults).
_ROWS_PER_PAGE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDemandPrice:
    """What an hour of a type costs without any commitment, and who says so."""

    instance_type: str
    usd_per_h: float
    source: str


class _Part(BaseModel):
    """A part of AWS's own document, of which only what is read is named."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)


class _Dimension(_Part):
    unit: str
    begin_range: Annotated[float, Field(ge=0)] = 0.0
    price_per_unit: Mapping[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]


class _Term(_Part):
    effective_date: dt.datetime
    price_dimensions: Mapping[str, _Dimension]


class _Terms(_Part):
    on_demand: Mapping[str, _Term] = Field(default={}, alias="OnDemand")


class _Product(_Part):
    sku: str
    attributes: Mapping[str, str]


class _Row(_Part):
    product: _Product
    terms: _Terms


def pricing_home(region: str, homes: Sequence[str]) -> str:
    """The endpoint to ask: on the region's continent if there is one.

    The Price List API answers for every region from a few endpoints only.

    Example:
        >>> pricing_home("eu-north-1", ["ap-south-1", "eu-central-1", "us-east-1"])
        'eu-central-1'
        >>> pricing_home("sa-east-1", ["ap-south-1", "eu-central-1", "us-east-1"])
        'us-east-1'
    """
    continent = region.partition("-")[0] + "-"
    near = [home for home in homes if home.startswith(continent)]
    return (near or sorted(homes, reverse=True))[0]


def on_demand_prices(
    client: "PricingClient", region: str, *, now: dt.datetime
) -> dict[str, OnDemandPrice]:
    """The price of every instance type that the region sells on demand.

    Raises:
        PriceMissingError: The region has no price, or none in USD.
        ProviderUnavailableError: Something else answered in AWS's place.
        CatalogIntegrityError: The price list is not of its documented shape.
    """
    found: dict[str, OnDemandPrice] = {}
    for text in _rows(client, region):
        price = _read(text, region, now)
        if price is None:
            continue
        known = found.get(price.instance_type)
        if known is None or price.usd_per_h > known.usd_per_h:
            found[price.instance_type] = price
    if not found:
        raise PriceMissingError(
            f"AWS prices of {region}: the price list has no on-demand Linux instance "
            f"there; check the region's name, or leave it out"
        )
    return found


def _rows(client: "PricingClient", region: str) -> Iterator[str]:
    pages = client.get_paginator("get_products").paginate(
        ServiceCode="AmazonEC2",
        FormatVersion="aws_v1",
        Filters=[
            {"Type": "TERM_MATCH", "Field": field, "Value": value}
            for field, value in {**_WANTED, "regionCode": region}.items()
        ],
        PaginationConfig={"PageSize": _ROWS_PER_PAGE},
    )
    for page in pages:
        if "PriceList" not in page:
            raise ProviderUnavailableError(
                f"AWS prices of {region}: what answered is not the Price List API; "
                f"check for a sign-in page or a proxy on this network, then try again"
            )
        yield from page["PriceList"]


def _read(text: str, region: str, now: dt.datetime) -> OnDemandPrice | None:
    try:
        row = _Row.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "the row"
        raise CatalogIntegrityError(
            f"AWS prices of {region}: a row of the price list is not of the documented "
            f"shape ({where}: {first['msg']}); nothing was kept, try again later"
        ) from error
    name = row.product.attributes.get("instanceType")
    if name is None or not _is_sold_here(row.product.attributes, region):
        return None
    in_force = [t for t in row.terms.on_demand.values() if t.effective_date <= now]
    if not in_force:
        return None
    term = max(in_force, key=lambda t: t.effective_date)
    usd_per_h = _hourly_usd(term, name, region)
    if usd_per_h == 0.0:
        return None
    return OnDemandPrice(
        instance_type=name,
        usd_per_h=usd_per_h,
        source=f"AWS Price List API, {region}, SKU {row.product.sku}, "
        f"in force since {term.effective_date:%Y-%m-%d}",
    )


def _is_sold_here(attributes: Mapping[str, str], region: str) -> bool:
    return (
        attributes.get("regionCode", region) == region
        and attributes.get("locationType", "AWS Region") == "AWS Region"
        and attributes.get("marketoption", "OnDemand") == "OnDemand"
    )


def _hourly_usd(term: _Term, name: str, region: str) -> float:
    hourly = [
        d.price_per_unit
        for d in term.price_dimensions.values()
        if d.unit == "Hrs" and d.begin_range == 0.0
    ]
    for prices in hourly:
        if "USD" not in prices:
            raise PriceMissingError(
                f"AWS prices of {region}: {name} is priced in "
                f"{', '.join(sorted(prices)) or 'no currency'}, and plans are made in "
                f"USD only; leave the region out"
            )
    return max((prices["USD"] for prices in hourly), default=0.0)
