"""The optimizer's question and its answer, free of how either is come by."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from planner.domain.hardware import Offer
from planner.domain.profiles import Profile


class Objective(StrEnum):
    """What is made as small as possible."""

    COST = "cost"
    LATENCY = "latency"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPolicy:
    """Dynamic batching: start at `max_batch` requests or when the first waited long."""

    max_batch: int
    max_wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One column of the model: a workload on a machine of an offer, run in one way.

    `capacity_rps` is what one machine (all its replicas) sustains within the
    SLO; `latency_s` is the SLO percentile a user sees at that rate. A machine
    serves one candidate only.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementProblem:
    """Demands, columns and limits; monthly money, rates in requests/s.

    `stock` limits machines by offer name and is absent where unlimited;
    `uplink_bytes_per_s` limits the traffic that leaves an edge site.
    """

    rate_rps: Mapping[str, float]
    candidates: tuple[Candidate, ...]
    stock: Mapping[str, int]
    uplink_bytes_per_s: Mapping[str, float]
    budget_usd_per_month: float | None
    objective: Objective
    spare_replicas: int


class Verdict(StrEnum):
    """What the solver proved."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"  # a plan, not proven best within the time limit
    INFEASIBLE = "infeasible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Machines bought for a candidate and the traffic routed to them."""

    candidate: Candidate
    machines: int
    rate_rps: float


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
    cost_usd_per_month: float
    certificate: Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """A row that no plan can satisfy, and by how much the least bad one misses it."""

    row: str
    subject: str
    missing: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPlan:
    """Infeasible: the rows in the way, worst first."""

    shortfalls: tuple[Shortfall, ...]
    certificate: Certificate
