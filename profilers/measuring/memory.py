"""What a replica holds of memory, weighed from a process that holds more than it.

What a fresh Python holds after importing what the replica imports (a short process of its
own) + how far this process's peak rises from before the variant is loaded until every
batch size has run. So the exporter, the fp32 original and this process's other imports are
not counted, and the largest batch is:

    runtime + max(the peak while loading, weights (what stays of that) + activations)
"""

import gc
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import psutil

from planner.domain.profiles import MemoryParts
from planner.errors import ProfilingError
from profilers.measuring import allocator, machine
from profilers.measuring.out_of_memory import NOT_IMPORTED
from profilers.trials import Envelope

# What is imported, within which limits.
Imports = tuple[tuple[str, ...], Envelope]

_PROC = Path("/proc")
# Python that is refused memory may spin for ever instead of failing (CPython 3.11, where it
# unwinds into a `with` or `finally`: `import torch` did so within 202 MiB of data, one try
# in six, 2026-11-30), so nothing is imported anew under RLIMIT_DATA.
_FREE = (
    "import resource as r; most = r.getrlimit(r.RLIMIT_DATA)[1]; "
    "r.setrlimit(r.RLIMIT_DATA, (most, most))"
)
_RESIDENT = "import psutil; print(psutil.Process().memory_info().rss)"
_FOUND: dict[Imports, float] = {}


class ReplicaMemory:
    """Weighs a replica from before it loads, by what each stage adds.

    `found_bytes` of libraries were mapped in when the same engine was first weighed here:
    loaded again it finds them there, and its stages add them no more.
    """

    def __init__(self, floor_bytes: float, *, found_bytes: float = 0.0) -> None:
        self._floor_bytes = floor_bytes
        self._found_bytes = found_bytes
        self._mapped_bytes = mapped_bytes()
        self._loading_bytes = self._weights_bytes = 0.0
        self._stage = PeakMemory()

    def loaded(self) -> None:
        """Loading is over, and running begins."""
        self._loading_bytes = self._stage.added_bytes()
        self._weights_bytes = self._stage.held_bytes()
        self._stage = PeakMemory()

    def parts(self) -> MemoryParts:
        """What is held, so far, and for what."""
        return MemoryParts(
            runtime_bytes=self._floor_bytes,
            weights_bytes=self._weights_bytes,
            activations_bytes=self._stage.added_bytes() + self._found_bytes,
        )

    def mapped_bytes(self) -> float:
        """Libraries that were mapped in for it so far."""
        return float(max(0, mapped_bytes() - self._mapped_bytes))

    def peak_bytes(self) -> float:
        """The most that was ever held: while loading, or while running."""
        parts = self.parts()
        running_bytes = parts.weights_bytes + parts.activations_bytes
        return self._floor_bytes + max(self._loading_bytes, running_bytes)


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
    seconds, in which this process has other things to do. It inherits the limits that are in
    force here, which are the envelope's, but for that of its data; what was found within the
    same is not asked again.
    """

    def __init__(self, modules: Sequence[str], envelope: Envelope) -> None:
        self._imports = (tuple(modules), envelope)
        self._names = ", ".join(modules)
        self._process = None if self._imports in _FOUND else self._started()

    def _started(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(  # noqa: S603 - our own interpreter and names of ours
            [sys.executable, "-c", f"{_FREE}; import {self._names}; {_RESIDENT}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            # Popen's own exit closes the pipes and waits.
            self._process.__exit__(None, None, None)

    def resident_bytes(self) -> float:
        """The answer, once it is there.

        Raises:
            ProfilingError: They cannot even be imported in a fresh process.
        """
        if self._process is not None:
            _FOUND[self._imports] = self._told_bytes(self._process)
        return _FOUND[self._imports]

    def _told_bytes(self, process: "subprocess.Popen[str]") -> float:
        told, said = process.communicate()
        if process.returncode != 0:
            last_words = said.strip().splitlines()[-1:]
            ended = ": ".join([f"it ended with {process.returncode}", *last_words])
            raise ProfilingError(f"{self._names} {NOT_IMPORTED} ({ended})")
        return float(told)


def found() -> Mapping[Imports, float]:
    """What fresh processes were found to hold, in bytes, for others that would ask it anew."""
    return dict(_FOUND)


def know(found: Mapping[Imports, float]) -> None:
    """What another process of the same program and environment has found holds here, too."""
    _FOUND.update(found)


def _resident_bytes() -> int:
    return int(psutil.Process().memory_info().rss)


def _reset_peak() -> bool:
    try:
        (_PROC / "self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _peak_bytes() -> int:
    peak_bytes = machine.held_bytes().get("VmHWM")
    return _resident_bytes() if peak_bytes is None else peak_bytes
