"""The way to a deployment, emulated: a relay on this machine that paces what passes.

    request   ──►  line  ──►  half the round trip  ──►  server
    answer    ◄──  half the round trip  ◄──  line  ◄──  server

The line passes its bytes a second in each direction, first come, first served: one line
for everyone where it is shared, else one for each connection. Jitter is an exponential
part of the mean round trip, drawn for each message and way; a connection's bytes stay in
order. That is the way that plans are tried on (`planner.simulate.travel`), with real
traffic on it. A new connection pays a round trip of its own before its first byte, which
plans do not count: their clients keep connections open.

Anyone may run it, on any system; the kernel's own emulation (netem) wants root and a
namespace around client and server. What it does not have is TCP's behaviour on a long
way: a window that opens slowly, and what is lost and sent again.
"""

import asyncio
import contextlib
import functools
import logging
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.domain.hardware import NetworkPath
from planner.errors import SpecError
from planner.units import BYTES_PER_MIB, megabits_per_s, milliseconds

# select() wakes to the microsecond and watches file numbers below 1,024, two for each
# connection; whoever comes beyond that waits to be let in.
MOST_CONNECTIONS: Final = 200
# What one connection may have on its way before no more of it is read.
_MOST_BYTES: Final = 4 * BYTES_PER_MIB
# What a server says of itself when an emulated way leads to it: under this word, which.
SERVED_BEHIND: Final = "emulated-way"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way as it is emulated; `bytes_per_s` is None where nothing limits it.

    `jitter_s` is the part of the mean round trip that comes and goes.
    """

    rtt_s: float
    source: str
    jitter_s: float = 0.0
    bytes_per_s: float | None = None
    is_shared: bool = False

    @property
    def words(self) -> str:
        """The way in a few words."""
        told = [f"RTT {milliseconds(self.rtt_s):.1f} ms"]
        if self.jitter_s > 0:
            told.append(f"of which {milliseconds(self.jitter_s):.1f} ms come and go")
        if self.bytes_per_s is not None:
            whose = "shared by all" if self.is_shared else "for each connection"
            told.append(f"{megabits_per_s(self.bytes_per_s):.4g} Mbit/s {whose}")
        return ", ".join(told)


def way_of(path: NetworkPath, *, payload_bytes: float) -> Way:
    """The plan's way, whose transfer time is that of `payload_bytes`."""
    return Way(
        rtt_s=path.rtt_s,
        jitter_s=path.jitter_s,
        bytes_per_s=payload_bytes / path.transfer_s if path.transfer_s > 0 else None,
        is_shared=path.uplink_load_frac > 0,
        source=path.source,
    )


@dataclass(slots=True)
class _Line:
    """Passes `bytes_per_s`, in order of arrival; any number where that is None."""

    bytes_per_s: float | None
    free_s: float = 0.0

    def through_s(self, n_bytes: int, *, at_s: float) -> float:
        """When bytes that come now are through."""
        takes_s = 0.0 if self.bytes_per_s is None else n_bytes / self.bytes_per_s
        self.free_s = max(self.free_s, at_s) + takes_s
        return self.free_s


class _End(asyncio.Protocol):
    """One end of a connection: what comes in here leaves at the other end, later."""

    other: "_End"

    def __init__(self, line: _Line, draw_delay_s: Callable[[], float]) -> None:
        self._loop = asyncio.get_running_loop()
        self._line, self._draw_delay_s = line, draw_delay_s
        self._delay_s = 0.0
        self._under_way: deque[bytes] = deque()
        self._n_bytes = 0
        self._due_s = 0.0
        self.transport: asyncio.Transport | None = None
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Nothing is read before the connection is open all the way."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.pause_reading()

    def open(self) -> None:
        """Read from now on."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Sends it on its way, behind what is on it."""
        if not self._under_way:
            self._delay_s = self._draw_delay_s()
        now_s = self._loop.time()
        self._due_s = self._line.through_s(len(data), at_s=now_s) + self._delay_s
        self._under_way.append(data)
        self._n_bytes += len(data)
        if self._n_bytes > _MOST_BYTES and self.transport is not None:
            self.transport.pause_reading()
        self._loop.call_at(self._due_s, self._deliver)

    def _deliver(self) -> None:
        data = self._under_way.popleft()
        self._n_bytes -= len(data)
        there = self.other.transport
        if there is not None and not there.is_closing():
            there.write(data)
        if self._n_bytes <= _MOST_BYTES:
            self.open()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """The other end hears of it behind all that is under way."""
        self.gone.set()
        told_s = max(self._due_s, self._loop.time() + self._draw_delay_s())
        self._loop.call_at(told_s, self.other.close)

    def close(self) -> None:
        """Once all is written."""
        if self.transport is not None:
            self.transport.close()

    async def abort(self) -> None:
        """At once."""
        if self.transport is not None:
            self.transport.abort()
            await self.gone.wait()


