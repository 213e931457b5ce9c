"""A CPU quota through Linux control groups, version 1 or 2, where they can be written.

    version 1   own group of the `cpu` hierarchy / planner-<pid> / cpu.cfs_quota_us
    version 2   a sibling or child of the own group / planner-<pid> / cpu.max

A sibling comes first in version 2: a group that holds processes cannot hand
controllers to its children. Groups of processes that were killed are swept away
by the next one that enters.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# The kernel's default period; it refuses quotas under 1 ms.
PERIOD_US = 100_000
SMALLEST_QUOTA_US = 1_000
PREFIX = "planner-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A directory where a group may be made, and the group the process comes from."""

    version: int
    parent: Path
    origin: Path


class NotWritableError(Exception):
    """No control group can be made here; the message says why."""


def places(self_cgroup: str, mountinfo: str) -> tuple[Place, ...]:
    """Where a group could be made, from /proc/self/cgroup and /proc/self/mountinfo.

    Example:
        >>> cgroup = "3:cpu,cpuacct:/jobs"
        >>> mounts = "30 25 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct"
        >>> [str(place.parent) for place in places(cgroup, mounts)]
        ['/sys/fs/cgroup/cpu/jobs']
    """
    groups = [line.split(":", 2) for line in self_cgroup.splitlines() if line]
    found: list[Place] = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        root, mount_point = before.split()[3:5]
        kind, options = after.split()[0], after.split()[-1].split(",")
        for _, controllers, path in groups:
            if (
                kind == "cgroup"
                and "cpu" in controllers.split(",")
                and "cpu" in options
            ):
                own = _inside(mount_point, root, path)
                found.append(Place(version=1, parent=own, origin=own))
            if kind == "cgroup2" and not controllers:
                own = _inside(mount_point, root, path)
                if own != Path(mount_point):
                    found.append(Place(version=2, parent=own.parent, origin=own))
                found.append(Place(version=2, parent=own, origin=own))
    return tuple(found)


def _inside(mount_point: str, root: str, path: str) -> Path:
    """The group's directory: its path below the part of the tree that is mounted."""
    below = path.removeprefix(root) if root != "/" else path
    return Path(mount_point, below.lstrip("/"))


@contextlib.contextmanager
def quota(cores: float, candidates: Sequence[Place]) -> Iterator[str]:
    """Hold this process to so many cores' time; yields what is in force, in words.

    Raises:
        NotWritableError: No candidate lets a group be made, limited and entered.
    """
    reasons = []
    for place in candidates:
        try:
            group = _entered(cores, place)
        except OSError as error:
            reasons.append(f"{place.parent}: {error.strerror}")
            continue
        try:
            yield f"{cores:g} cores by control group v{place.version}"
        finally:
            _leave(group, place)
        return
    raise NotWritableError("; ".join(reasons) or "no cpu controller is mounted")


def _entered(cores: float, place: Place) -> Path:
    quota_us = max(round(cores * PERIOD_US), SMALLEST_QUOTA_US)
    _sweep(place.parent)
    group = place.parent / f"{PREFIX}{os.getpid()}"
    group.mkdir(exist_ok=True)
    try:
        if place.version == 1:
            _write(group / "cpu.cfs_period_us", f"{PERIOD_US}")
            _write(group / "cpu.cfs_quota_us", f"{quota_us}")
        else:
            _write(group / "cpu.max", f"{quota_us} {PERIOD_US}")
        _write(group / "cgroup.procs", f"{os.getpid()}")
    except OSError:
        with contextlib.suppress(OSError):
            group.rmdir()
        raise
    return group


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
