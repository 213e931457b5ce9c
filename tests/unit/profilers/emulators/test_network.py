"""The emulated way: real requests through it take what the plan's model says, no less."""

import asyncio
import contextlib
import itertools
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from planner.domain.hardware import NetworkPath
from planner.errors import SpecError
from planner.perf.network import constant_s
from profilers.emulators.network import MOST_CONNECTIONS, Way, emulated, way_of
from tests.support.endpoints import Response, Script, serving, steady

pytestmark = pytest.mark.alone

# Sums of what a clock says and of binary fractions of it.
ROUNDING_S = 1e-4


def path(**changes):
    figures = {"rtt_s": 0.04, "transfer_s": 0.05, "uplink_load_frac": 0.3}
    return NetworkPath(source="a test", **{**figures, **changes})


def way(**changes):
    return Way(source="a test", **{"rtt_s": 0.04, **changes})


@contextlib.contextmanager
def echo():
    """A server that sends back what comes, as it comes; its host and port."""

    async def answer(reader, writer):
        # Also where the server stops before it hears that the other end is gone.
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def run(told, stop):
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            told.append(server.sockets[0].getsockname())
            ready.set()
            while not stop.is_set():
                await asyncio.sleep(0.01)

    told, stop, ready = [], threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(run(told, stop)))
    thread.start()
    ready.wait()
    try:
        yield told[0]
    finally:
        stop.set()
        thread.join()


def connected(port):
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def exchange(client, data):
    """Seconds until as much as was sent is back, and it is the same."""
    began_s = time.perf_counter()
    sender = threading.Thread(target=client.sendall, args=(data,))
    sender.start()
    back = bytearray()
    while len(back) < len(data):
        back += client.recv(1 << 16)
    sender.join()
    assert back == data
    return time.perf_counter() - began_s


def test_a_request_takes_the_round_trip_and_its_transfer_as_the_model_has_it():
    n_bytes = 50_000
    planned = path()
    emulation = way_of(planned, payload_bytes=2 * n_bytes)

    with echo() as target, emulated(emulation, target) as port, connected(port) as it:
        exchange(it, b"opens the connection")
        taken_s = min(exchange(it, bytes(n_bytes)) for _ in range(5))

    # One way beside the other, as soon as there is something to send back.
    both_ways_s = planned.rtt_s + n_bytes / emulation.bytes_per_s
    assert taken_s >= both_ways_s - ROUNDING_S
    assert taken_s <= 3 * constant_s(planned)


def test_a_whole_request_and_its_answer_take_no_less_than_the_model_says():
    body = b'{"outputs": ' + b"1" * 30_000 + b"}"
    planned = path(transfer_s=(10_000 + len(body)) / 1e6)
    emulation = way_of(planned, payload_bytes=10_000 + len(body))

    with serving(Script(steady(Response(body)))) as url:
        target = (urlsplit(url).hostname, urlsplit(url).port)
        with emulated(emulation, target) as port, connected(port) as client:
            taken_s = [posted(client, 10_000, len(body)) for _ in range(4)][1:]

    assert emulation.bytes_per_s == pytest.approx(1e6)
    assert min(taken_s) >= constant_s(planned) - ROUNDING_S
    assert min(taken_s) <= 3 * constant_s(planned)


def posted(client, n_request, n_response):
    began_s = time.perf_counter()
    head = f"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {n_request}\r\n\r\n"
    client.sendall(head.encode() + bytes(n_request))
    n_read = 0
    while n_read < n_response:
        n_read += len(client.recv(1 << 16))
    return time.perf_counter() - began_s


def test_a_new_connection_pays_a_round_trip_before_its_first_byte():
    slow = way(rtt_s=0.1)
    with echo() as target, emulated(slow, target) as port:
        began_s = time.perf_counter()
        with connected(port) as client:
            exchange(client, b"a")
            first_s = time.perf_counter() - began_s
            second_s = exchange(client, b"b")

    assert first_s >= 0.2 - ROUNDING_S
    assert second_s >= 0.1 - ROUNDING_S


