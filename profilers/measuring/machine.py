"""What this machine says of itself: processor, size, stolen time, load."""

import os
import platform
import re
import socket
from pathlib import Path

import psutil

from planner.units import BYTES_PER_KIB
from profilers.measuring import control_groups

_PROC = Path("/proc")


def free_port() -> int:
    """A port of the loopback interface that nobody listens at now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def processor(cpuinfo: Path = _PROC / "cpuinfo") -> str:
    """The processor's own name, as far as the system tells it."""
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() in {"model name", "Model"} and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()


def allowed_cores() -> int:
    """Processors that this process may run on, whatever its share of their time."""
    return len(os.sched_getaffinity(0))


def share_cores() -> float:
    """Processors' worth of time that this process may use, in a container its share."""
    share = control_groups.cores_left()
    return allowed_cores() if share is None else min(allowed_cores(), share)


def cores() -> int:
    """Processors that this process may use, in a container its whole share of them.

    Half a processor more than its threads use is of no use to any of them: a share is
    rounded down, to one at least.
    """
    return max(1, int(share_cores()))


def size() -> tuple[int, float]:
    """`cores`, and bytes of memory: the machine's, or the limit of the container."""
    total_bytes = float(psutil.virtual_memory().total)
    limit_bytes = control_groups.memory_left_bytes()
    return cores(), total_bytes if limit_bytes is None else min(
        total_bytes, limit_bytes
    )


def held_bytes(status: Path = _PROC / "self/status") -> dict[str, int]:
    """What this process holds of memory, by the names of proc(5); empty where nothing says."""
    text = status.read_text() if status.is_file() else ""
    found = re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)
    return {name: int(size) * BYTES_PER_KIB for name, size in found}


class StolenTime:
    """The share of processor time that a hypervisor gave to others, between two calls.

    From the first line of /proc/stat: user nice system idle iowait irq softirq
    steal, in ticks (proc(5)). Zero where the system does not say.
    """

    def __init__(self, stat: Path = _PROC / "stat") -> None:
        self._stat = stat
        self._stolen, self._total = self._ticks()

    def __call__(self) -> float:
        """The share since the last call."""
        stolen, total = self._ticks()
        passed, taken = total - self._total, stolen - self._stolen
        self._stolen, self._total = stolen, total
        return taken / passed if passed > 0 else 0.0

    def _ticks(self) -> tuple[int, int]:
        if not self._stat.is_file():
            return 0, 0
        with self._stat.open() as file:
            ticks = [int(word) for word in file.readline().split()[1:9]]
        return (ticks[7] if len(ticks) > 7 else 0), sum(ticks)


def load_warning(load: float, *, cores: int, threads: int) -> str | None:
    """A sentence when others want more of this machine than it has left.

    Example:
        >>> load_warning(0.9, cores=2, threads=1) is None
        True
        >>> load_warning(5.0, cores=2, threads=1)
        'the machine was busy (load 5.0 on 2 cores, 1 of them measured): tail percentiles hold its interruptions'
    """
    if load <= cores:
        return None
    return (
        f"the machine was busy (load {load:.1f} on {cores} cores, {threads} of them "
        "measured): tail percentiles hold its interruptions"
    )
