"""Prices and shapes of cloud instances as a provider states them."""

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceQuote:
    """One instance type in one region; a price is None where it is not sold so.

    `accelerator` is the provider's own word (`L4`, `A10G`), None for CPU shapes.
    """

    provider: str
    region: str
    instance_type: str
    vcpus: int
    memory_bytes: float
    accelerator: str | None
    accelerator_count: float
    on_demand_usd_per_h: float | None
    on_demand_source: str
    on_demand_as_of: dt.date
    spot_usd_per_h: float | None = None
    spot_source: str = ""
    spot_as_of: dt.date | None = None
    interruption_frac_per_month: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSnapshot:
    """All quotes of one refresh; `taken_at` is aware UTC."""

    provider: str
    regions: tuple[str, ...]
    taken_at: dt.datetime
    quotes: tuple[InstanceQuote, ...]