@pytest.mark.parametrize(
    ("is_shared", "least_s"), [(True, 0.4), (False, 0.1)], ids=["shared", "own"]
)
def test_everyone_waits_for_a_shared_line_and_nobody_for_ones_own(is_shared, least_s):
    emulation = way(rtt_s=0.0, bytes_per_s=1e6, is_shared=is_shared)
    with echo() as target, emulated(emulation, target) as port:
        taken_s = min(together_s(port) for _ in range(3))

    assert taken_s >= least_s - ROUNDING_S
    # One behind the other they would have taken this long each time.
    assert is_shared or taken_s < 0.4


def together_s(port):
    """Seconds that four exchanges of 100 kB at once take."""
    with ThreadPoolExecutor(4) as threads, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connected(port)) for _ in range(4)]
        began_s = time.perf_counter()
        list(threads.map(exchange, clients, [bytes(100_000)] * 4))
        return time.perf_counter() - began_s


def test_jitter_is_part_of_the_mean_round_trip_and_keeps_the_order():
    emulation = way(rtt_s=0.06, jitter_s=0.05)
    with echo() as target, emulated(emulation, target) as port, connected(port) as it:
        exchange(it, b"opens the connection")
        taken_s = [exchange(it, bytes([n])) for n in range(20)]
        exchange(it, bytes(itertools.islice(itertools.cycle(range(256)), 300_000)))

    assert min(taken_s) >= 0.01 - ROUNDING_S
    # Forty draws of an exponential have a mean below a third of theirs once in 10^8.
    assert sum(taken_s) / len(taken_s) >= 0.01 + 0.05 / 3


def test_much_at_once_comes_through_whole():
    # More than may be under way at a time, both ways at once.
    data = bytes(itertools.islice(itertools.cycle(range(251)), 10 * 2**20))
    far = way(rtt_s=0.5)
    with echo() as target, emulated(far, target) as port, connected(port) as client:
        exchange(client, data)


def test_an_end_is_told_behind_what_is_under_way():
    with serving(Script(steady())) as url:
        target = (urlsplit(url).hostname, urlsplit(url).port)
        with emulated(way(), target) as port, connected(port) as client:
            client.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: client.recv(1 << 16), b""))

    assert answer.startswith(b"HTTP/1")


def test_nobody_there_ends_the_connection():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        gone = probe.getsockname()
    told = b""
    with (
        emulated(way(), gone) as port,
        connected(port) as client,
        contextlib.suppress(ConnectionResetError),
    ):
        told = client.recv(1)

    assert told == b""


def test_more_connections_than_it_can_watch_wait_to_be_let_in():
    with echo() as target, emulated(way(rtt_s=0.0), target) as port:
        clients = [connected(port) for _ in range(MOST_CONNECTIONS)]
        for client in clients:
            exchange(client, b"in")
        late = connected(port)
        late.settimeout(0.2)
        late.sendall(b"?")
        with pytest.raises(TimeoutError):
            late.recv(1)
        clients.pop().close()
        late.settimeout(30)
        let_in = late.recv(1)
        for client in [late, *clients]:
            client.close()

    assert let_in == b"?"


def test_it_ends_with_connections_open_and_leaves_no_thread():
    with echo() as target:
        with emulated(way(rtt_s=5.0), target) as port:
            client = connected(port)
            client.sendall(b"under way")
            assert "emulated way" in names_of_threads()
        client.close()

    assert "emulated way" not in names_of_threads()


def names_of_threads():
    return [thread.name for thread in threading.enumerate()]


def test_a_port_that_is_taken_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(SpecError, match=f"127.0.0.1:{port}"),
            emulated(way(), ("127.0.0.1", 1), port=port),
        ):
            pass


@pytest.mark.parametrize(
    ("emulation", "words"),
    [
        (way_of(path(transfer_s=0.0), payload_bytes=0.0), "RTT 40.0 ms"),
        (
            way_of(path(transfer_s=0.04, jitter_s=0.002), payload_bytes=1e5),
            "RTT 40.0 ms, of which 2.0 ms come and go, 20 Mbit/s shared by all",
        ),
        (
            way_of(path(uplink_load_frac=0.0), payload_bytes=1e5),
            "RTT 40.0 ms, 16 Mbit/s for each connection",
        ),
    ],
)
def test_a_way_is_told_in_words(emulation, words):
    assert emulation.words == words
