"""The optimizer's question and its answer, free of how either is come by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from planner.domain.hardware import Offer, Purchase
from planner.domain.profiles import Profile
from planner.units import H_PER_MONTH


class Objective(StrEnum):
    """What is made as small (quality: as large) as possible."""

    COST = "cost"
    LATENCY = "latency"
    QUALITY = "quality"
    CARBON = "carbon"


class FailureDomain(StrEnum):
    """What may be lost at one blow, and the rest must still carry the traffic."""

    SITE = "site"  # a region or an edge site
    PROVIDER = "provider"
    SPOT_POOL = "spot_pool"  # all spot machines of one type in one region
    UPLINK = "uplink"  # the line of an edge site: what is left works offline


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPolicy:
    """Dynamic batching: start at `max_batch` requests or when the first waited long."""

    max_batch: int
    max_wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Hours of a month in which every rate stays the same."""

    name: str
    h_per_month: float


ALWAYS: Final = Block(name="always", h_per_month=H_PER_MONTH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One column of the model: a workload on a machine of an offer, run in one way.

    `capacity_rps` is what one machine (all its replicas) sustains within the
    SLO, or, paid by request, what the offer's limit allows if nothing else uses it
    (infinite without one); `latency_s` is the SLO percentile a user sees at that rate. Candidates
    of the same `pool` share its machines: their capacities must then be such
    that any mix of loads summing to one keeps every promise. Without a pool a
    machine serves this candidate alone. Of plans that are equal in every aim, the
    one with the least `network_s` is taken.
    """

    name: str
    workload: str
    offer: Offer
    profile: Profile
    policy: BatchPolicy
    replicas_per_machine: int
    capacity_rps: float
    latency_s: float
    usd_per_request: float = 0.0
    uplink: str | None = None
    uplink_bytes_per_request: float = 0.0
    pool: str | None = None
    network_s: float = 0.0
    quality_frac: float | None = None
    memory_bytes: float = 0.0

    @property
    def group(self) -> str:
        """Whose machines it runs on: its pool's, else its own; by request, whose limit."""
        if self.offer.purchase is Purchase.BY_REQUEST:
            return self.offer.name
        return self.pool or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """Machines of one offer paid for every hour of a term, used or not.

    `pays_for` names the on-demand offer whose hours it covers.
    """

    name: str
    pays_for: str
    usd_per_h: float
    term_months: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the user allows beside budget and stock; None or empty: anything.

    `survives` names the failure domains of which any one may be lost while
    `survivable_frac` of every workload's traffic is still carried; `offline_frac`
    is the part of a workload that must be when all uplinks are lost.
    `least_mean_quality_frac` holds for the average over a workload's traffic;
    `most_profiles` is how many profiles (a variant on a device) may serve a workload.
    """

    budget_usd_per_month: float | None = None
    carbon_gco2e_per_month: float | None = None
    spot_share_frac: float | None = None
    spare_replicas: int = 0
    least_machines: int = 0
    survives: tuple[FailureDomain, ...] = ()
    survivable_frac: float = 1.0
    most_configurations: int | None = None
    most_providers: int | None = None
    most_regions: int | None = None
    least_mean_quality_frac: Mapping[str, float] = field(default_factory=dict)
    most_profiles: Mapping[str, int] = field(default_factory=dict)
    offline_frac: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandRises:
    """In every block any `most_at_once` workloads may ask for their `extra_rps` on top.

    The budgeted uncertainty of Bertsimas and Sim (2004): machines and lines must
    carry each such set of rises with the traffic shared out as planned. Money is
    counted for the rates as stated.
    """

    extra_rps: Mapping[str, tuple[float, ...]]
    most_at_once: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementProblem:
    """Demands, columns and limits; monthly money, rates in requests/s by block.

    `stock` limits machines by offer name and is absent where unlimited;
    `uplink_bytes_per_s` limits the traffic that leaves an edge site;
    `objectives` are made best in that order, each kept while the next is.
    """

    blocks: tuple[Block, ...] = (ALWAYS,)
    rate_rps: Mapping[str, tuple[float, ...]]
    candidates: tuple[Candidate, ...]
    stock: Mapping[str, int]
    uplink_bytes_per_s: Mapping[str, float]
    objectives: tuple[Objective, ...] = (Objective.COST,)
    limits: Limits = Limits()
    commitments: tuple[Commitment, ...] = ()
    gco2e_per_machine_h: Mapping[str, float] = field(default_factory=dict)
    rises: DemandRises | None = None


class Verdict(StrEnum):
    """What the solver proved."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"  # a plan, not proven best within the time limit
    INFEASIBLE = "infeasible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A candidate in use: the traffic routed to it, and its group's machines, by block.

    What is paid by request has no machines in any block.
    """

    candidate: Candidate
    rates_rps: tuple[float, ...]
    machines_on: tuple[int, ...]

    @property
    def machines(self) -> int:
        """Machines of its group in the busiest block."""
        return max(self.machines_on)

    @property
    def rate_rps(self) -> float:
        """The largest rate routed to it in any block."""
        return max(self.rates_rps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchased:
    """What is paid for machines of an offer: kept all month, and on by the hour.

    `kept` counts owned boxes or committed machines; `paid_by_hour` machines beyond
    them in each block; `commitment` names what `kept` is paid under, None for
    boxes of the user's own.
    """

    offer: Offer
    kept: int
    paid_by_hour: tuple[int, ...]
    commitment: Commitment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a solver proved about an answer, in the objective's own unit."""

    solver: str
    verdict: Verdict
    objective_value: float
    bound_value: float
    gap_frac: float
    solve_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """Assignments that satisfy every row, with the proof that came along."""

    assignments: tuple[Assignment, ...]
    purchases: tuple[Purchased, ...]
    cost_usd_per_month: float
    certificate: Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPlan:
    """Infeasible, with the proof."""

    certificate: Certificate
