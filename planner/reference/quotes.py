"""Shipped quotes: what each provider's instance types cost where, by region."""

from collections.abc import Mapping
from functools import cache

from planner.domain.quotes import InstanceQuote
from planner.reference.tables import Row, citations, number, rows
from planner.units import BYTES_PER_GIB


@cache
def quotes(provider: str, region: str) -> tuple[InstanceQuote, ...]:
    """Every shipped quote of one region."""
    shapes = _shapes(provider)
    return tuple(
        _quote(provider, region, row, shapes[row["instance_type"]])
        for row in rows(f"quotes/{provider}/{region}.csv")
    )


@cache
def _shapes(provider: str) -> Mapping[str, Row]:
    return {row["instance_type"]: row for row in rows(f"shapes/{provider}.csv")}


def _quote(provider: str, region: str, row: Row, shape: Row) -> InstanceQuote:
    on_demand = citations()[row["on_demand_source"]]
    spot = citations()[row["spot_source"]] if row["spot_source"] else None
    return InstanceQuote(
        provider=provider,
        region=region,
        instance_type=row["instance_type"],
        vcpus=int(shape["vcpus"]),
        memory_bytes=float(shape["memory_gib"]) * BYTES_PER_GIB,
        accelerator=shape["accelerator"] or None,
        accelerator_count=float(shape["accelerator_count"]),
        on_demand_usd_per_h=number(row["on_demand_usd_per_h"]),
        on_demand_source=on_demand.citation,
        on_demand_as_of=on_demand.as_of,
        spot_usd_per_h=number(row["spot_usd_per_h"]),
        spot_source=spot.citation if spot else "",
        spot_as_of=spot.as_of if spot else None,
        interruption_frac_per_month=number(row["interruption_frac_per_month"]),
    )
