"""Every way to serve a workload that keeps its promise, and why the others do not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from planner.domain.evidence import Provenance
from planner.domain.hardware import NetworkPath
from planner.domain.placement import BatchPolicy, Candidate, Objective
from planner.domain.profiles import BatchProfile, LoadCurve, Profile
from planner.domain.workloads import LatencySlo, TokenSlo, Workload
from planner.perf.capacity import CapacityQuery, capacities_rps
from planner.perf.language import load_capacity_rps
from planner.pipeline.places import Place, Ways
from planner.reference.catalog import Catalog
from planner.units import BYTES_PER_GB, BYTES_PER_GIB

# Waits tried beside 0, as a share of the SLO: longer waits spend the promise itself.
WAIT_SHARES_FRAC: Final = (0.0, 0.05)
# A latency objective may run machines below their capacity: lower load, lower latency.
LOAD_LEVELS_FRAC: Final = (1.0, 0.75, 0.5, 0.25)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why one way of serving a workload is out of the question."""

    workload: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A way to serve a workload, before its capacity is known."""

    workload: Workload
    place: Place
    profile: Profile
    path: NetworkPath
    policy: BatchPolicy
    error_factor: float


def error_factor(profile: Profile, confidence_frac: float) -> float:
    """What the profile's latencies are multiplied by to be safe (1 where measured)."""
    if profile.evidence.provenance is Provenance.MEASURED:
        return 1.0
    return profile.evidence.quantile_factor(confidence_frac)


def options(
    workload: Workload,
    places: Sequence[Place],
    profiles: Sequence[Profile],
    ways: Ways,
    *,
    confidence_frac: float,
) -> tuple[list[Option], list[Refusal]]:
    """Ways that pass every filter that needs no queueing theory."""
    found: list[Option] = []
    refused: list[Refusal] = []
    by_device: dict[str, list[Profile]] = {}
    for profile in profiles:
        by_device.setdefault(profile.device, []).append(profile)
    for place in places:
        for profile in by_device.get(place.offer.device, ()):
            path = ways.path(workload, place.offer)
            reason = _refusal(workload, place, profile, path)
            if reason is None and path is not None:
                factor = error_factor(profile, confidence_frac)
                found += [
                    Option(
                        workload=workload,
                        place=place,
                        profile=profile,
                        path=path,
                        policy=policy,
                        error_factor=factor,
                    )
                    for policy in _policies(profile, workload)
                ]
            else:
                refused.append(
                    Refusal(workload=workload.name, reason=reason or "no route")
                )
    return found, refused


def _refusal(
    workload: Workload, place: Place, profile: Profile, path: NetworkPath | None
) -> str | None:
    """The first reason why this way is out of the question; None: none."""
    offer = place.offer
    at_origin = offer.site == workload.origin
    if workload.residency and not at_origin and place.zone not in workload.residency:
        return f"{offer.site} is outside residency {', '.join(workload.residency)}"
    if path is None:
        return f"no known round trip from {workload.origin} to {offer.site}"
    if offer.device_count < profile.device_count:
        return f"{offer.instance_type} has fewer devices than the profile used"
    return _quality_refusal(workload, profile) or _fit_refusal(workload, place, profile)


def _quality_refusal(workload: Workload, profile: Profile) -> str | None:
    if workload.quality_metric is None or workload.quality_minimum_frac is None:
        return None
    quality = profile.quality
    if quality is None or quality.metric != workload.quality_metric:
        return f"{workload.quality_metric} of {profile.variant} is not known"
    if quality.value_frac < workload.quality_minimum_frac:
        return f"{profile.variant} has {quality.metric} {quality.value_frac:.3f}"
    return None


