"""Try a running deployment: look at it, load it as planned, judge what came back.

What the endpoint does at once with a first request decides whether loading it says
anything: no connection and no such route are errors of the address, an answer that is
none is a failure of its own, and only then come the plan's requests.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import numpy as np

from planner.domain.profiling import TorchModel
from planner.domain.verification import Check, Finding, Outcome, Verification
from planner.errors import ProfilingError, SpecError
from planner.specs.plan import PlanDocument
from planner.units import milliseconds
from profilers.verifying import endpoint, judgement, load, payloads
from profilers.verifying.arrivals import MAX_REQUESTS, poisson_s
from profilers.verifying.endpoint import Endpoint
from profilers.verifying.judgement import Seen
from profilers.verifying.load import Reply, Sending
from profilers.verifying.payloads import Payloads
from profilers.verifying.promise import Promise, described, promise_of

DEFAULT_LENGTH_S: Final = 60.0
# Requests alone are too few to settle even a median.
_LEAST_REQUESTS: Final = 20
_NOT_THERE: Final = ("404", "405")


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What to send; None: the plan's rate, and payloads from the model or made up."""

    length_s: float = DEFAULT_LENGTH_S
    rate_rps: float | None = None
    timeout_s: float = load.DEFAULT_TIMEOUT_S
    inputs: Path | None = None
    model: TorchModel | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A verification with all that it was made from."""

    verification: Verification
    promise: Promise
    endpoint: Endpoint
    replies: Sequence[Reply]


def verify(
    plan: PlanDocument,
    url: str,
    workload: str,
    *,
    traffic: Traffic,
    site: str | None,
    now: Callable[[], dt.datetime],
    on_stage: Callable[[str], None],
) -> Tried:
    """Load the deployment behind `url` with the workload's traffic and judge it.

    Raises:
        SpecError: The plan has no such workload, or the address is none.
        ProfilingError: Nothing is there that could be measured.
        ModelLoadError: The samples cannot be made.
    """
    promise = promise_of(plan, workload, site=site)
    rate_rps = traffic.rate_rps or promise.rate_rps
    _require_enough(rate_rps, traffic.length_s)
    rng = np.random.default_rng(traffic.seed)
    known = _known_payloads(traffic)
    address = endpoint.checked_url(url)
    with asyncio.Runner(loop_factory=load.precise_loop) as runner:
        found, chosen, replies = runner.run(
            _load(
                address,
                known,
                rate_rps=rate_rps,
                traffic=traffic,
                rng=rng,
                on_stage=on_stage,
            )
        )
    shift_s = max(0.0, promise.way_s - found.connect_s)
    seen = Seen(
        replies=replies,
        payloads=chosen,
        rate_rps=rate_rps,
        length_s=traffic.length_s,
        shift_s=shift_s,
    )
    verification = Verification(
        workload=workload,
        url=address,
        placement=described(promise.placement),
        rate_rps=rate_rps,
        length_s=traffic.length_s,
        measured_at=now(),
        outcomes=dict(seen.outcomes),
        checks=_checks(seen, promise, found),
        notes=tuple(_notes(seen, promise, found)),
    )
    return Tried(
        verification=verification, promise=promise, endpoint=found, replies=replies
    )


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


def _known_payloads(traffic: Traffic) -> Payloads | None:
    if traffic.inputs is not None:
        return payloads.from_file(traffic.inputs)
    model = traffic.model
    if model is not None and (model.evaluation or model.inputs):
        return payloads.from_model(model)
    return None


async def _load(
    url: str,
    known: Payloads | None,
    *,
    rate_rps: float,
    traffic: Traffic,
    rng: np.random.Generator,
    on_stage: Callable[[str], None],
) -> tuple[Endpoint, Payloads, list[Reply]]:
    async with load.session() as client:
        on_stage(f"looking at {url}")
        found = await endpoint.look_at(client, url)
        chosen = (known or _asked_for(found, rng)).shuffled(rng)
        sending = Sending(url=url, payloads=chosen, timeout_s=traffic.timeout_s)
        first = await _first(client, sending)
        if first.answer.outcome in _HOPELESS:
            return found, chosen, [first]
        due_s = poisson_s(rate_rps, traffic.length_s, rng)
        samples = [i % len(chosen.bodies) for i in range(len(due_s))]
        on_stage(f"sending {rate_rps:g} requests/s for {traffic.length_s:g} s")
        return found, chosen, await load.send_all(client, sending, due_s, samples)


# What the first request says will be said to every other.
_HOPELESS: Final = frozenset({Outcome.REFUSED, Outcome.NOT_JSON, Outcome.NOT_AN_ANSWER})


def _asked_for(found: Endpoint, rng: np.random.Generator) -> Payloads:
    if found.about is None:
        raise SpecError(
            f"{found.url} does not say what it takes, and the model's own samples are "
            "not here: give --inputs, or --models with the spec's folder"
        )
    return payloads.made_up(found.about.input_shape, found.about.input_dtype, rng)


async def _first(client: aiohttp.ClientSession, sending: Sending) -> Reply:
    """One request alone; its connection and first allocations are not the load's."""
    (reply,) = await load.send_all(client, sending, np.zeros(1), [0])
    said = reply.answer.said
    if reply.answer.outcome is Outcome.REFUSED and said.startswith(_NOT_THERE):
        raise ProfilingError(
            f"{sending.url} cannot be measured: no deployment is served at this path "
            f"({said}); the URL names the application's route"
        )
    return reply


def _checks(seen: Seen, promise: Promise, found: Endpoint) -> tuple[Check, ...]:
    identified = _identified(found, promise)
    odd = judgement.shapes(seen)
    extra = [c for c in (identified, odd) if c is not None]
    if len(seen.replies) == 1:
        return (*extra, judgement.answers(seen, promise))
    return (*extra, *judgement.judge(seen, promise))


def _identified(found: Endpoint, promise: Promise) -> Check | None:
    if found.about is None:
        return None
    wrong = endpoint.disagreements(found.about, promise.placement)
    return Check(
        subject="what runs there",
        finding=Finding.FAIL if wrong else Finding.PASS,
        sentence="; ".join(wrong) or "the plan's model, variant, batch and wait",
    )


def _notes(seen: Seen, promise: Promise, found: Endpoint) -> list[str]:
    way_ms, here_ms = milliseconds(promise.way_s), milliseconds(found.connect_s)
    notes = [f"sent: {seen.payloads.origin}, {seen.payloads.mean_kib:.1f} KiB each"]
    if seen.shift_s > 0:
        notes.append(
            f"{milliseconds(seen.shift_s):.1f} ms are added to every latency: the way "
            f"from {promise.origin} takes {way_ms:.1f} ms in the plan and "
            f"{here_ms:.1f} ms from here"
        )
    if found.empty_s is not None:
        notes.append(
            f"a request that needs no model takes {milliseconds(found.empty_s):.1f} ms "
            "from here: what HTTP and Ray cost"
        )
    notes += _about_notes(found, promise)
    late = judgement.sender_note(seen, promise)
    return notes if late is None else [*notes, late]


def _about_notes(found: Endpoint, promise: Promise) -> list[str]:
    if found.about is None:
        return [
            "the endpoint does not say what it runs: that it is the plan's is trust"
        ]
    planned = promise.placement.artifact_sha256
    built = found.about.artifact_sha256
    if planned and built and planned != built:
        note = (
            f"it built an artefact ({built[:12]}) other than the one that was profiled "
            f"({planned[:12]}): the same code, but other versions"
        )
        return [note]
    return []
