"""Service times of a deployment, as a measurement that the next plan can use.

The server says with each answer how large its batch was and how long the batch ran.
Every request of a batch says the same, so b answers count as one batch of b. A batch
size counts once FEWEST batches of it came. Error band: as for any measurement, the
upper end of each median's interval over the median, and REPEATABILITY_FRAC at least.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planner.domain.profiling import UserModel
from planner.errors import ProfilingError, SpecError
from planner.specs.placements import PlanVariant
from planner.units import milliseconds
from profilers.identity import identity
from profilers.keys import deployed_key, server_seen_key
from profilers.measuring.measure import REPEATABILITY_FRAC, point_of
from profilers.servers import OWN_PORT, ServerSeen
from profilers.store import ProfileStore
from profilers.trials import Deployed, MeasuredPoint
from profilers.verifying import endpoint
from profilers.verifying.load import Reply
from profilers.verifying.lone import Lone
from profilers.verifying.verify import Tried

# A median's interval within about a tenth of its spread needs some tens of batches.
FEWEST: Final = 30


def device_of(url: str, planned: str, *, named: str | None) -> str:
    """The device that a deployment runs on: as named, else as planned.

    Raises:
        SpecError: The URL is this machine, which need not be what was planned.
    """
    if named is None and endpoint.is_this_machine(url):
        raise SpecError(
            f"{url} is this machine: say with --device on what the deployment runs "
            f"({planned}, or local)"
        )
    return named or planned


def keep(tried: Tried, kept: ProfileStore, *, model: UserModel, device: str) -> str:
    """Keep what the deployment did for the next plan; says what was kept, in a sentence.

    Raises:
        ProfilingError: The replies give no profile, or another deployment was tried.
        ModelLoadError: The model's files cannot be read.
    """
    about, placement = tried.endpoint.about, tried.promise.placement
    if about is None or endpoint.disagreements(about, placement):
        raise ProfilingError(
            "nothing to store: what runs there is not known to be the plan's placement"
        )
    if about.takes is None:
        raise ProfilingError(
            "nothing to store: a profile of a language model is what planner profile "
            "measures, prompt and step apart, and not what its callers saw"
        )
    seen = deployed(
        tried.replies,
        model=placement.model,
        variant=placement.variant,
        device=device,
        measured_at=tried.verification.measured_at,
        environment=about.environment,
    )
    key = deployed_key(
        identity=identity(model),
        variant=seen.variant,
        device=seen.device,
        threads=about.config.threads,
    )
    kept.keep_deployed(key, seen)
    server = _keep_server(tried, kept, seen, identity=identity(model))
    batches = ", ".join(str(p.batch) for p in seen.points)
    return (
        f"stored: {seen.model}, {seen.variant} on {seen.device}, batches of {batches}, "
        f"error up to {seen.error_frac:.0%}; {server}; the next recommend uses it"
    )


def _keep_server(
    tried: Tried, kept: ProfileStore, deployed: Deployed, *, identity: str
) -> str:
    """Keep what its server took beside the model; says what was kept, or why not."""
    lone, replicas = tried.lone, tried.promise.placement.replicas
    if replicas > 1:
        return (
            f"of its server nothing, for {replicas} replicas answer: what it costs stays "
            "as it was scaled"
        )
    if tried.emulated_way is not None:
        return (
            "of its server nothing, for the emulated way would be taken for it: verify "
            "without --emulate-network, of planner serve too"
        )
    if lone is None:
        return "of its server nothing that could be told from outside"
    seen = server_seen(lone, deployed)
    key = server_seen_key(identity=identity, device=seen.device)
    kept.keep_server_seen(key, deployed.model, seen)
    together = f"{milliseconds(seen.together_s):.2f} ms beside its model"
    if seen.processor_s is None:
        return (
            f"its server takes {together}; how much of that is processor time stays as "
            f"it was scaled: {seen.why_not}"
        )
    return (
        f"its server takes {together}, {milliseconds(seen.processor_s):.2f} of them "
        "processor time"
    )


def server_seen(lone: Lone, deployed: Deployed) -> ServerSeen:
    """What requests one by one say of the server, with its error band."""
    together, processor = lone.together, lone.processor
    worst = max(
        i.high_s / i.median_s - 1
        for i in (together, processor)
        if i is not None and i.median_s > 0
    )
    return ServerSeen(
        device=deployed.device,
        server=OWN_PORT,
        request_bytes=lone.request_bytes,
        together_s=together.median_s,
        together_low_s=together.low_s,
        together_high_s=together.high_s,
        processor_s=None if processor is None else processor.median_s,
        why_not=lone.why_not,
        n_requests=lone.n_requests,
        error_frac=max(REPEATABILITY_FRAC, worst),
        measured_at=deployed.measured_at,
        environment=deployed.environment,
    )


def deployed(
    replies: Sequence[Reply],
    *,
    model: str,
    variant: PlanVariant,
    device: str,
    measured_at: dt.datetime,
    environment: Mapping[str, str],
) -> Deployed:
    """What the replies say about service times.

    Raises:
        ProfilingError: The server does not say what its batches took, or too few came.
    """
    points = service_points(replies)
    if not points:
        timed = sum(1 for r in replies if r.answer.service_s is not None)
        raise ProfilingError(
            f"nothing to store: {timed} answers say how long their batch ran, and a "
            f"profile needs {FEWEST} batches of a size; measure longer, on a server "
            "that planner serve or the manifests started"
        )
    worst = max(p.p50_high_s / p.p50_s - 1 for p in points)
    answered = sum(1 for r in replies if r.answer.service_s is not None)
    return Deployed(
        model=model,
        variant=variant.variant(),
        device=device,
        points=points,
        error_frac=max(REPEATABILITY_FRAC, worst),
        measured_at=measured_at,
        source=f"planner verify: {answered} requests to the running deployment",
        environment=environment,
    )


def service_points(replies: Sequence[Reply]) -> tuple[MeasuredPoint, ...]:
    """Service times by batch size, of every size that came often enough."""
    by_batch: dict[int, list[float]] = defaultdict(list)
    for reply in replies:
        answer = reply.answer
        if answer.service_s is not None and answer.batch_size is not None:
            by_batch[answer.batch_size].append(answer.service_s)
    return tuple(
        _point(batch, np.array(times))
        for batch, times in sorted(by_batch.items())
        if len(times) >= FEWEST * batch
    )


def _point(batch: int, answers_s: NDArray[np.float64]) -> MeasuredPoint:
    # One of every b equal answers: sorted, the members of a batch stand together.
    samples_s = np.sort(answers_s)[batch // 2 :: batch]
    return point_of(batch, samples_s)
