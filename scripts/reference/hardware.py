"""Boards, boxes, accelerators and processor generations, and which family has which.

`boards.csv` and `generations.csv` beside this script are kept by hand: a board
names the row of the raw table that its figures are read from, states figures
that the row has as a range or as prose, and names in `without` those that are
wrong there (the B200's row describes half a board).

A family's processor is what most of its instances reported to Spare Cores (at
least two of three); families below that are left out. Azure and Google serve
some of their families from several generations: what was seen is what is said.
"""

import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from planner.reference.offers import families_of
from scripts.reference.tables import BY_HAND, Cell, Fact, Facts, Tables, figure

BYTES_PER_GB: Final = 1e9
MAJORITY_FRAC: Final = 2 / 3

DEVICE_COLUMNS: Final = (
    "name",
    "kind",
    "description",
    "cores",
    "architecture",
    "memory_bytes",
    "memory_bytes_per_s",
    "fp32_flop_per_s",
    "fp16_flop_per_s",
    "int8_op_per_s",
    "idle_w",
    "active_w",
    "capex_usd",
    "sources",
)


def add_devices(facts: Facts, tables: Tables) -> None:
    """`devices.csv`: every board with the figures that its row states."""
    known = {r["device"]: r for r in facts.rows("accelerators.csv")}
    boards = BY_HAND.rows("boards.csv")
    rows = [_device(b, known[b["row"]] if b["row"] else {}) for b in boards]
    tables.add("devices.csv", DEVICE_COLUMNS, rows)


def _device(board: Fact, row: Fact) -> dict[str, Cell]:
    """A board's figures: by hand first, then as its row states them, unless wrong."""
    wrong = board["without"].split()

    def stated(column: str, scale: float = 1.0) -> float | None:
        value = None if column in wrong else figure(row.get(column, ""))
        return None if value is None else value * scale

    is_edge = board["kind"] == "edge"
    memory_gb = figure(board["memory_gb"]) or stated("mem_gb")
    # Engines multiply on tensor cores; what an accelerator does without them is no peak.
    fp16 = stated("fp16_tensor_dense_tflops", 1e12)
    if fp16 is None and is_edge:
        fp16 = stated("fp16_nontensor_tflops", 1e12)
    # Idle draws of GPUs were read by Spare Cores and stay out of this table.
    idle_w = figure(board["idle_w"]) or (stated("idle_w") if is_edge else None)
    active_w = figure(board["active_w"]) or stated("active_w") or stated("tdp_w")
    return {
        **{c: board[c] for c in ("name", "kind", "description", "sources")},
        "cores": board["cores"],
        "architecture": board["architecture"],
        "memory_bytes": memory_gb and memory_gb * BYTES_PER_GB,
        "memory_bytes_per_s": stated("mem_bw_gb_s", BYTES_PER_GB),
        "fp32_flop_per_s": stated("fp32_tflops", 1e12),
        "fp16_flop_per_s": fp16,
        "int8_op_per_s": stated("int8_tensor_dense_tops", 1e12),
        "idle_w": idle_w,
        "active_w": active_w,
        "capex_usd": figure(board["capex_usd"]) or stated("retail_usd"),
    }


# Families that are throttled after a burst, or sell part of the time.
BURSTABLE: Final = {"aws": r"t\d\w*", "azure": r"Standard_B#.*", "gcp": r"e2.*|f1|g1"}
FLEX: Final = r".*-flex"
SHARED: Final = {
    "-burstable": "; burstable, throttled once its credits are spent",
    "-flex": "; flex, full speed for most of the time only",
}


def generation_of(provider: str, family: str, report: str) -> str | None:
    """The generation of a processor as it names itself in a family's instances."""
    for g in BY_HAND.rows("generations.csv"):
        if g["provider"] in ("", provider) and re.search(g["reports"], report):
            return g["name"] + _share(provider, family)
    return None


def _share(provider: str, family: str) -> str:
    if re.fullmatch(BURSTABLE.get(provider, "-"), family):
        return "-burstable"
    return "-flex" if re.fullmatch(FLEX, family) else ""


def family_generations(facts: Facts) -> dict[tuple[str, str], str]:
    """The generation of each family, where at least two of three instances agree."""
    seen: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in facts.rows("instance_cpu_scores.csv"):
        vendor = row["vendor"]
        if vendor not in BURSTABLE:
            continue
        family = families_of(vendor, row["instance"])[-1]
        seen[vendor, family].append(row["cpu_model"])
    found = {}
    for (vendor, family), reports in sorted(seen.items()):
        names = Counter(generation_of(vendor, family, r) for r in reports)
        name, votes = names.most_common(1)[0]
        if name is not None and votes >= MAJORITY_FRAC * len(reports):
            found[vendor, family] = name
    return found


def add_families(families: dict[tuple[str, str], str], tables: Tables) -> None:
    """`families/`: which generation a provider's family is."""
    for provider in sorted({p for p, _ in families}):
        tables.add(
            f"families/{provider}.csv",
            ("family", "generation", "source"),
            [
                {"family": family, "generation": name, "source": "sc-processors"}
                for (p, family), name in sorted(families.items())
                if p == provider
            ],
            share_alike=True,
        )


