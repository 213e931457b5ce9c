"""What can be had at the document's sites, and at what price."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from planner.domain.hardware import Device, Offer, Purchase
from planner.domain.tariffs import TokenTariff
from planner.pipeline.asking.by_request import function_offer, hosted_offers
from planner.reference.catalog import Catalog
from planner.specs.by_request import HostedApi, Serverless
from planner.specs.deployment import Deployment
from planner.specs.sites import CloudSite, EdgeDevices, EdgeSite
from planner.units import H_PER_MONTH, W_PER_KW


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An offer, where it stands, and what the reader must know about its price.

    `stock_field` names the document's field that limits it, if one does;
    `gco2e_per_kwh` is what the electricity there emits, where it is stated.
    """

    offer: Offer
    zone: str | None
    is_edge: bool
    stock_field: str | None = None
    gco2e_per_kwh: float | None = None
    notes: tuple[str, ...] = ()


def devices(offered: Iterable[Place]) -> list[str]:
    """Names of the devices on offer; nobody says what a hosted model runs on."""
    return sorted(
        {p.offer.device for p in offered if not isinstance(p.offer.tariff, TokenTariff)}
    )


def hosts(
    offered: Sequence[Place], catalog: Catalog
) -> dict[str, tuple[str | None, ...]]:
    """By device on offer: where it is rented, each as narrowly as it is known."""
    found: dict[str, dict[str | None, None]] = {name: {} for name in devices(offered)}
    for p in offered:
        offer = p.offer
        if offer.device in found:
            host = catalog.host(offer.device, offer.provider, offer.instance_type)
            found[offer.device][host] = None
    return {name: tuple(own) for name, own in found.items()}


def places(spec: Deployment, catalog: Catalog) -> tuple[Place, ...]:
    """Every machine that the document allows, and everything paid by request."""
    found: list[Place] = []
    for i, site in enumerate(spec.sites):
        if isinstance(site, EdgeSite):
            for j, devices in enumerate(site.devices):
                field = f"sites.{i}.devices.{j}.stock"
                found.append(_edge_place(site, devices, field, catalog))
        elif isinstance(site, CloudSite):
            found += _cloud_places(site, catalog)
        elif isinstance(site, HostedApi):
            found += _hosted_places(site)
        else:
            found += _function_places(site, catalog)
    unique = {p.offer.name: p for p in found}
    return tuple(unique.values())


def _cloud_places(site: CloudSite, catalog: Catalog) -> list[Place]:
    wanted = set(site.instance_types or ())
    regions = {name: catalog.region(site.provider, name) for name in site.regions}
    return [
        Place(
            offer=offer,
            zone=regions[offer.site].zone,
            is_edge=False,
            gco2e_per_kwh=regions[offer.site].gco2e_per_kwh,
        )
        for offer in catalog.offers(site.provider, site.regions, site.purchase)
        if not wanted or offer.instance_type in wanted
    ]


def _hosted_places(site: HostedApi) -> Iterable[Place]:
    for offer in hosted_offers(site):
        tariff = offer.tariff
        is_limited = isinstance(tariff, TokenTariff) and (
            tariff.most_requests_per_min is not None
            or tariff.most_tokens_per_min is not None
        )
        unlimited = (
            f"{offer.instance_type} at {offer.site}: no limit of your account is stated, "
            "so none is kept; give most_requests_per_min or most_tokens_per_min"
        )
        notes = () if is_limited else (unlimited,)
        yield Place(offer=offer, zone=site.zone, is_edge=False, notes=notes)


def _function_places(site: Serverless, catalog: Catalog) -> Iterable[Place]:
    zone = catalog.region(site.provider, site.region).zone
    for function in site.functions:
        notes = []
        if function.most_concurrent is None:
            notes.append(
                f"{function.name} in {site.region}: no limit of functions at once is "
                "stated, so none is kept; give most_concurrent"
            )
        offer = function_offer(site, function)
        yield Place(offer=offer, zone=zone, is_edge=False, notes=tuple(notes))


def _edge_place(
    site: EdgeSite, spec: EdgeDevices, field: str, catalog: Catalog
) -> Place:
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
    return Place(
        offer=offer,
        zone=site.zone,
        is_edge=True,
        stock_field=field,
        gco2e_per_kwh=site.grid_gco2e_per_kwh,
        notes=notes,
    )


def _owned_price(
    site: EdgeSite, spec: EdgeDevices, device: Device, catalog: Catalog
) -> tuple[float, str, tuple[str, ...]]:
    notes: list[str] = []
    rate, rate_source = site.electricity_usd_per_kwh, "spec"
    if rate is None:
        rate, rate_source = catalog.electricity_usd_per_kwh(site.zone or "world")
    watts = device.active_w if device.active_w is not None else device.idle_w
    if watts is None:
        notes.append(f"{device.name}: no source states its watts; power counted as 0")
        watts = 0.0
    power = watts / W_PER_KW * rate
    owned = spec.upkeep_usd_per_month / H_PER_MONTH
    words = f"{watts:g} W × {rate:g} USD/kWh ({rate_source})"
    if spec.capex_usd is None:
        notes.append(
            f"{device.name} at {site.name} is counted as paid for: only its power "
            "(and upkeep, if given) is on the bill; give capex_usd to write it off"
        )
    else:
        owned += spec.capex_usd / spec.life_months / H_PER_MONTH
        words += f"; {spec.capex_usd:g} USD over {spec.life_months} months (spec)"
    if spec.upkeep_usd_per_month:
        words += f"; upkeep {spec.upkeep_usd_per_month:g} USD/month (spec)"
    return power + owned, words, tuple(notes)
