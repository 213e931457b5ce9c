"""Devices, the offers that sell them, and the places they stand in."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from planner.domain.tariffs import Tariff


class DeviceKind(StrEnum):
    """What sort of hardware a device is."""

    EDGE = "edge"  # a board or box one can put on a shelf
    CPU = "cpu"  # the processors of a cloud instance shape
    GPU = "gpu"  # one accelerator of a cloud instance


class Purchase(StrEnum):
    """How an offer is paid for."""

    ON_DEMAND = "on_demand"
    SPOT = "spot"
    OWNED = "owned"
    BY_REQUEST = "by_request"  # no machine: each request has its price


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A kind of hardware; None where no source states the figure.

    For `kind == cpu` the device is a processor generation with a number of
    vCPUs (`graviton3-8vcpu`); its memory is a property of the offer.
    """

    name: str
    kind: DeviceKind
    description: str
    source: str
    as_of: dt.date
    cores: int | None = None
    architecture: str | None = None
    memory_bytes: float | None = None
    memory_bytes_per_s: float | None = None
    fp32_flop_per_s: float | None = None
    fp16_flop_per_s: float | None = None
    int8_op_per_s: float | None = None
    idle_w: float | None = None
    active_w: float | None = None
    capex_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A provider's region; `zone` is the word that `residency` uses (`eu`, `us`, `ap`).

    `gco2e_per_kwh` is the grid's average and None where no source states it.
    """

    provider: str
    name: str
    zone: str
    location: str
    source: str
    as_of: dt.date
    gco2e_per_kwh: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A machine that can be had somewhere at a price.

    `site` is a cloud region's name or the name of an edge site; `stock` is None
    where no limit is known. `interruption_frac_per_month` is the upper end of
    the provider's bucket, for spot offers whose provider states one. `tariff` is
    what a request costs where there is no machine to pay for.
    """

    name: str
    provider: str
    site: str
    instance_type: str
    device: str
    device_count: int
    purchase: Purchase
    price_usd_per_h: float
    price_source: str
    price_as_of: dt.date
    memory_bytes: float | None = None
    vcpus: int | None = None
    stock: int | None = None
    interruption_frac_per_month: float | None = None
    tariff: Tariff | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPath:
    """The way from a workload's origin to a site and back.

    `transfer_s` is payload over bandwidth, both ways; the request waits for the
    shared uplink like an M/D/1 queue at `uplink_load_frac`. `line` names the edge
    site whose uplink it takes, shared or not. `jitter_s` is the part of the mean
    round trip that comes and goes.
    """

    rtt_s: float
    transfer_s: float
    uplink_load_frac: float
    source: str
    line: str | None = None
    jitter_s: float = 0.0