def add_processors(
    families: dict[tuple[str, str], str], shapes: Iterable[str], tables: Tables
) -> None:
    """`processors.csv`: generations, and the vCPUs that offers and profiles name."""
    sizes: dict[str, set[int]] = defaultdict(set)
    for shape in shapes:
        match = re.fullmatch(r"([a-z0-9-]+)-(\d+)vcpu", shape)
        if match:
            sizes[match[1]].add(int(match[2]))
    rows = []
    for g in BY_HAND.rows("generations.csv"):
        for share, remark in {"": "", **SHARED}.items():
            name = g["name"] + share
            if name in families.values() or name in sizes:
                rows.append(
                    {
                        "generation": name,
                        "description": g["description"] + remark,
                        "architecture": g["architecture"],
                        "vcpus": " ".join(str(n) for n in sorted(sizes[name])),
                        "sources": "sc-processors",
                    }
                )
    columns = ("generation", "description", "architecture", "vcpus", "sources")
    tables.add("processors.csv", columns, rows, share_alike=True)


def add_cpu_figures(
    facts: Facts,
    families: dict[tuple[str, str], str],
    shapes: set[str],
    tables: Tables,
) -> None:
    """`cpu_figures.csv`: watts (Teads) and memory bandwidth (Spare Cores) by device."""
    watts: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in facts.rows("aws_instance_power.csv"):
        family = families.get(("aws", row["instance_type"].split(".")[0]))
        idle, busy = figure(row["watts_idle"]), figure(row["watts_100pct"])
        if family and row["gpu"] == "N/A" and idle and busy:
            watts[f"{family}-{row['vcpu']}vcpu"].append((idle, busy))
    tables.add(
        "cpu_figures.csv",
        ("device", "idle_w", "active_w", "source"),
        [
            {
                "device": name,
                "idle_w": statistics.median(i for i, _ in pairs),
                "active_w": statistics.median(a for _, a in pairs),
                "source": "teads",
            }
            for name, pairs in sorted(watts.items())
            if name in shapes
        ],
    )
    bandwidth: dict[str, list[float]] = defaultdict(list)
    for row in facts.rows("instance_cpu_scores.csv"):
        if row["vendor"] not in BURSTABLE:
            continue
        family = families.get(
            (row["vendor"], families_of(row["vendor"], row["instance"])[-1])
        )
        rate = figure(row["mem_bw_rd_MBps"])
        if family and rate and row["vcpu_seen"]:
            bandwidth[f"{family}-{row['vcpu_seen']}vcpu"].append(rate * 1e6)
    tables.add(
        "cpu_figures.csv",
        ("device", "memory_bytes_per_s", "source"),
        [
            {
                "device": name,
                "memory_bytes_per_s": statistics.median(rates),
                "source": "sc-bandwidth",
            }
            for name, rates in sorted(bandwidth.items())
            if name in shapes
        ],
        share_alike=True,
    )


def add_hosts(facts: Facts, gpus: Mapping[str, str], tables: Tables) -> None:
    """`hosts.csv`: the speed of one thread beside an accelerator, by instance type.

    `gpus` are devices by the names that engines' runs give them; where nothing ran the
    family says which accelerator it is.
    """
    devices = {
        (a["provider"], a["family"]): a["device"]
        for a in BY_HAND.rows("accelerators.csv")
        if a["family"] and a["device"]
    }
    seen = {
        (r["vendor"], r["instance"]): gpus.get(r["gpu_model"])
        for r in facts.rows("sparecores_vllm_sweep_gpu.csv")
    }
    hosts: dict[str, dict[str, Cell]] = {}
    for row in facts.rows("instance_cpu_scores.csv"):
        key, score = (row["vendor"], row["instance"]), figure(row["pm_single"])
        by_family = (devices.get((key[0], f)) for f in families_of(*key))
        device = seen.get(key) or next((d for d in by_family if d), None)
        if device and score:
            hosts[" ".join(key)] = {
                "instance": " ".join(key),
                "device": device,
                "passmark_single": score,
                "source": "sc-hosts",
            }
    tables.add(
        "hosts.csv",
        ("instance", "device", "passmark_single", "source"),
        [hosts[name] for name in sorted(hosts)],
        share_alike=True,
    )


def add_cpu_speeds(
    facts: Facts,
    families: dict[tuple[str, str], str],
    shapes: set[str],
    tables: Tables,
) -> None:
    """`cpu_speeds.csv`: images/s that all cores together find objects in, one by one."""
    speeds: dict[str, list[float]] = defaultdict(list)
    for row in facts.rows("instance_cpu_scores.csv"):
        if row["vendor"] not in BURSTABLE:
            continue
        family = families.get(
            (row["vendor"], families_of(row["vendor"], row["instance"])[-1])
        )
        speed = figure(row["gb6_objdet_multi_img_s"])
        if family and speed and row["vcpu_seen"]:
            speeds[f"{family}-{row['vcpu_seen']}vcpu"].append(speed)
    tables.add(
        "cpu_speeds.csv",
        ("device", "images_per_s", "source"),
        [
            {
                "device": name,
                "images_per_s": statistics.median(found),
                "source": "sc-speeds",
            }
            for name, found in sorted(speeds.items())
            if name in shapes
        ],
        share_alike=True,
    )
