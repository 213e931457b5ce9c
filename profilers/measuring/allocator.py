"""How the C library keeps memory that a model has freed, told to a process at its start.

torch frees a layer's answer when the next one has read it. By its defaults glibc gives what
is large back to the system at once, or not, as the process's earlier allocations had it
(mallopt(3), "dynamic mmap threshold"), and the next batch then faults every page in again.
A small CNN, fp32, one thread, glibc 2.36, 2026-11-30: 2.3 to 3.3 ms or 1.3 ms at batch 1,
482 or 185 ms at batch 128, both within one program. So what is profiled and what is served
keep what they freed: one arena for all threads, nothing mapped by itself, nothing given
back (read once, when a process starts: mallopt(3), "Environment variables"). At its most
the same program then held 572 MB, by the defaults 603. Whoever sets one of these in the
environment has decided otherwise. C libraries other than glibc do not read them.
"""

import ctypes
import os
from collections.abc import Mapping

from planner.domain.servers import KEEPS_FREED_MEMORY


def environment() -> Mapping[str, str]:
    """This process's environment with `KEEPS_FREED_MEMORY`, for a process to be started."""
    return {**KEEPS_FREED_MEMORY, **os.environ}


def told() -> str:
    """How processes started with `environment` keep memory: part of what was measured."""
    own = {k: v for k, v in sorted(os.environ.items()) if k.startswith("MALLOC_")}
    if all(KEEPS_FREED_MEMORY.get(name) == value for name, value in own.items()):
        return "keeps freed memory"
    return " ".join(
        f"{name}={value}" for name, value in {**KEEPS_FREED_MEMORY, **own}.items()
    )


def give_back() -> None:
    """Give freed memory back to the system; nothing, where the C library cannot."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
