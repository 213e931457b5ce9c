"""A plan as it is served: of which parts, whether it was just solved or read from a file."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.domain.hardware import NetworkPath, Offer
from planner.domain.placement import BatchPolicy, Solution
from planner.domain.profiles import Profile
from planner.domain.workloads import Workload
from planner.errors import SpecError
from planner.pipeline.asking.by_request import as_run
from planner.pipeline.asking.demands import demands
from planner.pipeline.asking.places import places
from planner.pipeline.asking.question import Question
from planner.pipeline.asking.ways import Ways, lines
from planner.pipeline.checking.machines import groups
from planner.pipeline.checking.serving import stated_profile
from planner.reference.catalog import Catalog
from planner.specs.deployment import Deployment
from planner.specs.plan import PlanDocument
from planner.units import seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A placement as it is served: on which machines, in which way, how much of it.

    `spares` of its machines stand idle unless others are lost; `capacity_rps` is what
    one machine sustains; `group` names machines that it shares with others.
    """

    workload: Workload
    profile: Profile
    path: NetworkPath
    policy: BatchPolicy
    offer: Offer
    group: str
    replicas_per_machine: int
    capacity_rps: float
    rates_rps: tuple[float, ...]
    machines_on: tuple[int, ...]
    spares: int
    usd_per_request: float = 0.0
    offline_rates_rps: tuple[float, ...] = ()

    @property
    def serves(self) -> bool:
        """Whether there is anything that could: machines, or somebody to call."""
        return self.offer.tariff is not None or max(self.machines_on) > 0


def parts_of_solution(question: Question, solution: Solution) -> tuple[Part, ...]:
    """The parts of a plan that was just solved."""
    spares = question.problem.limits.spare_replicas
    found = []
    for a in solution.assignments:
        c, option = a.candidate, question.behind[a.candidate.name]
        found.append(
            Part(
                workload=option.workload,
                profile=option.profile,
                path=option.path,
                policy=option.policy,
                offer=c.offer,
                group=c.group,
                replicas_per_machine=c.replicas_per_machine,
                capacity_rps=c.capacity_rps,
                rates_rps=a.rates_rps,
                machines_on=a.machines_on,
                spares=max(0, min(spares, a.machines - 1)),
                usd_per_request=c.usd_per_request,
            )
        )
    return tuple(p for p in found if p.serves)


def parts_of_plan(
    plan: PlanDocument,
    spec: Deployment,
    catalog: Catalog,
    profiles: Mapping[str, Sequence[Profile]],
) -> tuple[Part, ...]:
    """The parts of a plan that was written down.

    Raises:
        SpecError: A placement whose profile, offer or way is not known any more.
    """
    asked = demands(spec)
    ways = Ways(spec, catalog, lines=lines(spec, catalog), workloads=asked.workloads)
    offers = {p.offer.name: p.offer for p in places(spec, catalog)}
    workloads = {w.name: w for w in asked.workloads}
    found = []
    for number, members in enumerate(groups(plan).values()):
        for p in members:
            offer, workload = offers.get(p.offer), workloads.get(p.workload)
            stated = stated_profile(p, profiles.get(p.model, ()))
            profile = as_run(stated, offer) if stated and offer else None
            path = ways.path(workload, offer) if offer and workload else None
            if offer is None or workload is None or profile is None or path is None:
                raise SpecError(
                    f"{p.workload} on {p.offer}: its profile, offer or way is not known "
                    "here (any more); run planner recommend again"
                )
            found.append(
                Part(
                    workload=workload,
                    profile=profile,
                    path=path,
                    policy=BatchPolicy(
                        max_batch=p.max_batch, max_wait_s=seconds(p.max_wait_ms)
                    ),
                    offer=offer,
                    group=offer.name if p.by_request else f"{number + 1}",
                    replicas_per_machine=p.replicas // p.machines if p.machines else 1,
                    capacity_rps=(p.capacity_rps or math.inf) / (p.machines or 1),
                    usd_per_request=p.by_request.usd_per_request
                    if p.by_request
                    else 0.0,
                    rates_rps=p.rates_rps,
                    machines_on=p.machines_on,
                    spares=p.spare_machines,
                    offline_rates_rps=p.offline_rates_rps,
                )
            )
    return tuple(p for p in found if p.serves)
