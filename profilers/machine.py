"""What this machine says of itself: processor, stolen time, load, resident memory."""

import gc
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import psutil

from planner.errors import ProfilingError
from planner.units import BYTES_PER_KIB
from profilers import allocator

_PROC = Path("/proc")
_RESIDENT = "import psutil; print(psutil.Process().memory_info().rss)"


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


def size() -> tuple[int, float]:
    """Processors that this process may use, and bytes of memory of the machine."""
    return len(os.sched_getaffinity(0)), float(psutil.virtual_memory().total)


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


class PeakMemory:
    """Peak resident memory that is added from now on, in this process.

    Freed memory is first given back to the system, else what is loaded next would reuse it
    unseen. The peak is VmHWM, reset through /proc/self/clear_refs (proc(5)); where that
    may not be written, it is the resident size at the moment of asking.
    """

    def __init__(self) -> None:
        gc.collect()
        allocator.give_back()
        self._before_bytes = _resident_bytes()
        self._has_peak = _reset_peak()

    def added_bytes(self) -> float:
        """How far the peak lies above where it began."""
        peak_bytes = _peak_bytes() if self._has_peak else _resident_bytes()
        return float(max(0, peak_bytes - self._before_bytes))

    def held_bytes(self) -> float:
        """How much of it is still held, when what was freed has been given back."""
        gc.collect()
        allocator.give_back()
        return float(max(0, _resident_bytes() - self._before_bytes))


def mapped_bytes() -> int:
    """Resident memory of files that this process has mapped in: its libraries, above all."""
    return int(getattr(psutil.Process().memory_info(), "shared", 0))


class ImportedMemory:
    """Resident memory of a fresh Python that has imported these modules and nothing else.

    The fresh process starts at once and is asked for its answer later: importing torch takes
    seconds, in which this process has other things to do.
    """

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = ", ".join(modules)
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and names of ours
            [sys.executable, "-c", f"import {self._modules}; {_RESIDENT}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        # Popen's own exit closes the pipe and waits.
        self._process.__exit__(None, None, None)

    def resident_bytes(self) -> float:
        """The answer, once it is there.

        Raises:
            ProfilingError: They cannot even be imported in a fresh process.
        """
        told, _ = self._process.communicate()
        if self._process.returncode != 0:
            raise ProfilingError(
                f"{self._modules} cannot be imported in a fresh process (it ended with "
                f"{self._process.returncode}): is the memory limit below what they need "
                "by themselves?"
            )
        return float(told)


def _resident_bytes() -> int:
    return int(psutil.Process().memory_info().rss)


def _reset_peak() -> bool:
    try:
        (_PROC / "self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _peak_bytes() -> int:
    for line in (_PROC / "self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * BYTES_PER_KIB
    return _resident_bytes()
