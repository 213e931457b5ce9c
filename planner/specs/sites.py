"""Where machines may stand: edge sites with boxes, and cloud regions."""

from typing import Annotated, Literal

from pydantic import Field

from planner.domain.hardware import Purchase
from planner.specs.base import Count, Name, NonNegative, Positive, Spec


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
    """The site's way out: round trip and bandwidth to region `to`.

    `to` is the region the round trip was measured to; unless given, the first
    region of the document.
    """

    rtt_ms: NonNegative
    bandwidth_mbps: Positive
    to: str | None = None
    max_load_frac: Annotated[float, Field(gt=0, lt=1)] = 0.7


class EdgeSite(Spec):
    """A place of the user's own, with devices, an uplink, or both."""

    kind: Literal["edge"]
    name: Name
    devices: tuple[EdgeDevices, ...] = ()
    uplink: Uplink | None = None
    lan_rtt_ms: NonNegative = 1.0
    zone: str | None = None
    electricity_usd_per_kwh: NonNegative | None = None


class CloudSite(Spec):
    """Regions of one provider."""

    kind: Literal["cloud"]
    provider: str
    regions: Annotated[tuple[str, ...], Field(min_length=1)]
    purchase: Annotated[
        tuple[Literal[Purchase.ON_DEMAND, Purchase.SPOT], ...], Field(min_length=1)
    ] = (Purchase.ON_DEMAND,)
    instance_types: tuple[str, ...] | None = None


Site = Annotated[EdgeSite | CloudSite, Field(discriminator="kind")]
