"""What a server takes beside its model, from requests that come one by one."""

import asyncio

import numpy as np
import pytest

from profilers.verifying import endpoint, load, lone
from profilers.verifying.load import Sending
from profilers.verifying.payloads import Payloads
from tests.support.endpoints import Response, Script, about, answer, serving
from tests.support.plans import digits_placement

SERVICE_S = 0.002
BODIES = Payloads(bodies=(b'{"inputs": [0, 1]}',), origin="a test", labels=None)


class Process:
    """A server whose process uses so much for a request, a question, and a second."""

    def __init__(
        self, *, request_s=0.0035, question_s=0.0004, idle_frac=0.0, **changes
    ):
        self.used_s, self.request_s = 5.0, request_s
        self.question_s, self.idle_frac = question_s, idle_frac
        self.changes = {"max_batch": 1, "threads": 1, **changes}
        self.clock_s = 0.0

    def about(self):
        self.used_s += self.question_s
        told = about(digits_placement(), **self.changes)
        return told | {"processor_s": self.used_s}

    def answer(self, n, body):
        self.used_s += self.request_s
        good = answer(
            outputs=[0.1, 0.9], label=1, batch_size=1, service_ms=1000 * SERVICE_S
        )
        return Response(good.body, after_s=0.006)


def asked(process, monkeypatch, *, tells=True):
    monkeypatch.setattr(lone, "LENGTH_S", 0.6)
    monkeypatch.setattr(lone, "IDLE_S", 0.05)

    async def ask(url):
        async with load.session() as client:
            found = await endpoint.look_at(client, url)
            sending = Sending(url=url, payloads=BODIES)
            return found, await lone.ask_alone(client, sending, found)

    script = Script(process.answer, about=process.about if tells else None)
    with serving(script) as url, asyncio.Runner() as runner:
        return runner.run(ask(url))


def test_processor_time_is_what_a_request_adds_beside_its_model(monkeypatch):
    _, seen = asked(Process(), monkeypatch)

    # 3.5 ms a request and 2 ms of them the model's; asking how much was used is not in it.
    assert seen.processor.median_s == pytest.approx(0.0015)
    assert (seen.processor.low_s, seen.processor.high_s) == pytest.approx((0.0015,) * 2)
    assert seen.why_not == ""


def test_together_is_latency_without_the_model_and_the_way(monkeypatch):
    found, seen = asked(Process(), monkeypatch)

    # It answers after 6 ms, whatever this machine takes for sockets and threads.
    assert seen.together.median_s >= 0.006 - SERVICE_S - found.connect_s
    assert seen.together.median_s < 0.006 + 0.02
    assert seen.request_bytes == len(BODIES.bodies[0])


def test_the_wait_for_a_batch_is_not_the_servers(monkeypatch):
    _, seen = asked(Process(max_batch=8, max_wait_ms=4.0), monkeypatch)
    _, without = asked(Process(max_batch=1, max_wait_ms=4.0), monkeypatch)

    apart_s = without.together.median_s - seen.together.median_s
    assert apart_s == pytest.approx(0.004, abs=0.0015)


@pytest.mark.parametrize(
    ("process", "why"),
    [
        (Process(threads=2), "a model of 2 threads"),
        (Process(request_s=0.0015), "lost in how much"),
        (Process(request_s=-0.001), "more than one process"),
    ],
    ids=["threads", "noise", "processes"],
)
def test_what_cannot_be_told_from_outside_is_said_to_be(monkeypatch, process, why):
    _, seen = asked(process, monkeypatch)

    assert seen.processor is None
    assert why in seen.why_not
    assert seen.together.median_s > 0


def test_a_server_that_says_nothing_of_itself_gives_nothing(monkeypatch):
    _, seen = asked(Process(), monkeypatch, tells=False)

    assert seen is None


def blocks(*, service_s, processor_s):
    """Ten requests in a fifth of a second, over and over."""
    return [
        lone.Block(
            latency_s=np.full(10, 0.01),
            service_s=np.asarray(service_s),
            processor_s=processor_s,
            wall_s=0.2,
        )
        for _ in range(lone.BLOCKS)
    ]


ALONE = endpoint._read_about(about(digits_placement(), max_batch=1, threads=1))


def test_what_a_process_uses_in_idleness_is_no_requests():
    used_s = 10 * 0.003 + 0.0004 + 0.05 * 0.2
    seen = blocks(service_s=np.full(10, SERVICE_S), processor_s=used_s)

    found, why_not = lone._processor(seen, ALONE, 0.0004, 0.05)

    assert why_not == ""
    assert found.median_s == pytest.approx(0.001)


def test_a_model_that_was_held_up_makes_it_more_at_most_and_too_much_so_unknown():
    # Half of the requests are held up by so much.
    def seen(by_s):
        service_s = np.tile([SERVICE_S, SERVICE_S + by_s], 5)
        return blocks(service_s=service_s, processor_s=10 * (SERVICE_S + 0.002))

    found, _ = lone._processor(seen(0.001), ALONE, 0.0, 0.0)
    unknown, why_not = lone._processor(seen(0.003), ALONE, 0.0, 0.0)

    assert (found.median_s, found.high_s) == pytest.approx((0.0015, 0.002))
    assert unknown is None
    assert "how much the model's own time varies" in why_not
