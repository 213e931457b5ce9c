"""Regions and their grid, round trips, access networks, traffic and power prices."""

import re
from collections import defaultdict
from typing import Final

from scripts.reference.tables import Cell, Facts, Tables, figure

# Above this a grid factor is a slip of units in the source, not a grid.
HIGHEST_GCO2E_PER_KWH: Final = 1500.0

# provider, region, zone, location, city that round trips are known from.
REGIONS: Final = (
    ("aws", "us-east-1", "us", "N. Virginia", "Washington"),
    ("aws", "us-east-2", "us", "Ohio", "Columbus"),
    ("aws", "us-west-1", "us", "N. California", "San Jose"),
    ("aws", "us-west-2", "us", "Oregon", "Portland"),
    ("aws", "ca-central-1", "ca", "Montreal", "Montreal"),
    ("aws", "ca-west-1", "ca", "Calgary", "Calgary"),
    ("aws", "mx-central-1", "mx", "Mexico", ""),
    ("aws", "sa-east-1", "sa", "Sao Paulo", "Sao Paulo"),
    ("aws", "eu-central-1", "eu", "Frankfurt", "Frankfurt"),
    ("aws", "eu-central-2", "ch", "Zurich", "Zurich"),
    ("aws", "eu-north-1", "eu", "Stockholm", "Stockholm"),
    ("aws", "eu-south-1", "eu", "Milan", "Milan"),
    ("aws", "eu-south-2", "eu", "Spain", "Madrid"),
    ("aws", "eu-west-1", "eu", "Ireland", "Dublin"),
    ("aws", "eu-west-2", "uk", "London", "London"),
    ("aws", "eu-west-3", "eu", "Paris", "Paris"),
    ("aws", "ap-east-1", "ap", "Hong Kong", "Hong Kong"),
    ("aws", "ap-northeast-1", "ap", "Tokyo", "Tokyo"),
    ("aws", "ap-northeast-2", "ap", "Seoul", "Seoul"),
    ("aws", "ap-northeast-3", "ap", "Osaka", "Osaka"),
    ("aws", "ap-south-1", "ap", "Mumbai", "Mumbai"),
    ("aws", "ap-south-2", "ap", "Hyderabad", "Hyderabad"),
    ("aws", "ap-southeast-1", "ap", "Singapore", "Singapore"),
    ("aws", "ap-southeast-2", "au", "Sydney", "Sydney"),
    ("aws", "ap-southeast-3", "ap", "Jakarta", "Jakarta"),
    ("aws", "ap-southeast-4", "au", "Melbourne", "Melbourne"),
    ("aws", "me-south-1", "me", "Bahrain", ""),
    ("aws", "me-central-1", "me", "UAE", "Dubai"),
    ("aws", "il-central-1", "il", "Tel Aviv", "Tel Aviv"),
    ("aws", "af-south-1", "af", "Cape Town", "Cape Town"),
    ("azure", "eastus", "us", "Virginia", "Washington"),
    ("azure", "westus3", "us", "Arizona", "Phoenix"),
    ("azure", "westeurope", "eu", "Netherlands", "Amsterdam"),
    ("azure", "swedencentral", "eu", "Gavle", "Stockholm"),
    ("azure", "germanywestcentral", "eu", "Frankfurt", "Frankfurt"),
    ("azure", "japaneast", "ap", "Tokyo", "Tokyo"),
    ("gcp", "us-central1", "us", "Iowa", "Des Moines"),
    ("gcp", "us-east1", "us", "South Carolina", "Savannah"),
    ("gcp", "us-east4", "us", "N. Virginia", "Washington"),
    ("gcp", "us-west1", "us", "Oregon", "Portland"),
    ("gcp", "southamerica-east1", "sa", "Sao Paulo", "Sao Paulo"),
    ("gcp", "europe-north1", "eu", "Finland", "Helsinki"),
    ("gcp", "europe-west1", "eu", "Belgium", "Brussels"),
    ("gcp", "europe-west2", "uk", "London", "London"),
    ("gcp", "europe-west3", "eu", "Frankfurt", "Frankfurt"),
    ("gcp", "europe-west4", "eu", "Eemshaven", "Groningen"),
    ("gcp", "asia-northeast1", "ap", "Tokyo", "Tokyo"),
    ("gcp", "asia-south1", "ap", "Mumbai", "Mumbai"),
    ("gcp", "asia-southeast1", "ap", "Singapore", "Singapore"),
    ("gcp", "australia-southeast1", "au", "Sydney", "Sydney"),
    ("lambda", "us-east-1", "us", "Virginia", "Washington"),
    ("runpod", "US", "us", "United States, site not stated", ""),
)
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
    for provider, name, zone, location, city in REGIONS:
        value, carbon = grams.get((provider, name), (None, ""))
        sources = dict.fromkeys([REGION_SOURCES[provider], *([carbon] * bool(carbon))])
        rows.append(
            {
                "provider": provider,
                "name": name,
                "zone": zone,
                "location": location,
                "city": city,
                "gco2e_per_kwh": value,
                "sources": " ".join(sources),
            }
        )
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
    cities = {city for *_, city in REGIONS if city}
    regions = {name for provider, name, *_ in REGIONS if provider == "aws"}
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
    inside = {
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
    rows = []
    for provider, name, zone, *_ in REGIONS:
        price = _egress(provider, name, zone, aws)
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
