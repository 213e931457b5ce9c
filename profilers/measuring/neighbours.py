"""Other replicas of the variant that is measured, at work beside it on the same machine.

They share caches and memory bandwidth, which is what replicas cost each other. Each is
a forked process that loads the variant and runs its largest batch over and over; the
measurement begins when all of them run. They are forked before this process runs
anything on several threads, which a fork would lose: each replica has one thread.
"""

import ctypes
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from planner.errors import ProfilingError
from profilers.trials import Envelope

_PR_SET_PDEATHSIG = 1


@contextmanager
def busy(work: Callable[[], Callable[[], object]], room: Envelope) -> Iterator[None]:
    """While inside, the room's other replicas call what `work` gives, over and over.

    Raises:
        ProfilingError: One of them ended before its first call was done, or while the
            measurement lasted, or each is to have several threads.
    """
    if room.replicas > 1 and room.threads > 1:
        raise ProfilingError(
            f"{room.replicas} replicas of {room.threads} threads each are not measured: "
            "several replicas have one thread each"
        )
    children: list[int] = []
    try:
        for _ in range(room.replicas - 1):
            children.append(_started(work))  # noqa: PERF401 - one by one, each to be ended
        yield
        if any(map(_has_ended, children)):
            raise ProfilingError(
                "a replica beside it ended while the first was measured: is there memory "
                "for it?"
            )
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _has_ended(child: int) -> bool:
    """Whether it has; not yet buried, so that nobody else has its number."""
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, child, options) is not None


def _started(work: Callable[[], Callable[[], object]]) -> int:
    """A child that has done its first call."""
    reading, writing = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _toil(work, writing, parent)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        is_well = pipe.read(1) == b"1"
    if not is_well:
        os.waitpid(child, 0)
        raise ProfilingError(
            "a second replica could not be started beside the first: is there memory for it?"
        )
    return child


def _toil(work: Callable[[], Callable[[], object]], writing: int, parent: int) -> None:
    try:
        die_with(parent)
        call = work()
        call()
        os.write(writing, b"1")
        while True:
            call()
    finally:
        os._exit(1)


def die_with(parent: int) -> None:
    """Be killed as soon as that process, which forked this one, is."""
    # prctl(2), Linux; elsewhere whoever kills a trial kills its process group.
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was before this was asked for
            os._exit(1)
