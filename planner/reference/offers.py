"""Which device an instance type is, and what it is offered for.

Shipped tables and snapshots of the user's own pass through here alike. A family
is mapped to a processor generation or an accelerator only where a source says
so (`families/`, `accelerators.csv`); every other instance type is skipped,
with the reason. SXM and PCIe boards are different devices. An offer's memory is
what a model can use: the instance's for CPU shapes, its accelerators' together
else.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from planner.domain.hardware import Offer, Purchase
from planner.domain.quotes import InstanceQuote
from planner.reference.devices import cpu_name, device
from planner.reference.tables import rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """An instance type that no offer was made of, and why."""

    provider: str
    region: str
    instance_type: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The devices of one instance."""

    device: str
    device_count: int


@cache  # a search asks for them some hundred times, and 75 ms a time for a whole cloud
def offers_of(quote: InstanceQuote) -> tuple[Offer, ...]:
    """An on-demand and a spot offer, as far as priced; none without a known device."""
    machine = machine_of(quote)
    if isinstance(machine, Skipped):
        return ()
    memory_bytes = _memory_bytes(quote, machine)
    offers = []
    if quote.on_demand_usd_per_h is not None:
        offers.append(
            Offer(
                name=_name(quote, Purchase.ON_DEMAND),
                provider=quote.provider,
                site=quote.region,
                instance_type=quote.instance_type,
                device=machine.device,
                device_count=machine.device_count,
                purchase=Purchase.ON_DEMAND,
                price_usd_per_h=quote.on_demand_usd_per_h,
                price_source=quote.on_demand_source,
                price_as_of=quote.on_demand_as_of,
                memory_bytes=memory_bytes,
                vcpus=quote.vcpus,
            )
        )
    if quote.spot_usd_per_h is not None:
        offers.append(
            Offer(
                name=_name(quote, Purchase.SPOT),
                provider=quote.provider,
                site=quote.region,
                instance_type=quote.instance_type,
                device=machine.device,
                device_count=machine.device_count,
                purchase=Purchase.SPOT,
                price_usd_per_h=quote.spot_usd_per_h,
                price_source=quote.spot_source,
                price_as_of=quote.spot_as_of or quote.on_demand_as_of,
                memory_bytes=memory_bytes,
                vcpus=quote.vcpus,
                interruption_frac_per_month=quote.interruption_frac_per_month,
            )
        )
    return tuple(offers)


def skipped(quotes: Iterable[InstanceQuote]) -> tuple[Skipped, ...]:
    """The instance types of these quotes that no offer is made of."""
    return tuple(
        machine for q in quotes if isinstance(machine := machine_of(q), Skipped)
    )


def machine_of(quote: InstanceQuote) -> Machine | Skipped:
    """What the instance has, or why that is not known."""
    families = families_of(quote.provider, quote.instance_type)
    entry = _accelerator(quote.provider, families, quote.accelerator)
    if entry is not None or quote.accelerator is not None:
        return _accelerated(quote, entry)
    for family in families:
        generation = _processors(quote.provider).get(family)
        if generation is not None:
            name = cpu_name(generation, quote.vcpus)
            return Machine(device=name, device_count=1)
    return _skip(quote, "no source states its processor")


def families_of(provider: str, instance_type: str) -> tuple[str, ...]:
    """The family names to look an instance type up by, the most specific first.

    Example:
        >>> families_of("aws", "m7g.2xlarge"), families_of("gcp", "a2-ultragpu-1g")
        (('m7g',), ('a2-ultragpu', 'a2'))
        >>> families_of("azure", "Standard_D8as_v5")
        ('Standard_D#as_v5',)
    """
    if provider == "aws":
        return (instance_type.split(".", 1)[0],)
    if provider == "gcp":
        parts = instance_type.split("-")
        return ("-".join(parts[:2]), parts[0])
    # Azure's digits after the series letters are the vCPUs; "-n" constrains them.
    return (re.sub(r"(?<=[A-Za-z])\d+(-\d+)?", "#", instance_type, count=1),)


def _accelerated(quote: InstanceQuote, entry: str | None) -> Machine | Skipped:
    if entry is None:
        return _skip(quote, f"no source states which board '{quote.accelerator}' is")
    if not entry:
        return _skip(quote, "sells fractions of an accelerator")
    count = round(quote.accelerator_count)
    if count < 1 or count != quote.accelerator_count:
        return _skip(quote, f"has {quote.accelerator_count:g} accelerators")
    return Machine(device=entry, device_count=count)


def _accelerator(
    provider: str, families: Sequence[str], word: str | None
) -> str | None:
    """The board by family and word, by family alone, then by word alone."""
    table = _accelerators()
    keys = [(provider, f, w) for f in families for w in (word or "", "")]
    if word is not None:
        keys += [(provider, "", word), ("", "", word)]
    return next((table[key] for key in keys if key in table), None)


@cache
def _accelerators() -> Mapping[tuple[str, str, str], str]:
    return {
        (r["provider"], r["family"], r["accelerator"]): r["device"]
        for r in rows("accelerators.csv")
    }


@cache
def _processors(provider: str) -> Mapping[str, str]:
    return {r["family"]: r["generation"] for r in rows(f"families/{provider}.csv")}


def _memory_bytes(quote: InstanceQuote, machine: Machine) -> float | None:
    if quote.accelerator_count < 1:
        return quote.memory_bytes
    each = device(machine.device).memory_bytes
    return None if each is None else each * machine.device_count


def _name(quote: InstanceQuote, purchase: Purchase) -> str:
    return f"{quote.provider}/{quote.region}/{quote.instance_type}/{purchase}"


def _skip(quote: InstanceQuote, reason: str) -> Skipped:
    return Skipped(
        provider=quote.provider,
        region=quote.region,
        instance_type=quote.instance_type,
        reason=reason,
    )
