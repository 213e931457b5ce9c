"""A solution's placements as the plan states them: predicted, priced, known from where."""

import math
from dataclasses import dataclass

from planner.domain.hardware import DeviceKind
from planner.domain.placement import Assignment, Solution
from planner.domain.profiles import BatchProfile, LoadCurve, TokenRates
from planner.domain.servers import Timing
from planner.domain.workloads import Workload
from planner.pipeline.asking.options import Option
from planner.pipeline.asking.question import Question
from planner.pipeline.telling import prediction
from planner.pipeline.telling.prediction import Seen
from planner.pipeline.telling.quality import graded
from planner.pipeline.telling.terms import terms
from planner.specs.placements import PlanPlacement, PlanServer, PlanVariant
from planner.units import BYTES_PER_GIB, milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An assignment with the option behind it and what its users see."""

    assignment: Assignment
    option: Option
    seen: Seen
    slo_met_probability_frac: float
    shared_with: tuple[str, ...]


def placed(question: Question, solution: Solution) -> tuple[Placed, ...]:
    """Predictions for every assignment of a solution."""
    found = []
    for a in solution.assignments:
        sharing = [
            b
            for b in solution.assignments
            if b is not a
            and b.candidate.group == a.candidate.group
            and a.candidate.offer.tariff is None
        ]
        replica = prediction.replica(a, sharing, question.behind)
        found.append(
            Placed(
                assignment=a,
                option=replica.option,
                seen=replica.seen(),
                slo_met_probability_frac=prediction.slo_met_probability_frac(replica),
                shared_with=tuple(sorted({b.candidate.workload for b in sharing})),
            )
        )
    return tuple(found)


def placement(
    p: Placed,
    question: Question,
    usd_per_month: float,
    *,
    offline_rates_rps: tuple[float, ...],
) -> PlanPlacement:
    """One row of the plan; `usd_per_month` is its part of the bill."""
    a, profile = p.assignment, p.option.profile
    c, offer = a.candidate, a.candidate.offer
    return PlanPlacement(
        workload=c.workload,
        model=p.option.workload.model,
        variant=PlanVariant.of(profile.variant),
        site=offer.site,
        site_kind="edge" if p.option.place.is_edge else "cloud",
        zone=p.option.place.zone,
        provider=offer.provider,
        offer=offer.name,
        instance_type=offer.instance_type,
        device=offer.device,
        device_count=offer.device_count,
        purchase=offer.purchase,
        machines=a.machines,
        replicas=a.machines * c.replicas_per_machine,
        spare_machines=max(
            0, min(question.problem.limits.spare_replicas, a.machines - 1)
        ),
        max_batch=c.policy.max_batch,
        max_wait_ms=milliseconds(c.policy.max_wait_s),
        rate_rps=a.rate_rps,
        share_frac=min(1.0, share_of_month_frac(a, p.option.workload, question)),
        capacity_rps=_capacity_rps(a),
        memory_gib=_gib(profile.memory_bytes),
        machine_memory_gib=_machine_memory_gib(p.option, question),
        vcpus=offer.vcpus,
        artifact_sha256=(
            profile.artifact_sha256
            if isinstance(profile, BatchProfile | TokenRates)
            else None
        ),
        predicted=prediction.document(p.seen),
        breakdown=prediction.breakdown(p.seen),
        timing=profile.timing if isinstance(profile, BatchProfile) else Timing.SERVER,
        server=server(profile) if isinstance(profile, BatchProfile) else None,
        quality=graded(profile.quality),
        provenance=profile.evidence.provenance,
        profile_source=profile.evidence.source,
        profile_as_of=profile.evidence.as_of,
        profiled_prompt_tokens=(
            profile.prompt_tokens if isinstance(profile, LoadCurve) else None
        ),
        profiled_output_tokens=(
            profile.output_tokens if isinstance(profile, LoadCurve) else None
        ),
        error_frac=profile.evidence.error_frac,
        price_usd_per_h=offer.price_usd_per_h,
        price_source=offer.price_source,
        price_as_of=offer.price_as_of,
        cost_usd_per_month=usd_per_month,
        by_request=terms(a, p.option),
        shared_with=p.shared_with,
        machines_on=a.machines_on,
        rates_rps=a.rates_rps,
        offline_rates_rps=offline_rates_rps,
    )


def _capacity_rps(a: Assignment) -> float | None:
    """Of all its machines, or of the account's limit; None without either."""
    capacity = a.candidate.capacity_rps
    if a.candidate.offer.tariff is not None:
        return None if math.isinf(capacity) else capacity
    return capacity * a.machines


def server(profile: BatchProfile) -> PlanServer | None:
    """What serving costs beside the model; None where it is not known, or in the times."""
    cost = profile.server
    if cost is None:
        return None
    return PlanServer(
        server=cost.server,
        processor_ms=milliseconds(cost.processor_s),
        latency_ms=milliseconds(cost.latency_s),
        rested_ms=milliseconds(cost.rested_s + profile.rested_s),
        shared_frac=cost.shared_frac,
        provenance=cost.evidence.provenance,
        error_frac=cost.evidence.error_frac,
        source=cost.evidence.source,
        as_of=cost.evidence.as_of,
    )


def share_of_month_frac(a: Assignment, w: Workload, question: Question) -> float:
    """Part of the workload's requests in a month."""
    hours = [b.h_per_month for b in question.blocks]
    served = sum(h * r for h, r in zip(hours, a.rates_rps, strict=True))
    asked = sum(h * r for h, r in zip(hours, w.rates_rps, strict=True))
    return served / asked


def _machine_memory_gib(option: Option, question: Question) -> float | None:
    """Memory of the machine itself; an accelerator's own is another matter."""
    if option.place.offer.tariff is not None:
        return None
    device = question.catalog.device(option.place.offer.device)
    if device.kind is DeviceKind.GPU:
        return None
    return _gib(option.place.offer.memory_bytes)


def _gib(size_bytes: float | None) -> float | None:
    return None if size_bytes is None else size_bytes / BYTES_PER_GIB
