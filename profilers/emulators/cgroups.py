"""Limits through Linux control groups, version 1 or 2, where they can be written.

    version 1   own group of the `cpu` hierarchy / planner-<pid> / cpu.cfs_quota_us
                own group of the `memory` hierarchy / … / memory.limit_in_bytes
    version 2   a sibling or child of the own group / planner-<pid> / cpu.max, memory.max

Past its memory a group's processes are killed, whatever they hold it for. Only what is
touched from entering on is counted, and nothing is swapped out where that can be told.

A sibling comes first in version 2: a group that holds processes cannot hand
controllers to its children. What limits the own group limits the sibling, too. Groups of
processes that were killed are swept away by the next one that enters.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from profilers.measuring.control_groups import Place

# The kernel's default period; it refuses quotas under 1 ms.
PERIOD_US = 100_000
SMALLEST_QUOTA_US = 1_000
PREFIX = "planner-"
# What a sibling takes over; a child is within the own group anyway.
_TAKEN_OVER = ("cpu.max", "memory.max", "memory.swap.max", "pids.max")
# Files that keep a group of memory from being swapped out; others have none of them.
_NO_SWAP: Mapping[int, Sequence[str]] = {
    1: ("memory.swappiness",),
    2: ("memory.swap.max",),
}


class NotWritableError(Exception):
    """No control group can be made here; the message says why."""


def so_many(cores: float) -> str:
    """Cores in words: 1 core, 0.25 cores."""
    return f"{cores:g} core" if cores == 1 else f"{cores:g} cores"


@contextlib.contextmanager
def quota(cores: float, candidates: Sequence[Place]) -> Iterator[str]:
    """Hold this process to so many cores' time; yields what is in force, in words.

    Raises:
        NotWritableError: No candidate lets a group be made, limited and entered.
    """
    quota_us = max(round(cores * PERIOD_US), SMALLEST_QUOTA_US)
    limits = {
        1: {"cpu.cfs_period_us": f"{PERIOD_US}", "cpu.cfs_quota_us": f"{quota_us}"},
        2: {"cpu.max": f"{quota_us} {PERIOD_US}"},
    }
    with _group(limits, candidates, "cpu") as version:
        yield f"{so_many(cores)} by control group v{version}"


@contextlib.contextmanager
def memory(limit_bytes: int, candidates: Sequence[Place]) -> Iterator[str]:
    """Have this process killed where it touches more; yields what is in force, in words.

    Raises:
        NotWritableError: No candidate lets a group be made, limited and entered.
    """
    limits = {
        1: {"memory.limit_in_bytes": f"{limit_bytes}"},
        2: {"memory.max": f"{limit_bytes}"},
    }
    with _group(limits, candidates, "memory") as version:
        yield f"killed past it by control group v{version}"


@contextlib.contextmanager
def _group(
    limits: Mapping[int, Mapping[str, str]], candidates: Sequence[Place], what: str
) -> Iterator[int]:
    """Be in a group with these limits, by version; yields the version."""
    reasons = []
    for place in candidates:
        try:
            group = _entered(limits[place.version], place)
        except OSError as error:
            reasons.append(f"{place.parent}: {error.strerror}")
            continue
        try:
            yield place.version
        finally:
            _leave(group, place)
        return
    raise NotWritableError("; ".join(reasons) or f"no {what} controller is mounted")


def _entered(limits: Mapping[str, str], place: Place) -> Path:
    _sweep(place.parent)
    group = place.parent / f"{PREFIX}{os.getpid()}"
    group.mkdir(exist_ok=True)
    try:
        if place.parent != place.origin:
            _take_over(place.origin, group)
        for file, limit in limits.items():
            _write(group / file, limit)
        for file in _NO_SWAP[place.version]:
            with contextlib.suppress(OSError):
                _write(group / file, "0")
        _write(group / "cgroup.procs", f"{os.getpid()}")
    except OSError:
        with contextlib.suppress(OSError):
            group.rmdir()
        raise
    return group


def _take_over(origin: Path, group: Path) -> None:
    for file in _TAKEN_OVER:
        if (origin / file).is_file():
            _write(group / file, (origin / file).read_text().strip())


def _write(file: Path, text: str) -> None:
    # Never created: a missing file means that the controller is not there.
    descriptor = os.open(file, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _leave(group: Path, place: Place) -> None:
    with contextlib.suppress(OSError):
        _write(place.origin / "cgroup.procs", f"{os.getpid()}")
        group.rmdir()


def _sweep(parent: Path) -> None:
    """Remove the groups of processes that are gone; one in use cannot be removed."""
    for group in parent.glob(f"{PREFIX}*"):
        if not Path("/proc", group.name.removeprefix(PREFIX)).exists():
            with contextlib.suppress(OSError):
                group.rmdir()
