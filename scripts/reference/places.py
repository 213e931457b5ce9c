"""Regions and their grid, round trips, access networks, traffic and power prices."""

import re
from collections import defaultdict
from typing import Final

from scripts.reference.tables import BY_HAND, Cell, Facts, Tables, figure

# Above this a grid factor is a slip of units in the source, not a grid.
HIGHEST_GCO2E_PER_KWH: Final = 1500.0

US_HUBS: Final = ("Washington", "Columbus", "Des Moines", "Portland", "San Jose")
REGION_SOURCES: Final = {
    "aws": "aws-regions",
    "azure": "azure-regions",
    "gcp": "gcp-carbon",
    "lambda": "lambda-region",
    "runpod": "runpod-region",
}
AZURE_NAMES: Final = {
    "East US": "eastus",
    "West US 3": "westus3",
    "West Europe": "westeurope",
    "Sweden Central": "swedencentral",
    "Germany West Central": "germanywestcentral",
}
ELECTRICITY_AREAS: Final = {
    "world": "World average",
    "eu": "Europe",
    "uk": "Europe",
    "ch": "Europe",
    "us": "North America",
    "ca": "North America",
    "mx": "North America",
    "sa": "South America",
    "ap": "Asia",
    "il": "Asia",
    "me": "Asia",
    "af": "Africa",
    "au": "Oceania",
}
# name, description, round trip from (row, source), bandwidth from (row, source).
ACCESS: Final = (
    (
        "fibre",
        "fibre to the home",
        ("FTTH (US, FCC average to ISP test server)", "access-fcc"),
        ("FIOS / fibre (profile)", "access-devtools"),
    ),
    (
        "cable",
        "cable at home",
        ("Cable (US, FCC average)", "access-fcc"),
        ("Cable (WPT profile)", "access-webpagetest"),
    ),
    (
        "dsl",
        "DSL at home",
        ("DSL (US, FCC average)", "access-fcc"),
        ("DSL (WPT profile)", "access-webpagetest"),
    ),
    (
        "lte",
        "mobile, good LTE",
        ("LTE (WPT profile)", "access-webpagetest"),
        ("LTE (WPT profile)", "access-webpagetest"),
    ),
    (
        "4g",
        "mobile, ordinary 4G",
        ("4G (WPT profile)", "access-webpagetest"),
        ("4G (WPT profile)", "access-webpagetest"),
    ),
    (
        "4g-slow",
        "mobile, slow 4G",
        ("Slow 4G (Lighthouse mobileSlow4G)", "access-lighthouse"),
        ("Slow 4G (Lighthouse mobileSlow4G)", "access-lighthouse"),
    ),
    (
        "3g",
        "mobile, 3G",
        ("3G (WPT profile)", "access-webpagetest"),
        ("3G (WPT profile)", "access-webpagetest"),
    ),
)


def add_regions(facts: Facts, tables: Tables) -> None:
    """`regions.csv`: where regions are, and how clean their grid is."""
    grams = _grid(facts)
    rows: list[dict[str, Cell]] = []
    for region in BY_HAND.rows("regions.csv"):
        provider, name = region["provider"], region["name"]
        value, carbon = grams.get((provider, name), (None, ""))
        keys = [REGION_SOURCES[provider], carbon]
        sources = " ".join(dict.fromkeys(k for k in keys if k))
        rows.append({**region, "gco2e_per_kwh": value, "sources": sources})
    tables.add("regions.csv", tuple(rows[0]), rows)


def _grid(facts: Facts) -> dict[tuple[str, str], tuple[float, str]]:
    found: dict[tuple[str, str], tuple[float, str]] = {}
    for row in facts.rows("grid_carbon.csv"):
        if "codecarbon" in row["source"]:
            continue
        value = figure(row["gco2_per_kwh"])
        source = "gcp-carbon" if row["provider"] == "gcp" else "ccf"
        name = AZURE_NAMES.get(row["region"], row["region"])
        if value is not None and value <= HIGHEST_GCO2E_PER_KWH:
            found[row["provider"], name] = value, source
    return found


def add_round_trips(facts: Facts, tables: Tables) -> None:
    """`rtt.csv`: between AWS regions, and between cities that regions stand in.

    Both directions of a pair are averaged.
    """
    places = BY_HAND.rows("regions.csv")
    cities = {r["city"] for r in places if r["city"]}
    regions = {r["name"] for r in places if r["provider"] == "aws"}
    seen: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for row in facts.rows("net_rtt_regions.csv"):
        source = _rtt_source(row["kind"])
        ends = [_city(row["from_loc"]), _city(row["to_loc"])]
        value = figure(row["rtt_ms"])
        known = all(e in cities or e in regions for e in ends)
        if source and known and value and ends[0] != ends[1]:
            seen[min(ends), max(ends), source].append(value)
    for row in facts.rows("net_rtt_cities.csv"):
        ends = [row["hub_city"], _city(row["city"])]
        value = figure(row["rtt_avg_ms"])
        if value and ends[1] in cities and ends[0] != ends[1]:
            seen[min(ends), max(ends), "rtt-wonder"].append(value)
    trips = {key: sum(v) / len(v) for key, v in sorted(seen.items())}
    rows: list[dict[str, Cell]] = [
        {"from": a, "to": b, "rtt_ms": rtt_ms, "source": source}
        for (a, b, source), rtt_ms in trips.items()
    ]
    rows += _from_somewhere_in_the_us(cities, trips)
    inside: dict[str, Cell] = {
        "from": "same region",
        "to": "same region",
        "rtt_ms": 1.08,
        "source": "rtt-inside",
    }
    tables.add("rtt.csv", ("from", "to", "rtt_ms", "source"), [inside, *rows])


