"""How fast one thread is beside an accelerator, by where that is rented."""

import statistics
from collections.abc import Mapping
from functools import cache

from planner.reference.tables import citations, rows


@cache
def _scores() -> Mapping[str, Mapping[str, float]]:
    """PassMark's single thread by device, then by instance type, as `gcp g2-standard-4`."""
    found: dict[str, dict[str, float]] = {}
    for row in rows("hosts.csv"):
        own = found.setdefault(row["device"], {})
        own[row["instance"]] = float(row["passmark_single"])
    return found


def hosts(device: str) -> tuple[str, ...]:
    """Providers that rent the device, then instance types that have it."""
    instances = _scores().get(device, {})
    return (*sorted({name.split()[0] for name in instances}), *sorted(instances))


def host(device: str, provider: str, instance_type: str) -> str | None:
    """The narrowest that is known of where a device is rented: None where nothing is."""
    own = _scores().get(device, {})
    instance = f"{provider} {instance_type}"
    if instance in own:
        return instance
    return provider if any(name.split()[0] == provider for name in own) else None


def source() -> str:
    """Who measured the hosts."""
    keys = dict.fromkeys(row["source"] for row in rows("hosts.csv"))
    return "; ".join(str(citations()[key]) for key in keys)


def host_speed_ratio(device: str, beside: str | None, *, without: str = "") -> float:
    """Speed of one thread there, over that of the median host of any accelerator.

    `beside` names an instance type, or a provider, whose median counts; of neither it is
    the median of all that have the device; 1 where none is known. The instance type
    `without` is left out of medians.
    """
    own = _scores().get(device, {})
    if beside is not None and beside in own:
        return own[beside] / _typical()
    others = {name: score for name, score in own.items() if name != without}
    near = [s for name, s in others.items() if name.split()[0] == beside]
    found = near or list(others.values())
    return statistics.median(found) / _typical() if found else 1.0


@cache
def _typical() -> float:
    return statistics.median(s for own in _scores().values() for s in own.values())
