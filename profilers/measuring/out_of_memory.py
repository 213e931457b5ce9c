"""Telling what wanted more memory than there was, how much it held, and what to do.

What is refused memory says so in many ways, and what is refused it within a library may
crash or wait for ever instead: of those nobody can be sure.
"""

from pathlib import Path
from typing import Final

from planner.units import BYTES_PER_MIB
from profilers.measuring import machine

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
    held = machine.held_bytes(status) if is_for_memory(reason) else {}
    if "VmHWM" not in held:
        return reason
    # Of files there is nothing that a limit of private memory counts; of what is private
    # it counts what was never touched, too.
    own_bytes = held["VmHWM"] - held.get("RssFile", 0) - held.get("RssShmem", 0)
    most_bytes = max(own_bytes, held.get("VmData", 0))
    return f"{reason}; it held up to {most_bytes / BYTES_PER_MIB:.0f} MiB"