def _from_somewhere_in_the_us(
    cities: set[str], trips: dict[tuple[str, str, str], float]
) -> list[dict[str, Cell]]:
    """Rows for offers that say no more than "US": the farthest of the hubs there."""
    rows: list[dict[str, Cell]] = []
    for city in sorted(cities):
        known = [
            trips.get((min(hub, city), max(hub, city), "rtt-wonder")) for hub in US_HUBS
        ]
        stated = [rtt_ms for rtt_ms in known if rtt_ms is not None]
        if len(stated) >= len(US_HUBS) - 1:
            rows.append(
                {
                    "from": "US",
                    "to": city,
                    "rtt_ms": max(stated),
                    "source": "rtt-us-farthest",
                }
            )
    return rows


def _rtt_source(kind: str) -> str:
    if kind.startswith("AWS inter-region p50"):
        return "rtt-cloudping"
    if kind.startswith("AWS inter-region ping"):
        return "rtt-aws-2018"
    return "rtt-ibm" if kind.startswith("IBM Cloud inter-region") else ""


COUNTRIES: Final = re.compile(
    r" (United States|United Kingdom|Netherlands|Germany|Ireland|France|Spain|Italy"
    r"|Sweden|Finland|Belgium|Switzerland|Japan|South Korea|Singapore|Hong Kong|India"
    r"|Australia|Canada|Brazil|Indonesia|Israel|United Arab Emirates|South Africa), .*"
)


def _city(text: str) -> str:
    return "Washington" if text == "Washington DC" else COUNTRIES.sub("", text)


def add_access_networks(facts: Facts, tables: Tables) -> None:
    """`access_networks.csv`: round trip and bandwidth, each from its own row."""
    known = {r["access"]: r for r in facts.rows("access_network.csv")}
    rows: list[dict[str, Cell]] = [
        {
            "name": name,
            "description": description,
            "rtt_ms": float(known[latency[0]]["rtt_ms"]),
            "down_mbps": float(known[bandwidth[0]]["down_mbps"]),
            "up_mbps": float(known[bandwidth[0]]["up_mbps"]),
            "sources": " ".join(dict.fromkeys([latency[1], bandwidth[1]])),
        }
        for name, description, latency, bandwidth in ACCESS
    ]
    tables.add("access_networks.csv", tuple(rows[0]), rows)


def add_egress(facts: Facts, tables: Tables) -> None:
    """`egress.csv`: first paid tier to the internet; absent where no source states it."""
    aws = {
        r["src"]: float(r["usd_per_gb"])
        for r in facts.rows("egress.csv")
        if r["provider"] == "aws"
        and r["dst"] == "internet"
        and "skyplane" in r["source"]
    }
    rows: list[dict[str, Cell]] = []
    for region in BY_HAND.rows("regions.csv"):
        provider, name = region["provider"], region["name"]
        price = _egress(provider, name, region["zone"], aws)
        if price is not None:
            value, tier, source = price
            rows.append(
                {
                    "provider": provider,
                    "region": name,
                    "usd_per_gb": value,
                    "tier": tier,
                    "source": source,
                }
            )
    tables.add("egress.csv", tuple(rows[0]), rows)


def _egress(
    provider: str, name: str, zone: str, aws: dict[str, float]
) -> tuple[float, str, str] | None:
    western = zone in {"us", "ca", "eu", "uk", "ch"}
    prices = {
        "azure": (0.0875, "North America and Europe", "egress-azure")
        if western
        else (0.12, "Asia and Australia", "egress-azure"),
        "gcp": (0.12, "first paid tier", "egress-gcp") if western else None,
        "lambda": (0.0, "no charge for traffic", "egress-lambda"),
        "runpod": (0.05, "flat", "egress-runpod"),
    }
    if provider == "aws":
        known = aws.get(name)
        return None if known is None else (known, "first paid tier", "egress-skyplane")
    if provider == "azure" and zone == "us":
        return 0.087, "up to 10 TB a month", "egress-2025"
    return prices[provider]


def add_electricity(facts: Facts, tables: Tables) -> None:
    """`electricity.csv`: what businesses pay, by zone."""
    prices = {
        r["area"]: float(r["usd_per_kwh"])
        for r in facts.rows("electricity_price.csv")
        if r["sector"] == "business"
    }
    rows: list[dict[str, Cell]] = [
        {
            "zone": zone,
            "area": area,
            "usd_per_kwh": prices[area],
            "source": "electricity",
        }
        for zone, area in ELECTRICITY_AREAS.items()
    ]
    tables.add("electricity.csv", tuple(rows[0]), rows)
