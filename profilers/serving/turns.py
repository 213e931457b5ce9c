"""Servers that share a machine take turns: one request at a time, in order of arrival.

What a plan promises of a shared machine (`planner.perf.sharing`) holds for one queue.
Each server is a process of its own, so the queue is a file that all of them have open:

    take a ticket   under a lock, on arrival: its number is the next in the file, and
                    the byte of that number is locked until the request is done with
    have the turn   when the bytes of all tickets before are free, and then the lock
                    on RUNNING, which one process at a time can hold

Locks belong to the open file, so the kernel frees them when a process ends, however it
ends: nobody waits for the dead, and RUNNING still keeps the living apart. A ticket that
is given back unused is passed over.

A machine may hold several such queues, one for each replica of the servers (one an
accelerator, say): the nth replica of each server on the machine takes the nth queue.
"""

import contextlib
import fcntl
import itertools
import logging
import os
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from planner.specs.serving import SharedMachine

_log = logging.getLogger(__name__)

# struct flock of 64-bit offsets: type, whence, start, length, process; 0 for open files.
_FLOCK: Final = "hhqqi0q"
_NUMBER: Final = "<q"
# Bytes that stand for locks; tickets follow, and the file holds none of them.
_COUNTER: Final = 0
_RUNNING: Final = 1
_FIRST_TICKET: Final = 2


class Turns:
    """A place in the queue of a machine; `directory` holds the files of the queue.

    Raises:
        OSError: The directory cannot be written, or belongs to somebody else.
    """

    def __init__(self, directory: Path, member: str) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if directory.stat().st_uid != os.getuid():
            raise PermissionError(f"{directory} belongs to another user")
        self._claim, number = _claimed(directory, member)
        self._file = _opened(directory / f"queue-{number}")

    @contextlib.contextmanager
    def ticket(self) -> Iterator[int]:
        """The next number in the queue, held until the request is done with."""
        _lock(self._file, _COUNTER)
        try:
            number = self._next_number()
            _lock(self._file, _FIRST_TICKET + number)
        finally:
            _unlock(self._file, _COUNTER)
        try:
            yield number
        finally:
            _unlock(self._file, _FIRST_TICKET + number)

    @contextlib.contextmanager
    def turn(self, ticket: int) -> Iterator[None]:
        """Wait for it in a thread of its own, and work while it lasts."""
        if ticket > 0:
            _lock(self._file, _FIRST_TICKET, n_bytes=ticket, kind=fcntl.F_RDLCK)
            _unlock(self._file, _FIRST_TICKET, n_bytes=ticket)
        _lock(self._file, _RUNNING)
        try:
            yield
        finally:
            _unlock(self._file, _RUNNING)
            # Whoever is next need not wait until the answer is on its way.
            _unlock(self._file, _FIRST_TICKET + ticket)

    def close(self) -> None:
        """Leave the queue; whatever is held of it is free."""
        os.close(self._file)
        os.close(self._claim)

    def _next_number(self) -> int:
        written = os.pread(self._file, struct.calcsize(_NUMBER), 0)
        number: int = struct.unpack(_NUMBER, written)[0] if written else 0
        os.pwrite(self._file, struct.pack(_NUMBER, number + 1), 0)
        return number


def turns_of(shared: SharedMachine) -> Turns | None:
    """The queue of the machine that this process runs on; None where none can be kept.

    Raises:
        OSError: Its directory cannot be written, or belongs to somebody else.
    """
    if sys.platform != "linux":
        _log.warning(
            "%s takes no turns with others: locks of open files are Linux's",
            shared.member,
        )
        return None
    folder = shared.directory or f"{tempfile.gettempdir()}/planner-turns-{os.getuid()}"
    return Turns(Path(folder) / shared.pool, shared.member)


def _claimed(directory: Path, member: str) -> tuple[int, int]:
    """The first replica's place of this member that no living process holds."""
    for number in itertools.count():
        file = _opened(directory / f"{member}-{number}")
        try:
            _lock(file, 0, waits=False)
        except BlockingIOError:
            os.close(file)
        else:
            return file, number
    raise AssertionError("counting does not end")


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _lock(
    file: int,
    byte: int,
    *,
    n_bytes: int = 1,
    kind: int = fcntl.F_WRLCK,
    waits: bool = True,
) -> None:
    command = fcntl.F_OFD_SETLKW if waits else fcntl.F_OFD_SETLK
    fcntl.fcntl(file, command, _range(kind, byte, n_bytes))


def _unlock(file: int, byte: int, *, n_bytes: int = 1) -> None:
    fcntl.fcntl(file, fcntl.F_OFD_SETLK, _range(fcntl.F_UNLCK, byte, n_bytes))


def _range(kind: int, byte: int, n_bytes: int) -> bytes:
    return struct.pack(_FLOCK, kind, os.SEEK_SET, byte, n_bytes, 0)
