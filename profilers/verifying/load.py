"""Send requests when they are due, whatever became of those before them: open loop.

A request's latency counts from the instant it was due, not from when the sender got
round to it or a connection came free: a server that stalls is charged for everyone
who came meanwhile (coordinated omission; Tene, 2013). How late the sender itself was
is kept beside it: `began_s - due_s` is the sender's fault, the rest the server's.

In flight are at most `most_in_flight`; whoever is due beyond that waits here, on the
clock, and after `timeout_s` counts as timed out.
"""

import asyncio
import io
import math
import selectors
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp
import numpy as np
from numpy.typing import NDArray

from planner.domain.verification import Outcome
from planner.units import BYTES_PER_MIB
from profilers.verifying.answers import Answer, read_answer
from profilers.verifying.payloads import JSON, Payloads
from profilers.verifying.streams import StreamReader

DEFAULT_TIMEOUT_S: Final = 10.0
# select() watches file numbers below 1,024; other files of the process need some.
MOST_IN_FLIGHT: Final = 512
MAX_RESPONSE_BYTES: Final = 16 * BYTES_PER_MIB
# Uvicorn closes idle connections after 5 s by default: leave before it does.
_KEEP_ALIVE_S: Final = 2.0
# Tasks are made this long before the first request is due.
_LEAD_S: Final = 0.05
_TOO_LONG: Final = f"a body of more than {MAX_RESPONSE_BYTES // BYTES_PER_MIB} MiB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A request and what became of it; instants in seconds since the first could be due."""

    sample: int
    due_s: float
    began_s: float
    ended_s: float
    answer: Answer

    @property
    def latency_s(self) -> float:
        """What a user waited, from the instant the request was due."""
        return self.ended_s - self.due_s

    @property
    def ttft_s(self) -> float:
        """What a user waited for the first token; infinite where none came."""
        streamed = self.answer.streamed
        return math.inf if streamed is None else streamed.first_s - self.due_s

    @property
    def tpot_s(self) -> float:
        """The time for each further token; infinite where none came, 0 after one."""
        streamed = self.answer.streamed
        if streamed is None:
            return math.inf
        return (streamed.last_s - streamed.first_s) / max(streamed.n_tokens - 1, 1)

    @property
    def lag_s(self) -> float:
        """How late the sender was."""
        return self.began_s - self.due_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """How requests are sent."""

    url: str
    payloads: Payloads
    timeout_s: float = DEFAULT_TIMEOUT_S
    most_in_flight: int = MOST_IN_FLIGHT


def precise_loop() -> asyncio.AbstractEventLoop:
    """An event loop that wakes to the microsecond.

    epoll's timeouts are whole milliseconds, rounded up: every request would be half a
    millisecond late on average, and be charged to the server.
    """
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def session() -> aiohttp.ClientSession:
    """Connections without a limit of their own, which ours would be measured with."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S)
    # No cookies, no environment's proxy, no retries, no redirects: one request, one reply.
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
    )


async def send_one(
    client: aiohttp.ClientSession,
    sending: Sending,
    sample: int,
    clock_s: Callable[[], float],
) -> tuple[Answer, float]:
    """One request's answer, whatever it is, and the instant when it was whole."""
    stream = StreamReader() if sending.payloads.is_stream else None
    try:
        async with client.post(
            sending.url,
            # Bytes beyond a MiB would be written in one go, and hold up the clock.
            data=io.BytesIO(sending.payloads.bodies[sample]),
            headers={"Content-Type": sending.payloads.media_type, "Accept": JSON},
            allow_redirects=False,
        ) as response:
            content = await _content(response, stream, clock_s)
            ended_s = clock_s()
    except aiohttp.ClientConnectorError as error:
        answer = Answer(outcome=Outcome.UNREACHABLE, said=str(error.os_error))
        return answer, clock_s()
    except (aiohttp.ClientError, OSError) as error:
        said = str(error) or type(error).__name__
        return Answer(outcome=Outcome.DROPPED, said=said), clock_s()
    if content is None:
        return Answer(outcome=Outcome.NOT_AN_ANSWER, said=_TOO_LONG), ended_s
    if stream is not None:
        return stream.answer(response.status), ended_s
    answer = read_answer(response.status, content, is_raw=sending.payloads.is_raw)
    return answer, ended_s


async def _content(
    response: aiohttp.ClientResponse,
    stream: StreamReader | None,
    clock_s: Callable[[], float],
) -> bytes | None:
    """The body, which `stream` reads as it comes; None where it is longer than any."""
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if stream is not None:
            stream.feed(chunk, clock_s())
        if len(content) > MAX_RESPONSE_BYTES:
            return None
    return bytes(content)


async def send_all(
    client: aiohttp.ClientSession,
    sending: Sending,
    due_s: NDArray[np.float64],
    samples: Sequence[int],
) -> list[Reply]:
    """Send sample `samples[i]` at `due_s[i]`, each on its own; replies in that order."""
    loop = asyncio.get_running_loop()
    began_at_s = loop.time() + _LEAD_S
    slots = asyncio.Semaphore(sending.most_in_flight)

    def clock_s() -> float:
        return loop.time() - began_at_s

    async def one(sample: int, due: float) -> Reply:
        began = clock_s()
        try:
            async with asyncio.timeout_at(began_at_s + due + sending.timeout_s), slots:
                answer, ended = await send_one(client, sending, sample, clock_s)
        except TimeoutError:
            said = f"no answer within {sending.timeout_s:g} s"
            answer, ended = Answer(outcome=Outcome.TIMED_OUT, said=said), clock_s()
        return Reply(
            sample=sample,
            due_s=due,
            began_s=began,
            ended_s=ended,
            answer=answer,
        )

    tasks = []
    async with asyncio.TaskGroup() as group:
        for sample, due in zip(samples, due_s.tolist(), strict=True):
            await asyncio.sleep(max(0.0, began_at_s + due - loop.time()))
            tasks.append(group.create_task(one(sample, due)))
    return [task.result() for task in tasks]
