"""Ways to serve a workload that pass every filter which needs no queueing theory."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from planner.domain.hardware import NetworkPath, Offer
from planner.domain.placement import BatchPolicy
from planner.domain.profiles import BatchProfile, HostedTimes, LoadCurve, Profile
from planner.domain.workloads import LatencySlo, TokenSlo, Workload
from planner.perf.hosted import stated
from planner.pipeline.asking.by_request import as_run
from planner.pipeline.asking.obstacles import Obstacle
from planner.pipeline.asking.places import Place
from planner.pipeline.asking.quality import quality_refusal
from planner.pipeline.asking.ways import Ways
from planner.units import BYTES_PER_GIB

# Waits tried beside 0, as a share of the SLO: longer waits spend the promise itself.
WAIT_SHARES_FRAC: Final = (0.0, 0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why one way of serving a workload is out of the question."""

    workload: str
    obstacle: Obstacle
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A way to serve a workload, before its capacity is known.

    `error_factor` is what the profile's latencies are multiplied by to be safe
    with the policy's confidence.
    """

    workload: Workload
    place: Place
    profile: Profile
    path: NetworkPath
    policy: BatchPolicy
    error_factor: float


def options(
    workload: Workload,
    places: Sequence[Place],
    profiles: Sequence[Profile],
    ways: Ways,
    *,
    confidence_frac: float,
) -> tuple[list[Option], list[Refusal]]:
    """Every way worth asking the queueing theory about, and why the others are not."""
    by_device: dict[str, list[Profile]] = defaultdict(list)
    for profile in profiles:
        by_device[profile.device].append(profile)
    found: list[Option] = []
    refused: list[Refusal] = []
    for place in places:
        for answer in _at(place, workload, by_device, ways):
            if isinstance(answer, Refusal):
                refused.append(answer)
                continue
            profile, path = answer
            found += [
                Option(
                    workload=workload,
                    place=place,
                    profile=profile,
                    path=path,
                    policy=policy,
                    error_factor=profile.evidence.quantile_factor(confidence_frac),
                )
                for policy in _policies(place, profile, workload)
            ]
    return found, refused


def _at(
    place: Place,
    workload: Workload,
    by_device: Mapping[str, Sequence[Profile]],
    ways: Ways,
) -> Iterator[tuple[Profile, NetworkPath] | Refusal]:
    """What each profile of the place's device comes to."""
    offer = place.offer

    def no(obstacle: Obstacle, reason: str) -> Refusal:
        return Refusal(workload=workload.name, obstacle=obstacle, reason=reason)

    at_origin = offer.site == workload.origin
    if workload.residency and not at_origin and place.zone not in workload.residency:
        allowed = ", ".join(workload.residency)
        yield no(Obstacle.RESIDENCY, f"{offer.site} is outside residency {allowed}")
        return
    path = ways.path(workload, offer)
    if path is None:
        reason = f"no known way from {workload.origin} to {offer.site}"
        yield no(Obstacle.ROUTE, reason)
        return
    profiles = beside(by_device.get(offer.device, ()), offer)
    if not profiles:
        yield no(Obstacle.UNMEASURED, f"never profiled on {offer.device}")
    for known in profiles:
        profile = as_run(known, offer)
        if profile is None:
            reason = f"functions run no language model ({offer.instance_type})"
            yield no(Obstacle.SHAPE, reason)
            continue
        found = (
            quality_refusal(workload, profile)
            or _fit_refusal(place, profile)
            or _shape_refusal(workload, profile)
        )
        yield (profile, path) if found is None else no(*found)


def beside(profiles: Sequence[Profile], offer: Offer) -> list[Profile]:
    """Of predictions that differ by their host, those made nearest to the offer's.

    Any other profile holds wherever its device is rented.
    """
    near = [f"{offer.provider} {offer.instance_type}", offer.provider, None]
    least: dict[object, int] = {}
    ranked: list[tuple[Profile, int, object]] = []
    for p in profiles:
        if not isinstance(p, LoadCurve):
            ranked.append((p, 0, id(p)))
        elif p.host in near:
            key = (p.variant, p.device_count, p.prompt_tokens, p.output_tokens)
            ranked.append((p, near.index(p.host), key))
            least[key] = min(least.get(key, len(near)), near.index(p.host))
    return [p for p, rank, key in ranked if rank == least.get(key, 0)]


def _fit_refusal(place: Place, profile: Profile) -> tuple[Obstacle, str] | None:
    offer = place.offer
    if offer.device_count < profile.device_count:
        return (
            Obstacle.MEMORY,
            (
                f"{offer.instance_type} has {offer.device_count} {offer.device}, "
                f"the profile used {profile.device_count}"
            ),
        )
    needed, there = profile.memory_bytes, offer.memory_bytes
    if needed is not None and there is not None and needed > there:
        return (
            Obstacle.MEMORY,
            (
                f"{offer.instance_type} has {there / BYTES_PER_GIB:.1f} GiB, "
                f"{profile.variant} needs {needed / BYTES_PER_GIB:.1f}"
            ),
        )
    return None


def _shape_refusal(workload: Workload, profile: Profile) -> tuple[Obstacle, str] | None:
    is_language = not isinstance(profile, BatchProfile)
    if is_language != isinstance(workload.slo, TokenSlo):
        kind = "ttft_ms and tpot_ms" if is_language else "latency_ms"
        return Obstacle.SHAPE, f"profiles of {profile.model} answer promises of {kind}"
    percentile_frac = workload.slo.percentile_frac
    if isinstance(profile, HostedTimes) and stated(profile, percentile_frac) is None:
        last = profile.times[-1].percentile_frac
        return (
            Obstacle.PERCENTILE,
            (
                f"{profile.device} states times up to the {last * 100:g}th percentile, "
                f"the promise is about the {percentile_frac * 100:g}th"
            ),
        )
    if isinstance(profile, LoadCurve) and not _covers(profile, workload):
        return (
            Obstacle.SHAPE,
            (
                f"measured for {profile.prompt_tokens}+{profile.output_tokens} tokens, "
                "fewer than asked"
            ),
        )
    return None


def _covers(curve: LoadCurve, workload: Workload) -> bool:
    """A curve of longer requests bounds shorter ones from above."""
    return (
        workload.prompt_tokens is not None
        and workload.output_tokens is not None
        and curve.prompt_tokens >= workload.prompt_tokens
        and curve.output_tokens >= workload.output_tokens
    )


def _policies(
    place: Place, profile: Profile, workload: Workload
) -> Iterable[BatchPolicy]:
    if place.offer.tariff is not None or not isinstance(profile, BatchProfile):
        # The serving engine batches continuously; its limit was part of the measurement.
        # A function takes one request at a time.
        yield BatchPolicy(max_batch=1, max_wait_s=0.0)
        return
    slo_s = workload.slo.latency_s if isinstance(workload.slo, LatencySlo) else 0.0
    for batch in profile.batch_grid or (p.batch for p in profile.points):
        for share in WAIT_SHARES_FRAC if batch > 1 else (0.0,):
            yield BatchPolicy(max_batch=batch, max_wait_s=share * slo_s)
