"""Which devices there are: boards, boxes, accelerators, and shapes of cloud CPUs.

A cloud CPU is named after its processor generation and its vCPUs
(`graviton3-8vcpu`). Generations whose provider throttles them after a burst, or
sells part of the time, are devices of their own (`-burstable`, `-flex`): what
was measured on a whole processor does not hold there.
"""

import datetime as dt
import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from planner.domain.hardware import Device, DeviceKind
from planner.errors import UnknownReferenceError
from planner.reference.tables import Row, citations, count, nearest, number, rows

CPU_NAME: Final = re.compile(r"(?P<generation>[a-z0-9-]+)-(?P<vcpus>[1-9]\d*)vcpu")


def cpu_name(generation: str, vcpus: int) -> str:
    """The name of so many vCPUs of a processor generation.

    Example:
        >>> cpu_name("graviton3", 8)
        'graviton3-8vcpu'
    """
    return f"{generation}-{vcpus}vcpu"


def device(name: str) -> Device:
    """The device of that name; any number of vCPUs of a known generation is one.

    Raises:
        UnknownReferenceError: No such device, with the nearest names.
    """
    found = _named().get(name)
    if found is not None:
        return found
    match = CPU_NAME.fullmatch(name)
    if match and match["generation"] in _generations():
        return _cpu(_generations()[match["generation"]], int(match["vcpus"]))
    known = [d.name for d in devices()]
    raise UnknownReferenceError("device", name, nearest(name, known))


def is_device(name: str) -> bool:
    """Whether `device(name)` would answer."""
    match = CPU_NAME.fullmatch(name)
    return name in _named() or (
        match is not None and match["generation"] in _generations()
    )


@cache
def devices() -> tuple[Device, ...]:
    """Boards and accelerators, then every CPU shape that an offer or profile names."""
    shapes = [
        _cpu(row, int(vcpus))
        for row in _generations().values()
        for vcpus in row["vcpus"].split()
    ]
    return (*_named().values(), *shapes)


@cache
def _named() -> Mapping[str, Device]:
    return {row["name"]: _named_device(row) for row in rows("devices.csv")}


@cache
def _generations() -> Mapping[str, Row]:
    return {row["generation"]: row for row in rows("processors.csv")}


@cache
def _cpu_figures() -> Mapping[str, tuple[Row, ...]]:
    """Watts and memory bandwidth by device name, each with a source of its own."""
    found: dict[str, tuple[Row, ...]] = {}
    for row in rows("cpu_figures.csv"):
        found[row["device"]] = (*found.get(row["device"], ()), row)
    return found


def _named_device(row: Row) -> Device:
    source, as_of = _cited(row["sources"].split())
    return Device(
        name=row["name"],
        kind=DeviceKind(row["kind"]),
        description=row["description"],
        source=source,
        as_of=as_of,
        cores=count(row["cores"]),
        architecture=row["architecture"] or None,
        memory_bytes=number(row["memory_bytes"]),
        memory_bytes_per_s=number(row["memory_bytes_per_s"]),
        fp32_flop_per_s=number(row["fp32_flop_per_s"]),
        fp16_flop_per_s=number(row["fp16_flop_per_s"]),
        int8_op_per_s=number(row["int8_op_per_s"]),
        idle_w=number(row["idle_w"]),
        active_w=number(row["active_w"]),
        capex_usd=number(row["capex_usd"]),
    )


def _cpu(generation: Row, vcpus: int) -> Device:
    name = cpu_name(generation["generation"], vcpus)
    figures = _cpu_figures().get(name, ())
    keys = [*generation["sources"].split(), *(f["source"] for f in figures)]
    source, as_of = _cited(list(dict.fromkeys(keys)))
    stated = {key: value for f in figures for key, value in f.items() if value}
    return Device(
        name=name,
        kind=DeviceKind.CPU,
        description=f"{vcpus} vCPU of {generation['description']}",
        source=source,
        as_of=as_of,
        cores=vcpus,
        architecture=generation["architecture"],
        memory_bytes_per_s=number(stated.get("memory_bytes_per_s", "")),
        idle_w=number(stated.get("idle_w", "")),
        active_w=number(stated.get("active_w", "")),
    )


def _cited(keys: list[str]) -> tuple[str, dt.date]:
    """All sources in one line, and the day of the oldest."""
    cited = [citations()[key] for key in keys]
    return "; ".join(str(c) for c in cited), min(c.as_of for c in cited)
