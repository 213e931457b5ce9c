"""All that is known without measuring: shipped tables, and the user's own prices.

Every table is read when it is first asked for, so that a recommendation pays
only for its own model, providers and regions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from planner.domain.hardware import Device, Offer, Purchase, Region
from planner.domain.operations import Operations
from planner.domain.profiles import Profile
from planner.domain.quotes import InstanceQuote, PriceSnapshot
from planner.errors import UnknownReferenceError
from planner.reference import devices, hosts, links, operations, profiles, quotes
from planner.reference.imported import ImportedModel, key
from planner.reference.offers import Skipped, offers_of, skipped
from planner.reference.records import AccessNetwork, PublishedModel
from planner.reference.tables import nearest

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Devices, offers, published profiles and links, each figure with its source.

    `snapshots` replace shipped quotes in the regions that they cover; of several
    that cover a region the last one counts. `imported` profiles stand beside the
    published ones of the same model, and in place of those of the same setting.
    """

    snapshots: tuple[PriceSnapshot, ...] = ()
    imported: tuple[ImportedModel, ...] = ()

    @classmethod
    def shipped(cls) -> "Catalog":
        """The catalogue as it comes with the product."""
        return cls()

    def with_snapshot(self, snapshot: PriceSnapshot) -> "Catalog":
        """The same catalogue with the snapshot's quotes in the snapshot's regions."""
        return replace(self, snapshots=(*self.snapshots, snapshot))

    def with_profiles(self, imported: ImportedModel) -> "Catalog":
        """The same catalogue with profiles that the user imported."""
        return replace(self, imported=(*self.imported, imported))

    def devices(self) -> tuple[Device, ...]:
        """Boards and accelerators, then shapes of cloud CPUs."""
        return devices.devices()

    def device(self, name: str) -> Device:
        """The device of that name.

        Raises:
            UnknownReferenceError: No such device, with the nearest names.
        """
        return devices.device(name)

    def providers(self) -> tuple[str, ...]:
        """Every cloud with regions."""
        return links.providers()

    def regions(self, provider: str) -> tuple[Region, ...]:
        """The regions of a provider.

        Raises:
            UnknownReferenceError: No such provider.
        """
        self._check_provider(provider)
        return links.regions(provider)

    def region(self, provider: str, name: str) -> Region:
        """One region of a provider.

        Raises:
            UnknownReferenceError: No such provider or region.
        """
        self._check_provider(provider)
        return links.region(provider, name)

    def quotes(self, provider: str, region: str) -> tuple[InstanceQuote, ...]:
        """Every quote of a region: the user's own where there is a snapshot of it."""
        for snapshot in reversed(self.snapshots):
            if snapshot.provider == provider and region in snapshot.regions:
                own = (q for q in snapshot.quotes if q.region == region)
                return tuple(_with_interruptions(own, quotes.quotes(provider, region)))
        return quotes.quotes(provider, region)

    def offers(
        self, provider: str, regions: Sequence[str], purchases: Sequence[Purchase]
    ) -> tuple[Offer, ...]:
        """Machines to be had there, of every instance type with a known device.

        Raises:
            UnknownReferenceError: No such provider or region.
        """
        return tuple(
            offer
            for name in regions
            for quote in self.quotes(provider, self.region(provider, name).name)
            for offer in offers_of(quote)
            if offer.purchase in purchases
        )

    def skipped(self, provider: str, regions: Sequence[str]) -> tuple[Skipped, ...]:
        """Instance types with a price but without a known device, and why."""
        return skipped(
            quote for name in regions for quote in self.quotes(provider, name)
        )

    def models(self) -> tuple[PublishedModel, ...]:
        """Every model with a published profile, then those that were imported alone."""
        shipped = profiles.models()
        return (
            *shipped.values(),
            *(_described(i) for i in self.imported if i.model not in shipped),
        )

    def profiles(self, model: str) -> tuple[Profile, ...]:
        """Everything published about a model, and what was imported of it.

        Raises:
            UnknownReferenceError: No such model, with the nearest names.
        """
        own = {key(p): p for i in self.imported if i.model == model for p in i.profiles}
        if own and model not in profiles.models():
            return tuple(own.values())
        published = (p for p in profiles.profiles(model) if key(p) not in own)
        return (*published, *own.values())

    def imported_of(self, model: str) -> tuple[Profile, ...]:
        """What was imported under a model's name, whether it names the content or not."""
        return tuple(p for i in self.imported if i.model == model for p in i.profiles)

    def operations(self, model: str) -> Operations | None:
        """What the model asks of a device, where its authors state it."""
        return operations.operations().get(model)

    def images_per_s(self, device: str) -> tuple[float, str] | None:
        """How fast a cloud processor finds objects in images, and the source, if known."""
        return operations.cpu_speeds().get(device)

    def hosts(self, device: str) -> tuple[str, ...]:
        """Providers that rent the accelerator, then instance types that have it."""
        return hosts.hosts(device)

    def host(self, device: str, provider: str, instance_type: str) -> str | None:
        """The narrowest of `hosts` that an offer's instance is; None: none is known."""
        return hosts.host(device, provider, instance_type)

    @property
    def host_source(self) -> str:
        """Who states how fast hosts are."""
        return hosts.source()

    def host_speed_ratio(
        self, device: str, beside: str | None, *, without: str = ""
    ) -> float:
        """Speed of one thread beside an accelerator, as `planner.reference.hosts` says."""
        return hosts.host_speed_ratio(device, beside, without=without)

    def rtt_s(self, from_site: str, to_site: str) -> tuple[float, str] | None:
        """Seconds of a round trip between two regions and the source, if known."""
        return links.rtt_s(from_site, to_site)

    def access_networks(self) -> tuple[AccessNetwork, ...]:
        """Typical ways from a user to the internet."""
        return tuple(links.access_networks().values())

    def access_network(self, name: str) -> AccessNetwork:
        """One of them.

        Raises:
            UnknownReferenceError: No such network, with the nearest names.
        """
        return _known(name, "access network", links.access_networks())

    def egress_usd_per_gb(self, provider: str, region: str) -> tuple[float, str]:
        """Price of a decimal gigabyte to the internet, and its source.

        Raises:
            PriceMissingError: No source states it; it is never taken as free.
        """
        return links.egress_usd_per_gb(provider, region)

    def electricity_usd_per_kwh(self, zone: str) -> tuple[float, str]:
        """Business electricity price in a zone, the world's where unknown."""
        return links.electricity_usd_per_kwh(zone)

    def carbon_gco2e_per_kwh(
        self, provider: str, region: str
    ) -> tuple[float, str] | None:
        """The grid's average at a region and its source, if known.

        Raises:
            UnknownReferenceError: No such provider or region.
        """
        self._check_provider(provider)
        return links.carbon_gco2e_per_kwh(provider, region)

    def _check_provider(self, provider: str) -> None:
        known = links.providers()
        if provider not in known:
            raise UnknownReferenceError("provider", provider, known)


