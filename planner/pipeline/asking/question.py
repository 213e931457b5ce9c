"""One question to the optimizer, with all that was known when it was asked."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from planner.domain.hardware import Purchase
from planner.domain.placement import (
    Block,
    Candidate,
    Commitment,
    Limits,
    Objective,
    PlacementProblem,
)
from planner.domain.workloads import Workload
from planner.pipeline.asking.candidates import Capacities, columns, too_slow
from planner.pipeline.asking.carbon import gco2e_per_machine_h
from planner.pipeline.asking.demands import demands
from planner.pipeline.asking.knowledge import Knowledge
from planner.pipeline.asking.obstacles import Obstacle
from planner.pipeline.asking.options import Option, Refusal, options
from planner.pipeline.asking.places import Place, places
from planner.pipeline.asking.pools import Membership
from planner.pipeline.asking.ways import Ways, lines, shared_limits_bytes_per_s
from planner.reference.catalog import Catalog
from planner.specs.deployment import Deployment
from planner.units import GCO2E_PER_KGCO2E

# What is done to a problem after it was asked, and done again where it is asked anew.
Twist = Callable[[PlacementProblem], PlacementProblem]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The problem, the option behind each of its columns, and what was ruled out.

    `pools` holds the membership of each column that shares machines; `too_slow`
    the options that miss the SLO even on an idle machine. `surer_frac` is the
    confidence in each profile where a workload needs more than the policy's.
    """

    spec: Deployment
    catalog: Catalog
    knowledge: Knowledge
    capacities: Capacities
    blocks: tuple[Block, ...]
    workloads: tuple[Workload, ...]
    places: tuple[Place, ...]
    problem: PlacementProblem
    behind: Mapping[str, Option]
    pools: Mapping[str, Membership]
    too_slow: tuple[Option, ...]
    refusals: tuple[Refusal, ...]
    surer_frac: Mapping[str, float] = field(default_factory=dict)
    twists: tuple[Twist, ...] = ()

    def twisted(self, twist: Twist) -> "Question":
        """The same question about a changed problem."""
        return replace(self, problem=twist(self.problem), twists=(*self.twists, twist))

    def surer(self, surer_frac: Mapping[str, float]) -> "Question":
        """The same question with more confidence asked of some workloads' profiles."""
        asked = ask(
            self.spec,
            self.catalog,
            self.knowledge,
            self.capacities,
            surer_frac=surer_frac,
        )
        for twist in self.twists:
            asked = asked.twisted(twist)
        return asked


NO_SURER: Final[Mapping[str, float]] = {}


def ask(
    spec: Deployment,
    catalog: Catalog,
    knowledge: Knowledge,
    capacities: Capacities,
    *,
    surer_frac: Mapping[str, float] = NO_SURER,
) -> Question:
    """The document as an optimizer's problem."""
    asked = demands(spec)
    offered = places(spec, catalog)
    ways_out = lines(spec, catalog)
    ways = Ways(spec, catalog, lines=ways_out, workloads=asked.workloads)
    found: list[Option] = []
    refused: list[Refusal] = []
    for workload in asked.workloads:
        some, no = options(
            workload,
            offered,
            knowledge.profiles.get(workload.model, ()),
            ways,
            confidence_frac=surer_frac.get(workload.name, spec.policy.confidence_frac),
        )
        found += some
        refused += no
    built = columns(
        found,
        capacities,
        egress_usd_per_gb=lambda p, r: catalog.egress_usd_per_gb(p, r)[0],
        objectives=spec.policy.objectives,
        share_machines=spec.policy.share_machines,
    )
    emitted = _carbon(spec, offered, catalog)
    candidates = tuple(
        c for c in built.candidates if emitted is None or c.offer.name in emitted
    )
    left_out = [c for c in built.candidates if emitted is not None and c.offer.name not in emitted]  # fmt: skip
    refused += dict.fromkeys(_unknown_carbon(c) for c in left_out)
    problem = PlacementProblem(
        blocks=asked.blocks,
        rate_rps={w.name: w.rates_rps for w in asked.workloads},
        candidates=candidates,
        stock={
            p.offer.name: p.offer.stock for p in offered if p.offer.stock is not None
        },
        uplink_bytes_per_s=shared_limits_bytes_per_s(ways_out),
        objectives=spec.policy.objectives,
        limits=_limits(spec, asked.workloads),
        commitments=tuple(_commitments(spec, offered)),
        gco2e_per_machine_h=emitted or {},
        rises=asked.rises(),
    )
    return Question(
        spec=spec,
        catalog=catalog,
        knowledge=knowledge,
        capacities=capacities,
        blocks=asked.blocks,
        workloads=asked.workloads,
        places=offered,
        problem=problem,
        behind=built.behind,
        pools=built.pools,
        too_slow=built.too_slow,
        refusals=(*refused, *(too_slow(o) for o in built.too_slow)),
        surer_frac=surer_frac,
    )


def _unknown_carbon(c: Candidate) -> Refusal:
    offer = c.offer
    each = "an hour" if offer.tariff is None else "a request"
    what = f"{each} of {offer.instance_type} at {offer.site}"
    return Refusal(
        workload=c.workload,
        obstacle=Obstacle.CARBON,
        reason=f"nobody states what {what} emits",
    )


def _carbon(
    spec: Deployment, offered: tuple[Place, ...], catalog: Catalog
) -> dict[str, float] | None:
    """Emissions of the offers that state them; None where nobody asks."""
    counts = Objective.CARBON in spec.policy.objectives
    if not counts and spec.policy.carbon_kgco2e_per_month is None:
        return None
    return gco2e_per_machine_h(offered, catalog)


def _limits(spec: Deployment, workloads: tuple[Workload, ...]) -> Limits:
    policy = spec.policy
    carbon_kg = policy.carbon_kgco2e_per_month
    survive = policy.survive
    return Limits(
        budget_usd_per_month=policy.budget_usd_per_month,
        carbon_gco2e_per_month=(
            None if carbon_kg is None else carbon_kg * GCO2E_PER_KGCO2E
        ),
        spot_share_frac=policy.spot_share_frac,
        spare_replicas=policy.spare_replicas,
        least_machines=policy.least_machines,
        survives=() if survive is None else survive.loss_of,
        survivable_frac=1.0 if survive is None else survive.traffic_frac,
        most_configurations=policy.most_configurations,
        most_providers=policy.most_providers,
        most_regions=policy.most_regions,
        least_mean_quality_frac={
            w.name: w.quality_minimum_frac
            for w in workloads
            if w.is_mean_floor and w.quality_minimum_frac is not None
        },
        offline_frac={w.name: w.offline_frac for w in workloads if w.offline_frac > 0},
    )


def _commitments(spec: Deployment, offered: tuple[Place, ...]) -> Iterable[Commitment]:
    for terms in spec.policy.commitments:
        for place in offered:
            offer = place.offer
            if (
                offer.provider == terms.provider
                and offer.purchase is Purchase.ON_DEMAND
            ):
                yield Commitment(
                    name=f"{offer.name} for {terms.term_months} months",
                    pays_for=offer.name,
                    usd_per_h=offer.price_usd_per_h * (1 - terms.discount_frac),
                    term_months=terms.term_months,
                    source=f"{offer.price_source}, less {terms.discount_frac:.0%} "
                    f"for {terms.term_months} months (spec)",
                )
