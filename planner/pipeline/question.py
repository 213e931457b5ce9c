"""One question to the optimizer, with all that was known when it was asked."""

from collections.abc import Mapping
from dataclasses import dataclass

from planner.domain.placement import PlacementProblem
from planner.domain.workloads import Workload
from planner.pipeline.candidates import Capacities, candidates
from planner.pipeline.demands import demands
from planner.pipeline.knowledge import Knowledge
from planner.pipeline.options import Option, Refusal, options
from planner.pipeline.places import Place, places
from planner.pipeline.ways import Ways, lines, shared_limits_bytes_per_s
from planner.reference.catalog import Catalog
from planner.specs.deployment import Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The problem, the option behind each of its columns, and what was ruled out.

    `too_slow` holds the options that miss the SLO even on an idle machine.
    """

    spec: Deployment
    catalog: Catalog
    knowledge: Knowledge
    workloads: tuple[Workload, ...]
    places: tuple[Place, ...]
    problem: PlacementProblem
    behind: Mapping[str, Option]
    too_slow: tuple[Option, ...]
    refusals: tuple[Refusal, ...]


def ask(
    spec: Deployment, catalog: Catalog, knowledge: Knowledge, capacities: Capacities
) -> Question:
    """The document as an optimizer's problem."""
    workloads = demands(spec)
    offered = places(spec, catalog)
    ways_out = lines(spec, catalog)
    ways = Ways(spec, catalog, lines=ways_out, workloads=workloads)
    found: list[Option] = []
    refused: list[Refusal] = []
    for workload in workloads:
        profiles = knowledge.profiles.get(workload.model, ())
        some, no = options(
            workload,
            offered,
            profiles,
            ways,
            confidence_frac=spec.policy.confidence_frac,
        )
        found += some
        refused += no
    sustained = capacities.of(found)
    behind, columns, missed = candidates(
        found,
        sustained,
        egress_usd_per_gb=lambda p, r: catalog.egress_usd_per_gb(p, r)[0],
        objective=spec.policy.objective,
    )
    problem = PlacementProblem(
        rate_rps={w.name: w.rate_rps for w in workloads},
        candidates=tuple(columns),
        stock={
            p.offer.name: p.offer.stock for p in offered if p.offer.stock is not None
        },
        uplink_bytes_per_s=shared_limits_bytes_per_s(ways_out),
        budget_usd_per_month=spec.policy.budget_usd_per_month,
        objective=spec.policy.objective,
        spare_replicas=spec.policy.spare_replicas,
    )
    return Question(
        spec=spec,
        catalog=catalog,
        knowledge=knowledge,
        workloads=workloads,
        places=offered,
        problem=problem,
        behind=behind,
        too_slow=tuple(o for o, c in zip(found, sustained, strict=True) if c <= 0),
        refusals=(*refused, *missed),
    )
