"""What Linux control groups, version 1 or 2, leave to this process.

A container's share is written in files of its group or of one above it, and counts
wherever it stands: the least of all of them is what there is.

    processor   v2 cpu.max "quota period" or "max period"
                v1 cpu.cfs_quota_us, -1 without a limit, and cpu.cfs_period_us
    memory      v2 memory.max, or max
                v1 memory.limit_in_bytes, more than any machine has without a limit

(Linux documentation, admin-guide/cgroup-v2 and cgroup-v1.)
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc/self")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A directory where a group may be made, and the group the process comes from."""

    version: int
    parent: Path
    origin: Path


def places(self_cgroup: str, mountinfo: str, controller: str) -> tuple[Place, ...]:
    """Where a group of that controller could be made, from /proc/self/cgroup and /proc/self/mountinfo.

    Example:
        >>> cgroup = "3:cpu,cpuacct:/jobs"
        >>> mounts = "30 25 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct"
        >>> [str(place.parent) for place in places(cgroup, mounts, "cpu")]
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
                and controller in controllers.split(",")
                and controller in options
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


def own_places(controller: str, proc: Path = PROC) -> tuple[Place, ...]:
    """`places` of this process; none where the system has no control groups."""
    return places(_read(proc / "cgroup"), _read(proc / "mountinfo"), controller)


def cores_left(proc: Path = PROC) -> float | None:
    """Processors' worth of time that the groups of this process allow; None: any."""
    return min(_limits("cpu", _quota_cores, proc).values(), default=None)


def memory_left_bytes(proc: Path = PROC) -> float | None:
    """Bytes beyond which the groups of this process kill; None: none says any."""
    return min(_limits("memory", _memory_bytes, proc).values(), default=None)


def own_cpu_stat(proc: Path = PROC) -> Path | None:
    """What a quota did to the groups that this process is in; None where none can.

    Of the group with the least quota, else of its own. Both versions may be mounted side
    by side: one has the controller, and counts periods.
    """
    limited = _limits("cpu", _quota_cores, proc)
    own = (place.origin for place in own_places("cpu", proc))
    groups = [*sorted(limited, key=limited.__getitem__), *own]
    stats = (group / "cpu.stat" for group in groups)
    return next((stat for stat in stats if _counts_periods(stat)), None)


def _counts_periods(stat: Path) -> bool:
    return "nr_periods" in _read(stat)


def _limits(
    controller: str, limit: Callable[[Path], float | None], proc: Path
) -> dict[Path, float]:
    """Those of the group that this process is in and of all above it that are seen."""
    return {
        group: found
        for place in own_places(controller, proc)
        for group in (place.origin, *place.origin.parents)
        if (found := limit(group)) is not None
    }


def _quota_cores(group: Path) -> float | None:
    words = _read(group / "cpu.max").split() or [
        *_read(group / "cpu.cfs_quota_us").split(),
        *_read(group / "cpu.cfs_period_us").split(),
    ]
    if len(words) != 2 or not words[0].isdigit():
        return None
    quota_us, period_us = int(words[0]), int(words[1])
    return quota_us / period_us


def _memory_bytes(group: Path) -> float | None:
    words = _read(group / "memory.max") or _read(group / "memory.limit_in_bytes")
    return float(words) if words.strip().isdigit() else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
