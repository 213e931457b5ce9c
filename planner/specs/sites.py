"""Where requests may be answered: sites of one's own, cloud regions, others' services."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from planner.domain.hardware import Purchase
from planner.specs.base import Count, Name, NonNegative, Positive, Spec
from planner.specs.by_request import HostedApi, Serverless


class EdgeDevices(Spec):
    """Boxes of one kind at a site.

    Without `capex_usd` they count as paid for: only power and upkeep cost.
    """

    device: str
    stock: Count
    capex_usd: NonNegative | None = None
    life_months: Annotated[int, Field(ge=1, le=240)] = 36
    upkeep_usd_per_month: NonNegative = 0.0


class Uplink(Spec):
    """The site's way out, as measured by the user or as a typical access network.

    With `rtt_ms` and `bandwidth_mbps` the site is one building whose requests
    share the line. With `access` (`planner catalog links`) every user has a
    line of their own, so nothing is shared. `to` is the region the round trip
    leads to; unless given, the first region of the document. `jitter_ms` is how far
    the mean round trip lies above the fastest (what ping calls avg and min).
    """

    rtt_ms: NonNegative | None = None
    bandwidth_mbps: Positive | None = None
    jitter_ms: NonNegative = 0.0
    access: str | None = None
    to: str | None = None
    max_load_frac: Annotated[float, Field(gt=0, lt=1)] = 0.7

    @model_validator(mode="after")
    def _jitter_is_of_the_round_trip(self) -> Self:
        if self.jitter_ms > 0 and self.jitter_ms > (self.rtt_ms or 0.0):
            raise ValueError(
                "jitter_ms is the part of rtt_ms (its mean) that comes and goes: give "
                "no more than rtt_ms"
            )
        return self

    @model_validator(mode="after")
    def _measured_or_typical(self) -> Self:
        measured = self.rtt_ms is not None and self.bandwidth_mbps is not None
        partial = (self.rtt_ms is None) != (self.bandwidth_mbps is None)
        if partial or measured == (self.access is not None):
            raise ValueError(
                "give rtt_ms and bandwidth_mbps, or access, a typical network's name"
            )
        return self


class EdgeSite(Spec):
    """A place of the user's own, with devices, an uplink, or both."""

    kind: Literal["edge"]
    name: Name
    devices: tuple[EdgeDevices, ...] = ()
    uplink: Uplink | None = None
    lan_rtt_ms: NonNegative = 1.0
    lan_bandwidth_mbps: Positive = 1000.0
    zone: str | None = None
    electricity_usd_per_kwh: NonNegative | None = None
    grid_gco2e_per_kwh: NonNegative | None = None


class CloudSite(Spec):
    """Regions of one provider."""

    kind: Literal["cloud"]
    provider: str
    regions: Annotated[tuple[str, ...], Field(min_length=1)]
    purchase: Annotated[
        tuple[Literal[Purchase.ON_DEMAND, Purchase.SPOT], ...], Field(min_length=1)
    ] = (Purchase.ON_DEMAND,)
    instance_types: tuple[str, ...] | None = None


Site = Annotated[
    EdgeSite | CloudSite | HostedApi | Serverless, Field(discriminator="kind")
]
