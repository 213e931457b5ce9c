"""Telling what wanted more memory than there was, how much it held, and what to do.

What is refused memory says so in many ways, and what is refused it within a library may
crash or wait for ever instead: of those nobody can be sure.
"""

import re
from pathlib import Path
from typing import Final

from planner.units import BYTES_PER_KIB, BYTES_PER_MIB

OUT_OF_MEMORY: Final = "out of memory"
KILLED: Final = "as the system does when memory runs out"
NOT_IMPORTED: Final = "cannot be imported in a fresh process"
# What Python, torch, onnxruntime, the dynamic linker and threads say when refused.
_REFUSED: Final = (
    "memoryerror",
    "allocate memory",
    "bad_alloc",
    "bad allocation",
    "failed to map segment",
    "can't start new thread",
)
# oneDNN, where torch calls it, does not say why.
_ENDED_OTHERWISE: Final = (
    "was killed by",
    "so stopped",
    "could not create a primitive",
    NOT_IMPORTED,
)


def is_for_memory(reason: str) -> bool:
    """Whether a trial's end reads as if it had wanted more memory than it could have.

    Example:
        >>> is_for_memory("ImportError: libm.so: failed to map segment from shared object")
        True
    """
    said = reason.lower()
    return any(word in said for word in (KILLED, OUT_OF_MEMORY, *_REFUSED))


def told_with_limit(reason: str, limit_bytes: float | None) -> str:
    """The reason, and the limit of memory behind it where there is one, or may be."""
    surely = is_for_memory(reason)
    maybe = any(words in reason for words in _ENDED_OTHERWISE)
    if limit_bytes is None or not (surely or maybe):
        return reason
    doubt = "" if surely else ", which may be too little"
    return (
        f"{reason}; it was given {limit_bytes / BYTES_PER_MIB:.0f} MiB of memory{doubt}: "
        "raise --memory-mib, choose a device with more memory, or load less"
    )


def told_with_peak(reason: str, *, status: Path = Path("/proc/self/status")) -> str:
    """The reason, and the most memory that this process held of its own where it is for that."""
    if not is_for_memory(reason) or not status.is_file():
        return reason
    kib = {
        name: int(size)
        for name, size in re.findall(r"^(\w+):\s+(\d+) kB$", status.read_text(), re.M)
    }
    if "VmHWM" not in kib:
        return reason
    # Of files there is nothing that a limit of private memory counts; of what is private
    # it counts what was never touched, too.
    own_kib = kib["VmHWM"] - kib.get("RssFile", 0) - kib.get("RssShmem", 0)
    held_kib = max(own_kib, kib.get("VmData", 0))
    return f"{reason}; it held up to {held_kib * BYTES_PER_KIB / BYTES_PER_MIB:.0f} MiB"
