"""Round trips, access networks, and what traffic, power and its carbon cost where.

A round trip between regions is taken from the first that is known: the pair
itself, the newest first; the cities that the regions stand in or near, which
then the source says; the same city, which counts as the same region.
"""

from collections.abc import Mapping
from functools import cache

from planner.domain.hardware import Region
from planner.errors import PriceMissingError, UnknownReferenceError
from planner.reference.records import AccessNetwork
from planner.reference.tables import citations, nearest, number, rows
from planner.units import bytes_per_s, seconds

# The word under which electricity is looked up where a zone has none of its own.
WORLD = "world"


@cache
def providers() -> tuple[str, ...]:
    """Every cloud with regions."""
    return tuple(dict.fromkeys(row["provider"] for row in rows("regions.csv")))


def regions(provider: str) -> tuple[Region, ...]:
    """Every region of a provider, also those without shipped prices."""
    return tuple(_regions(provider).values())


def region(provider: str, name: str) -> Region:
    """One region.

    Raises:
        UnknownReferenceError: The provider has none of that name.
    """
    known = _regions(provider)
    if name not in known:
        what = f"region of {provider}"
        raise UnknownReferenceError(what, name, nearest(name, known))
    return known[name]


@cache
def _regions(provider: str) -> Mapping[str, Region]:
    found = {}
    for row in rows("regions.csv"):
        if row["provider"] == provider:
            cited = [citations()[key] for key in row["sources"].split()]
            found[row["name"]] = Region(
                provider=provider,
                name=row["name"],
                zone=row["zone"],
                location=row["location"],
                source="; ".join(str(c) for c in cited),
                as_of=cited[-1].as_of,
                gco2e_per_kwh=number(row["gco2e_per_kwh"]),
            )
    return found


def carbon_gco2e_per_kwh(provider: str, name: str) -> tuple[float, str] | None:
    """The grid's average at a region and its source; None where no source states it."""
    found = region(provider, name)
    if found.gco2e_per_kwh is None:
        return None
    return found.gco2e_per_kwh, found.source


@cache
def rtt_s(from_site: str, to_site: str) -> tuple[float, str] | None:
    """Seconds of a round trip between two regions, and where that figure is from."""
    cities = _cities()
    start, end = cities.get(from_site, from_site), cities.get(to_site, to_site)
    if from_site == to_site or start == end:
        place = from_site if from_site == to_site else f"{from_site} and {to_site}"
        return _cited(("same region", "same region"), f"within {place}: ")
    direct = _cited(_pair(from_site, to_site))
    between = f"between the nearest cities {start} and {end}: "
    return direct or _cited(_pair(start, end), between)


def _cited(pair: tuple[str, str], before: str = "") -> tuple[float, str] | None:
    found = _round_trips().get(pair)
    return None if found is None else (found[0], f"{before}{citations()[found[1]]}")


@cache
def access_networks() -> Mapping[str, AccessNetwork]:
    """Typical ways from a user to the internet, by name."""
    return {
        row["name"]: AccessNetwork(
            name=row["name"],
            description=row["description"],
            rtt_s=seconds(float(row["rtt_ms"])),
            down_bytes_per_s=bytes_per_s(float(row["down_mbps"])),
            up_bytes_per_s=bytes_per_s(float(row["up_mbps"])),
            source="; ".join(str(citations()[k]) for k in row["sources"].split()),
            as_of=min(citations()[k].as_of for k in row["sources"].split()),
        )
        for row in rows("access_networks.csv")
    }


@cache
def egress_usd_per_gb(provider: str, name: str) -> tuple[float, str]:
    """What a decimal gigabyte to the internet costs in the first paid tier.

    Raises:
        PriceMissingError: No source states it; it is never taken as free.
    """
    for row in rows("egress.csv"):
        if row["provider"] == provider and row["region"] == name:
            cited = citations()[row["source"]]
            return float(row["usd_per_gb"]), f"{row['tier']}: {cited}"
    raise PriceMissingError(
        f"no source states what traffic from {provider} {name} to the internet "
        f"costs: choose another region of {provider}"
    )


def electricity_usd_per_kwh(zone: str) -> tuple[float, str]:
    """Business electricity price in a zone, the world's average where unknown."""
    prices = {row["zone"]: row for row in rows("electricity.csv")}
    row = prices.get(zone, prices[WORLD])
    cited = citations()[row["source"]]
    return float(row["usd_per_kwh"]), f"{row['area']}, business: {cited}"


@cache
def _cities() -> Mapping[str, str]:
    return {row["name"]: row["city"] for row in rows("regions.csv") if row["city"]}


@cache
def _round_trips() -> Mapping[tuple[str, str], tuple[float, str]]:
    """Seconds and the source's key by ordered pair; of several rows the newest."""
    return {
        _pair(row["from"], row["to"]): (seconds(float(row["rtt_ms"])), row["source"])
        for row in sorted(rows("rtt.csv"), key=lambda r: citations()[r["source"]].as_of)
    }


def _pair(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one <= other else (other, one)
