"""Quotes by region, shapes of instances, and which family has which accelerator.

A spot figure of AWS is an estimate; spot figures of Google's C3 are left out: at
9 % of the list price they look wrong.
"""

import re
from collections import defaultdict
from typing import Final

from scripts.reference.tables import BY_HAND, Cell, Fact, Facts, Tables, figure

# The upper end of the provider's bucket; the last has none and is taken as 1.
BUCKETS: Final = {
    "<5%": 0.05,
    "5-10%": 0.10,
    "10-15%": 0.15,
    "15-20%": 0.20,
    ">20%": 1.0,
    "": None,
}
ON_DEMAND_SOURCES: Final = {
    "aws/karpenter": "aws-us-east-1",
    "tsaol/aws-gpu": "aws-accelerated",
    "yeo/ec2.shop": "aws-bulk",
    "Azure/karpenter": "azure-list",
    "kubernetes/autoscaler": "gcp-list",
    "Cyclenerd/": "gcp-regions",
    "catalogs/v7/lambda": "lambda-list",
    "catalogs/v7/runpod": "runpod-list",
}
# Storage, memory and shared-core families that nobody serves models on.
UNWANTED: Final = {"gcp": re.compile(r"(m1|m2|z3|z4d|h4d|f1|g1)-.*"), "azure": None}

# The raw table calls fractions of an L4 "NVIDIA L40", and leaves these words out.
WORDS: Final = {"NVIDIA L40": "L4"}

QUOTE_COLUMNS: Final = (
    "instance_type",
    "on_demand_usd_per_h",
    "on_demand_source",
    "spot_usd_per_h",
    "spot_source",
    "interruption_frac_per_month",
)
SHAPE_COLUMNS: Final = (
    "instance_type",
    "vcpus",
    "memory_gib",
    "accelerator",
    "accelerator_count",
    "source",
)


def add_accelerators(tables: Tables) -> None:
    """`accelerators.csv`, kept by hand: boards by family, or by the provider's word.

    An empty device: the family sells fractions of one.
    """
    columns = ("provider", "family", "accelerator", "device", "source")
    tables.add("accelerators.csv", columns, BY_HAND.rows("accelerators.csv"))


def add_quotes(facts: Facts, tables: Tables) -> dict[tuple[str, str], int]:
    """`quotes/` and `shapes/`; returns the vCPUs of every shape."""
    quotes: dict[tuple[str, str], dict[str, dict[str, Cell]]] = defaultdict(dict)
    shapes: dict[tuple[str, str], dict[str, Cell]] = {}
    for row in facts.rows("cloud_offers.csv"):
        if _is_wanted(row):
            key = row["provider"], row["region"]
            quotes[key].setdefault(row["instance_type"], _quote(row))
            shape = row["provider"], row["instance_type"]
            shapes.setdefault(shape, _shape(row))
    _add_older(facts, quotes["aws", "us-east-1"], shapes)
    for (provider, region), rows in sorted(quotes.items()):
        path = f"quotes/{provider}/{region}.csv"
        tables.add(path, QUOTE_COLUMNS, [rows[t] for t in sorted(rows)])
    for provider in sorted({p for p, _ in shapes}):
        own = [s for (p, _), s in sorted(shapes.items()) if p == provider]
        for share_alike in (False, True):
            tables.add(
                f"shapes/{provider}.csv",
                SHAPE_COLUMNS,
                [s for s in own if (s["source"] == "sc-shapes") is share_alike],
                share_alike=share_alike,
            )
    return {key: int(str(s["vcpus"])) for key, s in shapes.items()}


def _add_older(
    facts: Facts,
    quotes: dict[str, dict[str, Cell]],
    shapes: dict[tuple[str, str], dict[str, Cell]],
) -> None:
    """Families that the raw table leaves out and published measurements ran on."""
    stated = {r["instance_type"]: r for r in facts.rows("aws_instance_power.csv")}
    for row in BY_HAND.rows("older_us_east_1.csv"):
        instance_type = row["instance_type"]
        quotes[instance_type] = {
            "instance_type": instance_type,
            "on_demand_usd_per_h": float(row["usd_per_h"]),
            "on_demand_source": "aws-us-east-1-older",
        }
        shapes["aws", instance_type] = {
            "instance_type": instance_type,
            "vcpus": int(stated[instance_type]["vcpu"]),
            "memory_gib": float(stated[instance_type]["mem_gb"]),
            "accelerator_count": 0,
            "source": "teads",
        }


def _is_wanted(row: Fact) -> bool:
    unwanted = UNWANTED.get(row["provider"])
    if unwanted is not None and unwanted.fullmatch(row["instance_type"]):
        return False
    return bool(row["vcpu"] and row["ram_gib"] and row["on_demand_usd_h"])


def _quote(row: Fact) -> dict[str, Cell]:
    on_demand = next(
        k for part, k in ON_DEMAND_SOURCES.items() if part in row["on_demand_source"]
    )
    spot, source = _spot(row, on_demand)
    return {
        "instance_type": row["instance_type"],
        "on_demand_usd_per_h": float(row["on_demand_usd_h"]),
        "on_demand_source": on_demand,
        "spot_usd_per_h": spot,
        "spot_source": source,
        "interruption_frac_per_month": BUCKETS[row["spot_interruption_bucket"]]
        if spot
        else None,
    }


def _spot(row: Fact, on_demand: str) -> tuple[float | None, str]:
    spot = figure(row["spot_usd_h"])
    is_odd = row["provider"] == "gcp" and row["instance_type"].startswith("c3-")
    if not spot or is_odd:
        return None, ""
    estimated = row["spot_kind"].startswith("estimate")
    return spot, "aws-spot-advisor" if estimated else on_demand


def _shape(row: Fact) -> dict[str, Cell]:
    word = WORDS.get(row["accelerator"], row["accelerator"])
    is_shared = "SpareCores" in row["spec_source"]
    own = next(
        k for part, k in ON_DEMAND_SOURCES.items() if part in row["on_demand_source"]
    )
    return {
        "instance_type": row["instance_type"],
        "vcpus": int(float(row["vcpu"])),
        "memory_gib": float(row["ram_gib"]),
        "accelerator": word,
        "accelerator_count": float(row["accel_count"] or 0) if word else 0,
        "source": "sc-shapes" if is_shared else own,
    }