def _described(imported: ImportedModel) -> PublishedModel:
    metrics = sorted({p.quality.metric for p in imported.profiles if p.quality})
    n_devices = len({p.device for p in imported.profiles})
    on = "1 device" if n_devices == 1 else f"{n_devices} devices"
    return PublishedModel(
        name=imported.model,
        task="yours",
        metric=" ".join(metrics),
        description=f"imported, measured on {on}",
        source="; ".join(dict.fromkeys(p.evidence.source for p in imported.profiles)),
    )


def _known(name: str, what: str, known: Mapping[str, T]) -> T:
    if name not in known:
        raise UnknownReferenceError(what, name, nearest(name, known) or tuple(known))
    return known[name]


def _with_interruptions(
    own: Iterable[InstanceQuote], shipped: Iterable[InstanceQuote]
) -> Iterable[InstanceQuote]:
    """A provider's interface tells spot prices but not how often machines are taken.

    The shipped bucket of the same type and region stands in where there is one; the
    price stays the user's own.
    """
    known = {q.instance_type: q.interruption_frac_per_month for q in shipped}
    for quote in own:
        often = known.get(quote.instance_type)
        if quote.interruption_frac_per_month is None and often is not None:
            yield replace(quote, interruption_frac_per_month=often)
        else:
            yield quote
