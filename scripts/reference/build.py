"""Builds every table: `python -m scripts.reference.build --facts DIR [--out DIR]`.

The folder of raw facts is described in the README beside the tables. The build is
deterministic: the same facts give the same bytes.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from planner.reference.devices import cpu_name
from planner.reference.offers import families_of
from scripts.reference import hardware, language, mlperf, places, prices, vision
from scripts.reference.profiles import Published, add_notes
from scripts.reference.tables import BY_HAND, Facts, Tables

DATA: Final = Path(__file__).parents[2] / "planner" / "reference" / "data"

TASKS: Final = (
    ("mobilenet", "image classification"),
    ("efficientnet", "image classification"),
    ("resnet", "image classification"),
    ("efficientdet", "object detection"),
    ("ssd", "object detection"),
    ("retinanet", "object detection"),
    ("yolo26n-cls", "image classification"),
    ("yolo", "object detection"),
    ("bert", "question answering"),
)


def build(facts: Facts) -> Tables:
    """All tables from a folder of raw facts."""
    tables, published = Tables(), Published()
    families = hardware.family_generations(facts)
    vcpus = prices.add_quotes(facts, tables)
    typical = mlperf.add_open_sweep(facts, published)
    mlperf.add_closed(facts, published)
    vision.add_boards(facts, published, typical)
    vision.add_nvidia(facts, published, typical)
    language.add_curves(facts, published)
    spread = language.add_instance_tokens(facts, families, vcpus, published)
    language.add_k_quants(published, spread)
    language.add_box_tokens(facts, published, spread)
    language.add_llama_3(facts, published, spread)
    shapes = _cpu_shapes(families, vcpus) | published.devices()
    hardware.add_devices(facts, tables)
    hardware.add_families(families, tables)
    hardware.add_processors(families, shapes, tables)
    hardware.add_cpu_figures(facts, families, shapes, tables)
    hardware.add_cpu_speeds(facts, families, shapes, tables)
    hardware.add_hosts(facts, language.GPUS, tables)
    prices.add_accelerators(tables)
    places.add_regions(facts, tables)
    places.add_round_trips(facts, tables)
    places.add_access_networks(facts, tables)
    places.add_egress(facts, tables)
    places.add_electricity(facts, tables)
    published.add_to(tables)
    add_notes(tables)
    _add_models(published, tables)
    _add_operations(tables)
    _add_sources(tables)
    return tables


def _cpu_shapes(
    families: dict[tuple[str, str], str], vcpus: dict[tuple[str, str], int]
) -> set[str]:
    found = set()
    for (provider, instance_type), size in vcpus.items():
        for family in families_of(provider, instance_type):
            if (provider, family) in families:
                found.add(cpu_name(families[provider, family], size))
    return found


def _add_models(published: Published, tables: Tables) -> None:
    rows = []
    for name, (metrics, sources, devices) in sorted(published.models().items()):
        task = _task(name)
        rows.append(
            {
                "name": name,
                "task": task,
                "metric": " ".join(sorted(metrics)),
                "description": f"{task}, measured on {len(devices)} devices",
                "sources": " ".join(sorted(sources)),
            }
        )
    columns = ("name", "task", "metric", "description", "sources")
    tables.add("models.csv", columns, rows)


def _add_operations(tables: Tables) -> None:
    """What one item costs a model, where its authors state it."""
    columns = (
        *("model", "parameters", "macs", "layers", "kv_values_per_token"),
        "source",
    )
    tables.add("operations.csv", columns, BY_HAND.rows("operations.csv"))


def _task(name: str) -> str:
    if name.endswith("-cls"):
        return "image classification"
    return next((t for start, t in TASKS if name.startswith(start)), "text generation")


def _add_sources(tables: Tables) -> None:
    """The sources that some table names, out of the list kept beside this script."""
    used = set(re.findall(r"[a-z0-9.-]+", "\n".join(tables.files.values())))
    rows = [row for row in BY_HAND.rows("sources.csv") if row["key"] in used]
    tables.add("sources.csv", ("key", "citation", "as_of", "licence"), rows)


def main(arguments: Sequence[str]) -> int:
    """Writes the tables and says how many."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--facts", type=Path, required=True, help="folder of raw facts")
    parser.add_argument("--out", type=Path, default=DATA, help="folder to write to")
    given = parser.parse_args(arguments)
    tables = build(Facts(folder=given.facts))
    tables.write(given.out)
    sys.stdout.write(f"{len(tables.files)} tables in {given.out}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