class _Relay:
    """Lets connections in where `listening` is, and carries each to `target`."""

    def __init__(
        self, way: Way, listening: socket.socket, target: tuple[str, int], seed: int
    ) -> None:
        self._way, self._listening, self._target = way, listening, target
        self._rng = np.random.default_rng(seed)
        self._shared = (_Line(way.bytes_per_s), _Line(way.bytes_per_s))
        self._carrying: set[asyncio.Task[None]] = set()
        self._is_closing = False

    async def run(self, started: "Future[Callable[[], object]]") -> None:
        """Work until what `started` is given is called."""
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        loop.add_reader(self._listening, self._let_in)
        started.set_result(lambda: loop.call_soon_threadsafe(stop.set))
        await stop.wait()
        self._is_closing = True
        loop.remove_reader(self._listening)
        tasks = tuple(self._carrying)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _let_in(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            near, _ = self._listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        near.setblocking(False)
        task = loop.create_task(self._carry(near))
        self._carrying.add(task)
        task.add_done_callback(functools.partial(self._let_go, near))
        if len(self._carrying) == MOST_CONNECTIONS:
            loop.remove_reader(self._listening)

    def _let_go(self, near: socket.socket, task: asyncio.Task[None]) -> None:
        # A task that is cancelled before it began has closed nothing.
        near.close()
        self._carrying.discard(task)
        if not self._is_closing:
            asyncio.get_running_loop().add_reader(self._listening, self._let_in)

    async def _carry(self, near: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        opens_s = loop.time() + self._way.rtt_s
        ends = [_End(line, self._draw_delay_s) for line in self._lines()]
        here, there = ends
        here.other, there.other = there, here
        try:
            await loop.connect_accepted_socket(lambda: here, near)
            await loop.create_connection(lambda: there, *self._target)
            await asyncio.sleep(opens_s - loop.time())
            for end in ends:
                end.open()
            await asyncio.gather(*(end.gone.wait() for end in ends))
        except OSError as error:
            _log.warning("nobody answers at %s:%d: %s", *self._target, error)
        finally:
            for end in ends:
                await end.abort()

    def _lines(self) -> tuple[_Line, _Line]:
        if self._way.is_shared:
            return self._shared
        return _Line(self._way.bytes_per_s), _Line(self._way.bytes_per_s)

    def _draw_delay_s(self) -> float:
        """One way's delay beside the line."""
        jitter_s = self._way.jitter_s
        return (self._way.rtt_s - jitter_s) / 2 + self._rng.exponential(jitter_s / 2)


@contextlib.contextmanager
def emulated(
    way: Way,
    target: tuple[str, int],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    seed: int = 0,
) -> Iterator[int]:
    """The port at `host` from which the way leads to `target`; 0: any that is free.

    Raises:
        SpecError: The port is taken, or not this machine's.
    """
    try:
        listening = socket.create_server((host, port), backlog=MOST_CONNECTIONS)
    except OSError as error:
        words = error.strerror or str(error)
        raise SpecError(f"cannot listen on {host}:{port}: {words}") from None
    with listening:
        listening.setblocking(False)
        relay = _Relay(way, listening, target, seed)
        started: Future[Callable[[], object]] = Future()
        thread = threading.Thread(
            target=_run, args=(relay, started), name="emulated way", daemon=True
        )
        thread.start()
        stop = started.result()
        try:
            yield listening.getsockname()[1]
        finally:
            stop()
            thread.join()


def _run(relay: _Relay, started: "Future[Callable[[], object]]") -> None:
    with asyncio.Runner(loop_factory=_precise_loop) as runner:
        runner.run(relay.run(started))


def _precise_loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(selectors.SelectSelector())
