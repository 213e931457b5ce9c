"""Puts an envelope in force on the measuring process, and says what really holds.

    memory   RLIMIT_DATA: private writable memory; past it an allocation is refused;
             and a control group where one can be written: past it the process is killed
    quota    a control group where one can be written, else fewer cores and a duty cycle
             neither above what a container leaves of the machine
    heat     after so long under load, a duty cycle at the speed that is left
    threads  told to the runtimes by the backends; repeated here for the record

RLIMIT_DATA and not RLIMIT_AS: with torch 2.13 and onnxruntime 1.32 imported, a
process had 751 MB of address space but 297 MB of data and 354 MB resident; under
a limit of 1 GiB it could allocate another 256 MiB with RLIMIT_AS and 704 MiB with
RLIMIT_DATA (2026-11, Linux 6.18). Libraries' code is address space that a device
does not pay for. Neither counts what files map in: the limit is a little generous.

A limit below what this process holds already is refused: it could not be in force, and
Python that is refused memory at every turn may spin for ever instead of failing.
"""

import contextlib
import math
import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from planner.errors import ProfilingError
from planner.units import BYTES_PER_MIB
from profilers.emulators import cgroups, duty
from profilers.measuring.control_groups import (
    PROC,
    cores_left,
    memory_left_bytes,
    own_places,
)
from profilers.measuring.machine import held_bytes
from profilers.measuring.out_of_memory import OUT_OF_MEMORY
from profilers.trials import Envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What was really applied, in words, for the record of a measurement."""

    threads: str
    memory: str
    cpu_quota: str
    heat: str


@contextlib.contextmanager
def enter(envelope: Envelope, *, proc: Path = PROC) -> Iterator[InForce]:
    """Limit this process as the envelope says, for as long as the context lasts.

    What cannot be applied is said and not enforced; the limits of a process that
    dies go with it. `proc` is where the system describes this process.

    Raises:
        ProfilingError: This process already holds more memory than the envelope allows.
    """
    with contextlib.ExitStack() as stack:
        memory = _limit_memory(envelope.memory_bytes, stack, proc)
        cpu_quota = _limit_cpu(envelope.cpu_quota_cores, stack, proc)
        yield InForce(
            threads=str(envelope.threads),
            memory=memory,
            cpu_quota=cpu_quota,
            heat=_heat(envelope, stack),
        )


def _heat(envelope: Envelope, stack: contextlib.ExitStack) -> str:
    speed_frac = envelope.heat_speed_frac
    if speed_frac is None:
        return "no throttling"
    stack.enter_context(duty.cycle(speed_frac, after_s=envelope.soak_s))
    return f"{speed_frac:.0%} of the speed after {envelope.soak_s:g} s, by duty cycle"


def _limit_memory(
    memory_bytes: float | None, stack: contextlib.ExitStack, proc: Path
) -> str:
    if memory_bytes is None:
        return "not limited"
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = int(min(memory_bytes, memory_left_bytes(proc) or math.inf))
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    # What the limit counts is held by now.
    if held_bytes(proc / "status").get("VmData", 0) > limit:
        raise ProfilingError(f"{OUT_OF_MEMORY} before any model was loaded")
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    stack.callback(resource.setrlimit, resource.RLIMIT_DATA, (soft, hard))
    words = f"{limit / BYTES_PER_MIB:.0f} MiB of data (RLIMIT_DATA)"
    candidates = own_places("memory", proc)
    try:
        return f"{words}, {stack.enter_context(cgroups.memory(limit, candidates))}"
    except cgroups.NotWritableError:
        return words


def _limit_cpu(cores: float | None, stack: contextlib.ExitStack, proc: Path) -> str:
    if cores is None:
        return "not limited"
    cores = min(cores, cores_left(proc) or math.inf)
    try:
        return stack.enter_context(cgroups.quota(cores, own_places("cpu", proc)))
    except cgroups.NotWritableError as error:
        reason = f"control groups not writable ({error})"
    before = os.sched_getaffinity(0)
    kept = sorted(before)[-math.ceil(cores) :]
    os.sched_setaffinity(0, kept)
    stack.callback(os.sched_setaffinity, 0, before)
    share_frac = min(1.0, cores / len(kept))
    if share_frac < 1:
        stack.enter_context(duty.cycle(share_frac))
        return f"{cgroups.so_many(cores)} by affinity and duty cycle: {reason}"
    return f"{cgroups.so_many(len(kept))} by affinity: {reason}"
