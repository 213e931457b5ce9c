"""Quotes by region, shapes of instances, and which family has which accelerator.

A spot figure of AWS is an estimate; spot figures of Google's C3 are left out: at
9 % of the list price they look wrong.
"""

import re
from collections import defaultdict
from typing import Final

from scripts.reference.tables import Cell, Fact, Facts, Tables, figure

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

# us-east-1 list prices of families that the raw table leaves out and the published
# measurements need; `older` stands for the citation aws-us-east-1-older.
OLDER_US_EAST_1: Final = {
    "a1.large": 0.051,
    "a1.xlarge": 0.102,
    "a1.2xlarge": 0.204,
    "a1.4xlarge": 0.408,
    "c5.large": 0.085,
    "c5.xlarge": 0.17,
    "c5.2xlarge": 0.34,
    "c5.4xlarge": 0.68,
    "c5.9xlarge": 1.53,
    "c5.12xlarge": 2.04,
    "c5.18xlarge": 3.06,
    "c5.24xlarge": 4.08,
    "c5a.large": 0.077,
    "c5a.xlarge": 0.154,
    "c5a.2xlarge": 0.308,
    "c5a.4xlarge": 0.616,
    "c5a.8xlarge": 1.232,
    "c5a.12xlarge": 1.848,
    "c5a.16xlarge": 2.464,
    "c5a.24xlarge": 3.696,
    "m5.large": 0.096,
    "m5.xlarge": 0.192,
    "m5.2xlarge": 0.384,
    "m5.4xlarge": 0.768,
    "m5.8xlarge": 1.536,
    "m5.12xlarge": 2.304,
    "m5.16xlarge": 3.072,
    "m5.24xlarge": 4.608,
    "m5a.large": 0.086,
    "m5a.xlarge": 0.172,
    "m5a.2xlarge": 0.344,
    "m5a.4xlarge": 0.688,
    "m5a.8xlarge": 1.376,
    "m5a.12xlarge": 2.064,
    "m5a.16xlarge": 2.752,
    "m5a.24xlarge": 4.128,
    "t2.small": 0.023,
    "t2.medium": 0.0464,
    "t2.large": 0.0928,
    "t2.xlarge": 0.1856,
    "t2.2xlarge": 0.3712,
}

