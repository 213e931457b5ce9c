"""Which machines can be had at the document's sites, and the way to each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from planner.domain.hardware import Device, NetworkPath, Offer, Purchase
from planner.domain.workloads import Workload
from planner.errors import Mistake, SpecMistakesError, UnknownReferenceError
from planner.reference.catalog import Catalog
from planner.specs.deployment import Deployment
from planner.specs.sites import EdgeDevices, EdgeSite, Uplink
from planner.units import H_PER_MONTH, W_PER_KW, bytes_per_s, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An offer, where it stands, and what the reader must know about its price."""

    offer: Offer
    zone: str | None
    is_edge: bool
    notes: tuple[str, ...] = ()


def check_references(spec: Deployment, catalog: Catalog) -> None:
    """Every name that the catalogue must know is known.

    Raises:
        SpecMistakesError: All unknown names, each with the nearest known.
    """
    mistakes = tuple(_unknown_names(spec, catalog))
    if mistakes:
        raise SpecMistakesError(spec.name, mistakes)


def _unknown_names(spec: Deployment, catalog: Catalog) -> Iterable[Mistake]:
    for i, model in enumerate(spec.models):
        if model.source.kind == "reference":
            yield from _lookup(
                f"models.{i}.source.name",
                lambda n: catalog.profiles(n),
                model.source.name,
            )
    for i, site in enumerate(spec.sites):
        if isinstance(site, EdgeSite):
            for j, d in enumerate(site.devices):
                path = f"sites.{i}.devices.{j}.device"
                yield from _lookup(path, catalog.device, d.device)
        else:
            for j, region in enumerate(site.regions):
                yield from _lookup(
                    f"sites.{i}.regions.{j}",
                    lambda r, p=site.provider: catalog.region(p, r),
                    region,
                )


def _lookup(path: str, look: object, name: str) -> Iterable[Mistake]:
    if not callable(look):
        raise AssertionError("a lookup is a function")
    try:
        look(name)
    except UnknownReferenceError as error:
        near = f"nearest: {', '.join(error.nearest)}" if error.nearest else ""
        yield Mistake(path=path, problem=f"unknown {error.what} '{name}'", way_out=near)


def places(spec: Deployment, catalog: Catalog) -> tuple[Place, ...]:
    """Every machine the document allows."""
    found: list[Place] = []
    for site in spec.edge_sites():
        found += [_edge_place(site, d, catalog) for d in site.devices]
    for cloud in spec.cloud_sites():
        wanted = set(cloud.instance_types or ())
        for offer in catalog.offers(cloud.provider, cloud.regions, cloud.purchase):
            if not wanted or offer.instance_type in wanted:
                zone = catalog.region(cloud.provider, offer.site).zone
                found.append(Place(offer=offer, zone=zone, is_edge=False))
    return tuple(found)


def _edge_place(site: EdgeSite, spec: EdgeDevices, catalog: Catalog) -> Place:
    device = catalog.device(spec.device)
    price, source, notes = _owned_price(site, spec, device, catalog)
    offer = Offer(
        name=f"{site.name}/{device.name}/owned",
        provider="edge",
        site=site.name,
        instance_type=device.name,
        device=device.name,
        device_count=1,
        purchase=Purchase.OWNED,
        price_usd_per_h=price,
        price_source=source,
        price_as_of=device.as_of,
        memory_bytes=device.memory_bytes,
        vcpus=device.cores,
        stock=spec.stock,
    )
    return Place(offer=offer, zone=site.zone, is_edge=True, notes=notes)


def _owned_price(
    site: EdgeSite, spec: EdgeDevices, device: Device, catalog: Catalog
) -> tuple[float, str, tuple[str, ...]]:
    notes: list[str] = []
    rate, rate_source = site.electricity_usd_per_kwh, "electricity price of the spec"
    if rate is None:
        rate, rate_source = catalog.electricity_usd_per_kwh(site.zone or "world")
    watts = device.active_w if device.active_w is not None else device.idle_w
    if watts is None:
        notes.append(f"{device.name}: no source states its watts; power counted as 0")
        watts = 0.0
    power = watts / W_PER_KW * rate
    owned = spec.upkeep_usd_per_month / H_PER_MONTH
    if spec.capex_usd is None:
        notes.append(f"{device.name} at {site.name}: counted as paid for; power only")
    else:
        owned += spec.capex_usd / spec.life_months / H_PER_MONTH
    source = f"{watts:g} W x {rate:g} USD/kWh ({rate_source}); capex and upkeep: spec"
    return power + owned, source, tuple(notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """From each origin to each site."""

    spec: Deployment
    catalog: Catalog
    uplink_load_frac: Mapping[str, float]

    def path(self, workload: Workload, offer: Offer) -> NetworkPath | None:
        """The way from the workload's origin to the offer; None where there is none."""
        site = next(
            (s for s in self.spec.edge_sites() if s.name == workload.origin), None
        )
        if site is None:
            return self._between_regions(workload.origin, offer)
        if offer.site == site.name and offer.purchase is Purchase.OWNED:
            return NetworkPath(
                rtt_s=seconds(site.lan_rtt_ms),
                transfer_s=0.0,
                uplink_load_frac=0.0,
                source=f"LAN of {site.name}: {site.lan_rtt_ms:g} ms (spec)",
            )
        if site.uplink is None or offer.purchase is Purchase.OWNED:
            return None
        return self._over_uplink(workload, site.uplink, offer)

    def _between_regions(self, origin: str, offer: Offer) -> NetworkPath | None:
        if offer.purchase is Purchase.OWNED:
            return None
        found = self.catalog.rtt_s(origin, offer.site)
        if found is None:
            return None
        rtt_s, source = found
        return NetworkPath(
            rtt_s=rtt_s, transfer_s=0.0, uplink_load_frac=0.0, source=source
        )

    def _over_uplink(
        self, workload: Workload, uplink: Uplink, offer: Offer
    ) -> NetworkPath | None:
        near = uplink.to or self.spec.cloud_sites()[0].regions[0]
        beyond = (
            (0.0, "") if near == offer.site else self.catalog.rtt_s(near, offer.site)
        )
        if beyond is None:
            return None
        payload = workload.request_bytes + workload.response_bytes
        return NetworkPath(
            rtt_s=seconds(uplink.rtt_ms) + beyond[0],
            transfer_s=payload / bytes_per_s(uplink.bandwidth_mbps),
            uplink_load_frac=self.uplink_load_frac[workload.origin],
            source=f"uplink {uplink.rtt_ms:g} ms to {near} (spec) {beyond[1]}".strip(),
        )


def uplink_loads(spec: Deployment, workloads: Sequence[Workload]) -> dict[str, float]:
    """Load of each site's uplink if all its traffic left, capped at the allowed load."""
    loads = {}
    for site in spec.edge_sites():
        if site.uplink is not None:
            asked = sum(
                w.rate_rps * (w.request_bytes + w.response_bytes)
                for w in workloads
                if w.origin == site.name
            )
            share = asked / bytes_per_s(site.uplink.bandwidth_mbps)
            loads[site.name] = min(share, site.uplink.max_load_frac)
    return loads
