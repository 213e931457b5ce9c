"""What a deployment's server takes beside its model, told from outside.

Requests go one by one, in blocks, to a replica that nobody else asks:

    together   c + l    latency - the model's time - the way - the wait for a batch
    c                   processor time of the replica's process over a block, a request's
                        part, less the model's own time; l is the rest

The process says what it has used (`/about`); asking it and idling cost something, too,
which is measured and taken off. A model of one thread uses as much processor time as
the clock shows, or less where a neighbour holds it up: its time at the quickest bounds c
from above, and where that is more than MOST_RATIO times c, c is not known. What a model
of several threads uses cannot be told from outside at all. Nor can c be told where
several replicas answer: each says what it used itself.

The network's part is the time to set up a connection; what the payload takes on a slow
line stays in l.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import aiohttp
import numpy as np
from numpy.typing import NDArray

from planner.units import seconds
from profilers.measuring.measure import quantile_interval
from profilers.verifying import endpoint, load
from profilers.verifying.endpoint import About, Endpoint
from profilers.verifying.load import Sending

BLOCKS: Final = 15
# All blocks together take about this long.
LENGTH_S: Final = 8.0
FEWEST_IN_BLOCK: Final = 2
MOST_IN_BLOCK: Final = 40
WARM_UP: Final = 5
IDLE_S: Final = 1.0
# Beyond, the model's own time varies by more than its server takes.
MOST_RATIO: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A median with the ends of its 95 % interval, in seconds."""

    median_s: float
    low_s: float
    high_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lone:
    """What requests one by one took beside the model; `why_not` says why c is unknown."""

    together: Interval
    processor: Interval | None
    why_not: str
    n_requests: int
    request_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Requests one after the other: latencies, the model's times, processor time."""

    latency_s: NDArray[np.float64]
    service_s: NDArray[np.float64]
    processor_s: float | None
    wall_s: float


async def ask_alone(
    client: aiohttp.ClientSession, sending: Sending, found: Endpoint
) -> Lone | None:
    """Ask one by one; None where the server does not say what it runs and how long."""
    about = found.about
    if about is None or about.takes is None:
        return None
    warm = await _block(client, sending, found.url, WARM_UP)
    if warm is None:
        return None
    each_s = float(np.median(warm.latency_s))
    size = int(np.clip(LENGTH_S / BLOCKS / each_s, FEWEST_IN_BLOCK, MOST_IN_BLOCK))
    asked_s, idle_frac = await _unasked(client, found.url)
    seen = [await _block(client, sending, found.url, size) for _ in range(BLOCKS)]
    blocks = [b for b in seen if b is not None]
    if len(blocks) < BLOCKS:
        return None
    processor, why_not = _processor(blocks, about, asked_s, idle_frac)
    return Lone(
        together=_together(blocks, about, found.connect_s),
        processor=processor,
        why_not=why_not,
        n_requests=BLOCKS * size,
        request_bytes=len(sending.payloads.bodies[0]),
    )


def _together(blocks: Sequence[Block], about: About, connect_s: float) -> Interval:
    config = about.config
    # A request that comes alone waits for others as long as it may.
    waits_s = seconds(config.max_wait_ms) if config.max_batch > 1 else 0.0
    beside_s = np.concatenate([b.latency_s - b.service_s for b in blocks])
    return _interval(np.maximum(beside_s - waits_s - connect_s, 0.0))


def _processor(
    blocks: Sequence[Block],
    about: About,
    asked_s: float | None,
    idle_frac: float,
) -> tuple[Interval | None, str]:
    """c, or why it is not known."""
    used_s = [b.processor_s for b in blocks]
    if asked_s is None or any(u is None for u in used_s):
        return None, "the server does not say how much processor time it used"
    if about.config.threads > 1:
        return None, (
            f"what a model of {about.config.threads} threads uses is not told from "
            "what its server does"
        )
    both_s = np.array(
        [
            ((b.processor_s or 0.0) - asked_s - idle_frac * b.wall_s) / len(b.latency_s)
            for b in blocks
        ]
    )
    found = _interval(both_s - np.array([b.service_s.mean() for b in blocks]))
    most = _interval(both_s - min(float(b.service_s.min()) for b in blocks))
    if found.low_s <= 0 or most.high_s > MOST_RATIO * found.median_s:
        return None, (
            "it is lost in how much the model's own time varies, or more than one "
            "process answers"
        )
    return replace(found, high_s=most.high_s), ""


def _interval(samples_s: NDArray[np.float64]) -> Interval:
    """The samples' own ends where they are too few to bound the median."""
    low_s, high_s = quantile_interval(samples_s, 0.5)
    return Interval(
        median_s=float(np.median(samples_s)),
        low_s=float(samples_s.min()) if low_s is None else low_s,
        high_s=float(samples_s.max()) if high_s is None else high_s,
    )


async def _block(
    client: aiohttp.ClientSession, sending: Sending, url: str, count: int
) -> Block | None:
    """None where an answer does not say how long the model took."""
    loop = asyncio.get_running_loop()
    before_s, began_s = await _used_s(client, url), loop.time()
    seen = np.empty((2, count))
    for i in range(count):
        sent_s = loop.time()
        sample = i % len(sending.payloads.bodies)
        answer, ended_s = await load.send_one(client, sending, sample, loop.time)
        if answer.service_s is None or answer.batch_size != 1:
            return None
        seen[:, i] = ended_s - sent_s, answer.service_s
    wall_s, after_s = loop.time() - began_s, await _used_s(client, url)
    is_known = before_s is not None and after_s is not None
    return Block(
        latency_s=seen[0],
        service_s=seen[1],
        processor_s=(after_s or 0.0) - (before_s or 0.0) if is_known else None,
        wall_s=wall_s,
    )


async def _unasked(
    client: aiohttp.ClientSession, url: str
) -> tuple[float | None, float]:
    """Processor time of asking for it once, and the part of the time used in idleness."""
    pairs = []
    for _ in range(BLOCKS):
        first_s, second_s = await _used_s(client, url), await _used_s(client, url)
        if first_s is None or second_s is None:
            return None, 0.0
        pairs.append(second_s - first_s)
    asked_s = float(np.median(pairs))
    before_s = await _used_s(client, url)
    await asyncio.sleep(IDLE_S)
    after_s = await _used_s(client, url)
    if before_s is None or after_s is None:
        return None, 0.0
    return asked_s, max(0.0, after_s - before_s - asked_s) / IDLE_S


async def _used_s(client: aiohttp.ClientSession, url: str) -> float | None:
    document = await endpoint.document_at(client, f"{url}about")
    used_s = document.get("processor_s") if isinstance(document, dict) else None
    return float(used_s) if isinstance(used_s, int | float) else None
