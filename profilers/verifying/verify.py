"""Try a running deployment: look at it, load it as planned, judge what came back.

What the endpoint does at once with a first request decides whether loading it says
anything: no connection and no such route are errors of the address, an answer that is
none is a failure of its own, and only then come the plan's requests.
"""

import asyncio
import contextlib
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import numpy as np

from planner.domain.verification import Check, Outcome, Verification
from planner.errors import ProfilingError, SpecError
from planner.specs.plan import PlanDocument
from planner.units import milliseconds
from profilers.emulators.network import Way, emulated
from profilers.verifying import endpoint, judgement, load
from profilers.verifying.arrivals import MAX_REQUESTS, Timed, poisson_s
from profilers.verifying.asking import Asking, LanguageAsking, ModelAsking
from profilers.verifying.endpoint import Endpoint
from profilers.verifying.judgement import Seen
from profilers.verifying.load import Reply, Sending
from profilers.verifying.lone import Lone, ask_alone
from profilers.verifying.payloads import Payloads
from profilers.verifying.promise import Promise, described, promise_of
from profilers.verifying.traffic import Traffic

# Requests alone are too few to settle even a median.
_LEAST_REQUESTS: Final = 20
_NOT_THERE: Final = ("404", "405")
_NOT_READY: Final = "503"
# Of the first request: how often it is sent to who is not ready, and how long it waits.
_TRIES: Final = 5
_PAUSE_S: Final = 1.0
_PATIENCE_S: Final = 60.0
# A first answer so many times as late as is promised is told of.
_SLOW_RATIO: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A verification with all that it was made from."""

    verification: Verification
    promise: Promise
    endpoint: Endpoint
    replies: Sequence[Reply]
    lone: Lone | None = None
    emulated_way: str | None = None


def verify(
    plan: PlanDocument,
    url: str,
    workload: str,
    *,
    traffic: Traffic,
    site: str | None,
    way: Way | None = None,
    now: Callable[[], dt.datetime],
    on_stage: Callable[[str], None],
) -> Tried:
    """Load the deployment behind `url` with the workload's traffic and judge it.

    Requests take the emulated `way` there, where one is given; else what the plan's way
    takes longer than the one from here is added to each.

    Raises:
        SpecError: The plan has no such workload, or the address is none.
        ProfilingError: Nothing is there that could be measured.
        ModelLoadError: The samples cannot be made.
    """
    promise = promise_of(plan, workload, site=site)
    rng = np.random.default_rng(traffic.seed)
    timed = _timed(traffic, promise, rng)
    with (
        _there(url, way) as near_url,
        asyncio.Runner(loop_factory=load.precise_loop) as runner,
    ):
        asking: Asking = (
            LanguageAsking(near_url, promise, traffic, timed, rng)
            if promise.is_of_tokens
            else ModelAsking(near_url, traffic, rng)
        )
        done = runner.run(
            _load(
                asking,
                timed,
                _timeout_s(traffic, promise),
                on_stage,
                # An emulated way would be taken for the server's.
                then_alone=traffic.then_alone and way is None,
            )
        )
    found = done.endpoint
    travelled = _travelled(found, way)
    shift_s = 0.0 if travelled else max(0.0, promise.way_s - found.connect_s)
    rate_rps = traffic.rate_rps or promise.rate_rps
    seen = Seen(
        replies=done.replies,
        payloads=done.payloads,
        rate_rps=timed.rate_rps if traffic.timed else rate_rps,
        length_s=timed.length_s,
        shift_s=shift_s,
        is_shaped=traffic.timed is not None,
        is_made_up=traffic.inputs is None,
    )
    verification = Verification(
        workload=workload,
        url=_with_host_of(url, asking.url),
        placement=described(promise.placement),
        rate_rps=seen.rate_rps,
        length_s=seen.length_s,
        measured_at=now(),
        outcomes=dict(seen.outcomes),
        checks=_checks(seen, promise, asking.identified(promise)),
        notes=(
            f"traffic: {timed.words}",
            *_first_notes(done.first, promise),
            *_notes(seen, promise, found, travelled),
        ),
    )
    return Tried(
        verification=verification,
        promise=promise,
        endpoint=found,
        replies=done.replies,
        lone=done.lone,
        emulated_way=travelled,
    )


@contextlib.contextmanager
def _there(url: str, way: Way | None) -> Iterator[str]:
    """The URL at which requests take the way to the deployment at `url`.

    Raises:
        SpecError: Not an address that can be relayed.
        ProfilingError: Nobody listens there.
    """
    if way is None:
        yield url
        return
    parts = urlsplit(endpoint.checked_url(url))
    if parts.scheme != "http" or parts.hostname is None:
        raise SpecError(
            f"{url}: an emulated way carries plain http only; without "
            "--emulate-network the plan's way is added instead"
        )
    asyncio.run(endpoint.connecting_s(url))
    with emulated(way, (parts.hostname, parts.port or 80)) as port:
        yield parts._replace(netloc=f"127.0.0.1:{port}").geturl()


def _with_host_of(url: str, near_url: str) -> str:
    """What is asked, at the address that the user knows."""
    return urlsplit(near_url)._replace(netloc=urlsplit(url).netloc).geturl()


def _travelled(found: Endpoint, way: Way | None) -> str | None:
    """The emulated way that requests took, in words; None where they took none.

    Raises:
        SpecError: They would have taken two.
    """
    served = None if found.about is None else found.about.emulated_way
    if way is None:
        return served
    if served is not None:
        raise SpecError(
            f"the deployment is served behind an emulated way already ({served}): "
            "leave --emulate-network out"
        )
    return f"{way.words} ({way.source})"


def _require_enough(rate_rps: float, length_s: float) -> None:
    expected = rate_rps * length_s
    if expected < _LEAST_REQUESTS:
        needed_s = _LEAST_REQUESTS / rate_rps if rate_rps else float("inf")
        raise SpecError(
            f"{rate_rps:g} requests/s for {length_s:g} s are too few to say anything: "
            f"measure for {needed_s:.0f} s at least, or give a --rate"
        )
    if expected > MAX_REQUESTS:
        raise SpecError(
            f"{rate_rps:g} requests/s for {length_s:g} s are more than one sender can "
            f"do ({MAX_REQUESTS}): measure for fewer --seconds"
        )


def _timed(traffic: Traffic, promise: Promise, rng: np.random.Generator) -> Timed:
    """When requests are due.

    Raises:
        SpecError: They are too few to say anything, or too many for one sender.
    """
    if traffic.timed is not None:
        timed = traffic.timed
        _require_enough(timed.rate_rps, timed.length_s)
        return timed
    rate_rps = traffic.rate_rps or promise.rate_rps
    _require_enough(rate_rps, traffic.length_s)
    return Timed(
        due_s=poisson_s(rate_rps, traffic.length_s, rng),
        length_s=traffic.length_s,
        words=f"Poisson, {rate_rps:g} requests/s",
    )


def _timeout_s(traffic: Traffic, promise: Promise) -> float:
    """As given; else a user of a language model waits for long answers to end."""
    if traffic.timeout_s is not None:
        return traffic.timeout_s
    slowest_s = max((p.predicted_s for p in promise.predictions), default=0.0)
    return max(load.DEFAULT_TIMEOUT_S, 3 * slowest_s if promise.is_of_tokens else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """What was there, what was sent, and what came: the first request apart."""

    endpoint: Endpoint
    payloads: Payloads
    first: Reply
    replies: Sequence[Reply]
    lone: Lone | None = None


async def _load(
    asking: Asking,
    timed: Timed,
    timeout_s: float,
    on_stage: Callable[[str], None],
    *,
    then_alone: bool,
) -> _Done:
    async with load.session() as client:
        on_stage(f"looking at {asking.url}")
        found = await asking.look(client)
        chosen = asking.payloads()
        sending = Sending(url=asking.target, payloads=chosen, timeout_s=timeout_s)
        first = await _first(client, sending)
        if first.answer.outcome in _HOPELESS:
            return _Done(endpoint=found, payloads=chosen, first=first, replies=[first])
        samples = [i % len(chosen.bodies) for i in range(len(timed.due_s))]
        on_stage(f"sending {timed.rate_rps:.4g} requests/s for {timed.length_s:g} s")
        replies = await load.send_all(client, sending, timed.due_s, samples)
        lone = None
        is_near = found.about is None or found.about.emulated_way is None
        if then_alone and is_near:
            on_stage("sending one by one")
            lone = await ask_alone(client, sending, found)
        return _Done(
            endpoint=found, payloads=chosen, first=first, replies=replies, lone=lone
        )


# What the first request says will be said to every other.
_HOPELESS: Final = frozenset({Outcome.REFUSED, Outcome.NOT_JSON, Outcome.NOT_AN_ANSWER})


async def _first(client: aiohttp.ClientSession, sending: Sending) -> Reply:
    """One request alone; its connection and first allocations are not the load's.

    Whoever is just starting gets the time for it: to answer, or to be ready.

    Raises:
        ProfilingError: Nothing is served at this path, or nothing answers.
    """
    patient = replace(sending, timeout_s=max(sending.timeout_s, _PATIENCE_S))
    (reply,) = await load.send_all(client, patient, np.zeros(1), [0])
    for _ in range(_TRIES - 1):
        if not reply.answer.said.startswith(_NOT_READY):
            break
        await asyncio.sleep(_PAUSE_S)
        (reply,) = await load.send_all(client, patient, np.zeros(1), [0])
    said = reply.answer.said
    if reply.answer.outcome is Outcome.TIMED_OUT:
        raise ProfilingError(
            f"{sending.url} cannot be measured: it takes connections and leaves a request "
            f"that comes alone without an answer for {patient.timeout_s:g} s; is it still "
            "starting, or stuck?"
        )
    if reply.answer.outcome is Outcome.REFUSED and said.startswith(_NOT_THERE):
        raise ProfilingError(
            f"{sending.url} cannot be measured: no deployment is served at this path "
            f"({said}); the URL names the application's route"
        )
    return reply


def _first_notes(first: Reply, promise: Promise) -> Iterator[str]:
    """What the request that came alone says of a server that is not at its best."""
    answer = first.answer
    if answer.outcome is Outcome.OVERLOADED:
        yield (
            f"it turned away a request that came alone ({answer.said}): it is not ready, "
            "or somebody limits its requests; that is no overload"
        )
    elif (
        answer.outcome is Outcome.ANSWERED
        and first.latency_s > _SLOW_RATIO * promise.wait_s
    ):
        yield (
            f"its first answer, to a request alone, took {first.latency_s:.3g} s: it had "
            "just started, or loads what it needs when first asked; that answer is in no "
            "figure"
        )


def _checks(
    seen: Seen, promise: Promise, identified: Check | None
) -> tuple[Check, ...]:
    odd = judgement.shapes(seen)
    extra = [c for c in (identified, odd) if c is not None]
    if len(seen.replies) == 1:
        return (*extra, judgement.answers(seen, promise))
    return (*extra, *judgement.judge(seen, promise))


def _notes(
    seen: Seen, promise: Promise, found: Endpoint, travelled: str | None
) -> list[str]:
    way_ms, here_ms = milliseconds(promise.way_s), milliseconds(found.connect_s)
    notes = [f"sent: {seen.payloads.origin}, {seen.payloads.mean_kib:.1f} KiB each"]
    if travelled is not None:
        notes.append(
            f"the way from {promise.origin} is emulated on this machine, and nothing is "
            f"added to latencies: {travelled}; in the plan it takes {way_ms:.1f} ms"
        )
    if seen.shift_s > 0:
        notes.append(
            f"{milliseconds(seen.shift_s):.1f} ms are added to every latency: the way "
            f"from {promise.origin} takes {way_ms:.1f} ms in the plan and "
            f"{here_ms:.1f} ms from here"
        )
    if found.empty_s is not None:
        cost = "what HTTP and Ray cost" + (", and the way" if travelled else "")
        notes.append(
            f"a request that needs no model takes {milliseconds(found.empty_s):.1f} ms "
            f"from here: {cost}"
        )
    notes += _about_notes(found, promise)
    late = judgement.sender_note(seen, promise)
    return notes if late is None else [*notes, late]


def _about_notes(found: Endpoint, promise: Promise) -> list[str]:
    if found.about is None:
        # Engines of others have no words for it.
        return (
            []
            if promise.is_of_tokens
            else [
                "the endpoint does not say what it runs: that it is the plan's is trust"
            ]
        )
    planned = promise.placement.artifact_sha256
    built = found.about.artifact_sha256
    if planned and built and planned != built:
        note = (
            f"it built an artefact ({built[:12]}) other than the one that was profiled "
            f"({planned[:12]}): the same code, but other versions"
        )
        return [note]
    return []
