"""What a server takes beside the model that it serves."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from planner.domain.evidence import Evidence
from planner.domain.variants import Runtime

# Runtimes that our own server loads; the others bring a server of their own.
SERVED_HERE: Final = frozenset(
    {Runtime.TORCH, Runtime.TORCH_COMPILE, Runtime.ONNXRUNTIME, Runtime.OPENVINO}
)

# Engines that come back to the interpreter between operators: a server in the same
# process gets no work done beside them.
HOLD_INTERPRETER: Final = frozenset({Runtime.TORCH})


# What the C library is told in processes that run models: see `profilers.measuring.allocator`.
KEEPS_FREED_MEMORY: Final[Mapping[str, str]] = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1),
}


class Timing(StrEnum):
    """What a profile's times were taken around."""

    MODEL = "model"  # the model alone: whatever serves it comes on top
    SERVER = "server"  # a server that answered requests: nothing is added


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCost:
    """What a request costs a server on a device, beside the model.

    `processor_s` is processor time (c); `latency_s` what a lone request spends beyond
    the model's time and that (l): sockets, wake-ups, hops. `shared_frac` is the part of
    the processor time that keeps the model waiting: 1 where the model uses every core
    of the device or the interpreter, less where the server finds a core of its own (κ). `rested_s` is what a
    request costs more that comes after a pause, and `stirred_s` what a batch takes longer
    among the server's own work, which has the caches in between, than in a loop of its own.
    """

    server: str
    processor_s: float
    latency_s: float
    shared_frac: float
    evidence: Evidence
    rested_s: float = 0.0
    stirred_s: float = 0.0
