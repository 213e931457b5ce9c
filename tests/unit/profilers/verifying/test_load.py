"""Requests leave when they are due, and latency counts from then."""

import asyncio
import socket
import time

import numpy as np
import pytest

from planner.domain.verification import Outcome
from profilers.verifying import load
from profilers.verifying.load import Sending
from tests.support.endpoints import Response, Script, serving, steady
from tests.support.replies import payloads


def sent(url, due_s, **options):
    """Replies to requests that are due at these instants."""

    async def run():
        sending = Sending(url=url, payloads=payloads(), **options)
        async with load.session() as client:
            return await load.send_all(
                client, sending, np.array(due_s), [0] * len(due_s)
            )

    with asyncio.Runner(loop_factory=load.precise_loop) as runner:
        return runner.run(run())


def outcomes(replies):
    return [r.answer.outcome for r in replies]


def test_whoever_comes_while_the_server_stalls_is_charged_for_the_stall():
    """One worker stalls for 0.6 s; a sender that waits its turn would see one slow answer."""
    script = Script(
        lambda n, body: Response(after_s=0.6 if n == 0 else 0.0), is_serial=True
    )
    due_s = np.arange(10) * 0.05

    with serving(script) as url:
        replies = sent(url, due_s)

    # Due at 0.05 k, answered when the stall is over: at least 0.6 - 0.05 k later.
    for k, reply in enumerate(replies):
        assert reply.latency_s >= 0.6 - 0.05 * k - 0.01
    arrivals_s = np.array([at for at, _ in script.received])
    assert len(arrivals_s) == 10
    # All were sent before the first was answered.
    assert arrivals_s.max() - arrivals_s.min() < 0.6


def test_requests_that_find_every_connection_taken_wait_on_the_clock():
    script = Script(steady(Response(after_s=0.2)))

    with serving(script) as url:
        replies = sent(url, [0.0] * 6, most_in_flight=2)

    assert outcomes(replies) == [Outcome.ANSWERED] * 6
    # Three turns of 0.2 s for two at a time.
    assert max(r.latency_s for r in replies) >= 0.59


def test_time_is_up_for_an_answer_and_for_a_connection_alike():
    script = Script(steady(Response(after_s=2.0)))

    with serving(script) as url:
        replies = sent(url, [0.0, 0.0], timeout_s=0.3, most_in_flight=1)

    assert outcomes(replies) == [Outcome.TIMED_OUT] * 2
    assert len(script.received) == 1


def test_a_connection_that_breaks_and_one_that_cannot_be_made_are_told_apart():
    with serving(Script(steady(Response(status=0)))) as url:
        (dropped,) = sent(url, [0.0])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = f"http://127.0.0.1:{probe.getsockname()[1]}/"
        (unreachable,) = sent(free, [0.0])

    assert dropped.answer.outcome is Outcome.DROPPED
    assert unreachable.answer.outcome is Outcome.UNREACHABLE


def test_an_endless_body_is_no_answer(monkeypatch):
    monkeypatch.setattr(load, "MAX_RESPONSE_BYTES", 1000)

    with serving(Script(steady(Response(body=b"[" + b"0," * 5000)))) as url:
        (reply,) = sent(url, [0.0])

    assert reply.answer.outcome is Outcome.NOT_AN_ANSWER
    assert "more than" in reply.answer.said


def test_a_late_sender_says_how_late_it_was():
    with serving(Script(steady())) as url:

        async def run():
            sending = Sending(url=url, payloads=payloads())
            loop = asyncio.get_running_loop()
            # Something else holds this machine for 0.2 s when the request is due.
            loop.call_later(load._LEAD_S + 0.05, time.sleep, 0.2)
            async with load.session() as client:
                due_s = np.array([0.0, 0.1])
                return await load.send_all(client, sending, due_s, [0, 0])

        with asyncio.Runner(loop_factory=load.precise_loop) as runner:
            _, late = runner.run(run())

    assert late.lag_s >= 0.1
    assert late.latency_s >= late.lag_s


@pytest.mark.parametrize("rate_rps", [200.0])
def test_the_stream_that_arrives_is_the_one_that_was_due(rate_rps):
    due_s = np.sort(np.random.default_rng(3).uniform(0, 1.0, size=int(rate_rps)))
    script = Script(steady())

    with serving(script) as url:
        replies = sent(url, due_s)

    assert outcomes(replies) == [Outcome.ANSWERED] * len(due_s)
    assert [r.due_s for r in replies] == due_s.tolist()
    assert len(script.received) == len(due_s)