# provider, family, word, device, source; an empty device: sold in fractions only.
ACCELERATORS: Final = (
    ("aws", "p3", "", "nvidia-v100-16gb-sxm", "aws-accelerators"),
    ("aws", "p3dn", "", "nvidia-v100-32gb-sxm", "aws-accelerators"),
    ("aws", "p4d", "", "nvidia-a100-40gb-sxm", "aws-accelerators"),
    ("aws", "p4de", "", "nvidia-a100-80gb-sxm", "aws-accelerators"),
    ("aws", "p5", "", "nvidia-h100-80gb-sxm", "aws-accelerators"),
    ("aws", "p5e", "", "nvidia-h200-141gb-sxm", "aws-accelerators"),
    ("aws", "p5en", "", "nvidia-h200-141gb-sxm", "aws-accelerators"),
    ("aws", "p6-b200", "", "nvidia-b200", "aws-accelerators"),
    ("aws", "g4dn", "", "nvidia-t4", "aws-accelerators"),
    ("aws", "g4ad", "", "amd-radeon-pro-v520", "aws-accelerators"),
    ("aws", "g5", "", "nvidia-a10g", "aws-accelerators"),
    ("aws", "g5g", "", "nvidia-t4g", "aws-accelerators"),
    ("aws", "g6", "", "nvidia-l4", "aws-accelerators"),
    ("aws", "gr6", "", "nvidia-l4", "aws-accelerators"),
    ("aws", "g6f", "", "", "aws-accelerators"),
    ("aws", "gr6f", "", "", "aws-accelerators"),
    ("aws", "g6e", "", "nvidia-l40s", "aws-accelerators"),
    ("aws", "g7e", "", "nvidia-rtx-pro-6000-server", "aws-accelerators"),
    ("aws", "inf1", "", "aws-inferentia", "aws-accelerators"),
    ("aws", "inf2", "", "aws-inferentia2", "aws-accelerators"),
    ("aws", "trn1", "", "aws-trainium", "aws-accelerators"),
    ("aws", "trn1n", "", "aws-trainium", "aws-accelerators"),
    ("aws", "dl2q", "", "qualcomm-ai-100", "aws-accelerators"),
    ("azure", "Standard_NC#as_T4_v3", "", "nvidia-t4", "azure-sizes"),
    ("azure", "Standard_NC#s_v3", "", "nvidia-v100-16gb-pcie", "azure-sizes"),
    ("azure", "Standard_NC#rs_v3", "", "nvidia-v100-16gb-pcie", "azure-sizes"),
    ("azure", "Standard_ND#rs_v2", "", "nvidia-v100-32gb-sxm", "azure-sizes"),
    ("azure", "Standard_NC#ads_A100_v4", "", "nvidia-a100-80gb-pcie", "azure-sizes"),
    ("azure", "Standard_ND#asr_v4", "", "nvidia-a100-40gb-sxm", "azure-sizes"),
    ("azure", "Standard_ND#amsr_A100_v4", "", "nvidia-a100-80gb-sxm", "azure-sizes"),
    ("azure", "Standard_NC#ads_H100_v5", "", "nvidia-h100-94gb-nvl", "azure-sizes"),
    ("azure", "Standard_NC#adis_H100_v5", "", "nvidia-h100-94gb-nvl", "azure-sizes"),
    ("azure", "Standard_NCC#ads_H100_v5", "", "nvidia-h100-94gb-nvl", "azure-sizes"),
    ("azure", "Standard_ND#is_H100_v5", "", "nvidia-h100-80gb-sxm", "azure-sizes"),
    ("azure", "Standard_ND#isr_H100_v5", "", "nvidia-h100-80gb-sxm", "azure-sizes"),
    ("azure", "Standard_ND#isr_H200_v5", "", "nvidia-h200-141gb-sxm", "azure-sizes"),
    ("azure", "Standard_ND#is_MI300X_v5", "", "amd-mi300x", "azure-sizes"),
    ("azure", "Standard_ND#isr_MI300X_v5", "", "amd-mi300x", "azure-sizes"),
    ("azure", "Standard_NV#s_v3", "", "nvidia-m60", "azure-sizes"),
    ("azure", "Standard_NV#ads_A10_v5", "", "nvidia-a10", "azure-sizes"),
    ("azure", "Standard_NV#adms_A10_v5", "", "nvidia-a10", "azure-sizes"),
    ("azure", "Standard_NC#ads_A10_v4", "", "nvidia-a10", "azure-sizes"),
    ("gcp", "a2-highgpu", "", "nvidia-a100-40gb-sxm", "gcp-accelerators"),
    ("gcp", "a2-megagpu", "", "nvidia-a100-40gb-sxm", "gcp-accelerators"),
    ("gcp", "a2-ultragpu", "", "nvidia-a100-80gb-sxm", "gcp-accelerators"),
    ("gcp", "a3-highgpu", "", "nvidia-h100-80gb-sxm", "gcp-accelerators"),
    ("gcp", "a3-megagpu", "", "nvidia-h100-80gb-sxm", "gcp-accelerators"),
    ("gcp", "a3-ultragpu", "", "nvidia-h200-141gb-sxm", "gcp-accelerators"),
    ("gcp", "g2-standard", "", "nvidia-l4", "gcp-accelerators"),
    ("gcp", "", "V100", "nvidia-v100-16gb-sxm", "gcp-accelerators"),
    ("lambda", "", "A10", "nvidia-a10", "lambda-list"),
    ("lambda", "", "A6000", "nvidia-rtx-a6000", "lambda-list"),
    ("lambda", "", "GH200", "nvidia-gh200-96gb", "lambda-list"),
    ("lambda", "", "H100 PCIe", "nvidia-h100-80gb-pcie", "lambda-list"),
    ("lambda", "", "H100 SXM", "nvidia-h100-80gb-sxm", "lambda-list"),
    ("lambda", "", "RTX6000", "nvidia-quadro-rtx-6000", "lambda-list"),
    ("lambda", "", "A100-80GB SXM", "nvidia-a100-80gb-sxm", "lambda-list"),
    ("runpod", "", "A100 SXM", "nvidia-a100-80gb-sxm", "runpod-list"),
    ("runpod", "", "A100 PCIe", "nvidia-a100-80gb-pcie", "runpod-list"),
    ("runpod", "", "RTX 6000 Ada", "nvidia-rtx-6000-ada", "runpod-list"),
    ("runpod", "", "RTX A4000", "nvidia-rtx-a4000", "runpod-list"),
    ("runpod", "", "RTX A4500", "nvidia-rtx-a4500", "runpod-list"),
    ("runpod", "", "RTX A5000", "nvidia-rtx-a5000", "runpod-list"),
    ("", "", "T4", "nvidia-t4", "accelerator-words"),
    ("", "", "T4g", "nvidia-t4g", "accelerator-words"),
    ("", "", "L4", "nvidia-l4", "accelerator-words"),
    ("", "", "L40S", "nvidia-l40s", "accelerator-words"),
    ("", "", "A10G", "nvidia-a10g", "accelerator-words"),
    ("", "", "H200", "nvidia-h200-141gb-sxm", "accelerator-words"),
)


def add_accelerators(tables: Tables) -> None:
    """`accelerators.csv`: boards by family, or by the provider's word."""
    columns = ("provider", "family", "accelerator", "device", "source")
    tables.add(
        "accelerators.csv",
        columns,
        [dict(zip(columns, row, strict=True)) for row in ACCELERATORS],
    )


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
    stated = {r["instance_type"]: r for r in facts.rows("aws_instance_power.csv")}
    for instance_type, price in OLDER_US_EAST_1.items():
        quotes[instance_type] = {
            "instance_type": instance_type,
            "on_demand_usd_per_h": price,
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
