"""What this machine is and can hold, found by trying: `planner device join`."""

import importlib.metadata
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from statistics import median
from typing import Final

from planner.domain.joining import Machine, SelfTest
from planner.units import BYTES_PER_MIB
from profilers.emulators.envelope import enter
from profilers.measuring import machine
from profilers.trials import Envelope

SIDE: Final = 512
N_PRODUCTS: Final = 9
# Asks for twice what it was given; prints what was in force and whether that held.
_MEMORY = f"""
from profilers.emulators.envelope import enter
from profilers.trials import Envelope
with enter(Envelope(memory_bytes={512 * BYTES_PER_MIB})) as in_force:
    print(in_force.memory)
    try:
        held = bytearray({1024 * BYTES_PER_MIB})
    except MemoryError:
        print("held")
"""
_TIMEOUT_S: Final = 60.0
_ANSWER_S: Final = 5.0


def machine_here() -> Machine:
    """What this machine says that it is; nothing is tried."""
    cores, memory_bytes = machine.size()
    return Machine(
        processor=machine.processor(),
        architecture=platform.machine(),
        cores=cores,
        memory_bytes=memory_bytes,
        accelerators=_accelerators(),
    )


def self_test(*, clock: Callable[[], float] = time.perf_counter) -> SelfTest:
    """Everything of `SelfTest`, in a few seconds."""
    words, held = _memory_limit()
    return SelfTest(
        **asdict(machine_here()),
        python_version=platform.python_version(),
        ray_version=_version("ray"),
        torch_version=_version("torch"),
        memory_limit=words,
        is_memory_limited=held,
        cpu_quota=_cpu_limit(),
        matrix_s=_matrix_s(clock),
    )


def silence(address: str) -> str:
    """Why nothing answers at HOST:PORT; empty where something does."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return "that is not HOST:PORT"
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_S).close()
    except OSError as error:
        return error.strerror or str(error)
    except (OverflowError, UnicodeError):  # no such port, no such name
        return "that is not HOST:PORT"
    return ""


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _accelerators() -> tuple[str, ...]:
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        told = subprocess.run(  # noqa: S603 - the driver's own program
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in told.stdout.splitlines() if line.strip())


def _memory_limit() -> tuple[str, bool]:
    """What was in force in a process of its own, and whether more was refused or killed."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    try:
        told = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", _MEMORY],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
            env={**os.environ, "PYTHONPATH": path},
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"it could not be tried: {error}", False
    lines = told.stdout.splitlines()
    if not lines:
        return "the system refuses limits", False
    return lines[0], told.returncode < 0 or "held" in lines


def _cpu_limit() -> str:
    """By control group, or by affinity and duty cycle: one of them always is in force."""
    with enter(Envelope(cpu_quota_cores=machine.cores() / 2)) as in_force:
        return in_force.cpu_quota


def _matrix_s(clock: Callable[[], float]) -> float:
    import numpy as np  # noqa: PLC0415 - the rest needs none

    rng = np.random.default_rng(0)
    left, right = (rng.random((SIDE, SIDE), dtype=np.float32) for _ in range(2))
    taken_s = []
    for _ in range(N_PRODUCTS):
        began_s = clock()
        left @ right
        taken_s.append(clock() - began_s)
    return float(median(taken_s))