def _fit_refusal(workload: Workload, place: Place, profile: Profile) -> str | None:
    needed, there = profile.memory_bytes, place.offer.memory_bytes
    if needed is not None and there is not None and needed > there:
        return (
            f"{place.offer.instance_type} has {there / BYTES_PER_GIB:.1f} GiB, "
            f"{profile.variant} needs {needed / BYTES_PER_GIB:.1f}"
        )
    is_language = not isinstance(profile, BatchProfile)
    if is_language != isinstance(workload.slo, TokenSlo):
        return "the promise and the profile measure different things"
    if isinstance(profile, LoadCurve) and not _covers(profile, workload):
        return (
            f"measured for {profile.prompt_tokens}+{profile.output_tokens} tokens, "
            f"fewer than asked"
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


def _policies(profile: Profile, workload: Workload) -> Iterable[BatchPolicy]:
    if not isinstance(profile, BatchProfile):
        # The serving engine batches continuously; its limit was part of the measurement.
        yield BatchPolicy(max_batch=1, max_wait_s=0.0)
        return
    slo_s = workload.slo.latency_s if isinstance(workload.slo, LatencySlo) else 0.0
    for batch in (p.batch for p in profile.points):
        for share in WAIT_SHARES_FRAC if batch > 1 else (0.0,):
            yield BatchPolicy(max_batch=batch, max_wait_s=share * slo_s)


class LatencyAt(Protocol):
    """The SLO percentile of an option at a rate per replica."""

    def __call__(self, option: Option, rate_rps: float) -> float:
        """Seconds."""
        ...


class Capacities:
    """Capacities of single replicas, computed once per question."""

    def __init__(self) -> None:
        self._known: dict[CapacityQuery, float] = {}

    def of(self, found: Sequence[Option]) -> list[float]:
        """Requests/s one replica of each option sustains within the SLO."""
        queries = {i: _query(o) for i, o in enumerate(found)}
        asked = [q for q in queries.values() if q is not None and q not in self._known]
        new = list(dict.fromkeys(asked))
        if new:
            answers = (float(c) for c in capacities_rps(new))
            self._known.update(zip(new, answers, strict=True))
        return [
            _language_capacity(o) if (q := queries[i]) is None else self._known[q]
            for i, o in enumerate(found)
        ]


def _query(option: Option) -> CapacityQuery | None:
    slo, profile = option.workload.slo, option.profile
    if not isinstance(slo, LatencySlo) or not isinstance(profile, BatchProfile):
        return None
    return CapacityQuery(
        profile=profile,
        policy=option.policy,
        path=option.path,
        percentile_frac=slo.percentile_frac,
        limit_s=slo.latency_s,
        error_factor=option.error_factor,
    )


def _language_capacity(option: Option) -> float:
    profile, workload = option.profile, option.workload
    if not isinstance(workload.slo, TokenSlo) or isinstance(profile, BatchProfile):
        raise AssertionError("options pair promises with profiles of their own kind")
    return load_capacity_rps(
        profile,
        workload.slo,
        option.path.rtt_s,
        error_factor=option.error_factor,
        prompt_tokens=workload.prompt_tokens,
        output_tokens=workload.output_tokens,
    )


def candidates(
    found: Sequence[Option],
    capacities_rps: Sequence[float],
    catalog: Catalog,
    *,
    objective: Objective,
    predict_s: LatencyAt,
) -> tuple[list[Candidate], list[Refusal]]:
    """Columns of the model for every option whose capacity is not zero."""
    columns: list[Candidate] = []
    refused: list[Refusal] = []
    levels = LOAD_LEVELS_FRAC if objective is Objective.LATENCY else (1.0,)
    for option, capacity in zip(found, capacities_rps, strict=True):
        if capacity <= 0:
            reason = f"{option.profile.variant} on {option.place.offer.device} misses the SLO even when idle"
            refused.append(Refusal(workload=option.workload.name, reason=reason))
            continue
        columns += [
            _column(option, capacity, level, catalog, objective, predict_s)
            for level in levels
        ]
    return columns, refused


def _column(
    option: Option,
    capacity_rps: float,
    level: float,
    catalog: Catalog,
    objective: Objective,
    predict_s: LatencyAt,
) -> Candidate:
    offer, workload, profile = option.place.offer, option.workload, option.profile
    replicas = max(1, offer.device_count // profile.device_count)
    leaves = not option.place.is_edge
    over_uplink = leaves and option.path.uplink_load_frac > 0
    payload = workload.request_bytes + workload.response_bytes
    egress = catalog.egress_usd_per_gb(offer.provider, offer.site)[0] if leaves else 0.0
    name = (
        f"{workload.name}|{offer.name}|{profile.variant}|b{option.policy.max_batch}"
        f"|w{option.policy.max_wait_s:.4f}|l{level:g}|x{profile.device_count}"
    )
    slower = objective is Objective.LATENCY
    return Candidate(
        name=name,
        workload=workload.name,
        offer=offer,
        profile=profile,
        policy=option.policy,
        replicas_per_machine=replicas,
        capacity_rps=capacity_rps * level * replicas,
        latency_s=predict_s(option, capacity_rps * level) if slower else 0.0,
        usd_per_request=egress * workload.response_bytes / BYTES_PER_GB,
        uplink=workload.origin if over_uplink else None,
        uplink_bytes_per_request=payload if over_uplink else 0.0,
    )
