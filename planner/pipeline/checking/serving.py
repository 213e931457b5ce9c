"""An emitted plan's placements with what they rest on, found again by what they state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.domain.hardware import NetworkPath
from planner.domain.profiles import LoadCurve, Profile
from planner.domain.tariffs import Tariff
from planner.domain.workloads import Workload
from planner.pipeline.asking.by_request import as_run
from planner.pipeline.asking.demands import demands
from planner.pipeline.asking.places import places
from planner.pipeline.asking.ways import Ways, lines
from planner.reference.catalog import Catalog
from planner.specs.deployment import Deployment
from planner.specs.placements import PlanPlacement
from planner.specs.plan import PlanDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A placement with everything that its promise depends on."""

    placement: PlanPlacement
    workload: Workload
    profile: Profile
    path: NetworkPath
    error_factor: float
    tariff: Tariff | None


def served(
    plan: PlanDocument,
    spec: Deployment,
    catalog: Catalog,
    profiles: Mapping[str, Sequence[Profile]],
) -> list[Serving]:
    """Those placements whose profile and way are known, at the policy's confidence."""
    asked = demands(spec)
    ways = Ways(spec, catalog, lines=lines(spec, catalog), workloads=asked.workloads)
    offers = {p.offer.name: p.offer for p in places(spec, catalog)}
    workloads = {w.name: w for w in asked.workloads}
    found: list[Serving] = []
    for p in plan.placements:
        stated = stated_profile(p, profiles.get(p.model, ()))
        profile = as_run(stated, offers[p.offer]) if stated else None
        path = ways.path(workloads[p.workload], offers[p.offer])
        if profile is None or path is None:
            continue
        factor = profile.evidence.quantile_factor(spec.policy.confidence_frac)
        found.append(
            Serving(
                placement=p,
                workload=workloads[p.workload],
                profile=profile,
                path=path,
                error_factor=factor,
                tariff=offers[p.offer].tariff,
            )
        )
    return found


def stated_profile(p: PlanPlacement, profiles: Sequence[Profile]) -> Profile | None:
    """The very profile that the placement states."""
    return next((profile for profile in profiles if _is_stated(p, profile)), None)


def _is_stated(p: PlanPlacement, profile: Profile) -> bool:
    shape = (
        (profile.prompt_tokens, profile.output_tokens)
        if isinstance(profile, LoadCurve)
        else (None, None)
    )
    return (
        profile.variant == p.variant.variant()
        and shape == (p.profiled_prompt_tokens, p.profiled_output_tokens)
        and profile.device == p.device
        and profile.device_count == p.device_count // _replicas_per_machine(p)
        and profile.evidence.source == p.profile_source
    )


def _replicas_per_machine(p: PlanPlacement) -> int:
    # What is paid by request has no machines, and each answers for itself.
    return max(1, p.replicas // p.machines) if p.machines else 1


def sharing(one: Serving, serving: Sequence[Serving]) -> list[Serving]:
    """The others whose requests the same machines answer."""
    p = one.placement
    who = {p.workload, *p.shared_with}
    return [
        s
        for s in serving
        if s is not one
        and p.shared_with
        and s.placement.offer == p.offer
        and {s.placement.workload, *s.placement.shared_with} == who
        and s.placement.machines_on == p.machines_on
    ]


def busiest_rates_rps(s: Serving, others: Sequence[Serving]) -> list[float]:
    """What a replica is sent by it and by its sharers in the hour that fills it most.

    All its machines are at work, those beyond the traffic included.
    """
    p = s.placement
    if s.tariff is not None:
        return [p.rate_rps]
    everyone = [p, *(o.placement for o in others)]

    def load(t: int) -> float:
        used = sum(e.rates_rps[t] / (e.capacity_rps or 1.0) for e in everyone)
        return used / p.machines_on[t] if p.machines_on[t] else 0.0

    t = max(range(len(p.machines_on)), key=load)
    replicas = p.machines_on[t] * _replicas_per_machine(p)
    return [e.rates_rps[t] / replicas if replicas else 0.0 for e in everyone]
