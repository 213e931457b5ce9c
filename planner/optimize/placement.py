"""Buy the cheapest machines that serve every workload within its promise.

    choose    n[c]  whole machines of candidate c       f[c]  requests/s routed to it
              y[c]  candidate c is used (0/1; only where spares are asked for)
    minimise  Σ_c  730·price[c]·n[c] + S_PER_MONTH·use[c]·f[c]          USD/month
    demand    Σ_c∈w  f[c]                    =  rate[w]                 each w
    capacity  f[c]/cap[c] + spare·y[c]       ≤  n[c]                    each c
    used      f[c]                           ≤  rate[w]·y[c]            each c
    stock     Σ_c∈o  n[c]                    ≤  stock[o]                each o
    uplink    Σ_c∈u  bytes[c]·f[c]           ≤  bandwidth[u]            each u
    budget    cost                           ≤  budget

A candidate is a workload on an offer, run in one way; a machine serves one
candidate, so no promise rests on how two workloads disturb each other. With
objective latency, Σ latency[c]·f[c] is made least first, then cost.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from planner.domain.placement import (
    Assignment,
    Candidate,
    NoPlan,
    Objective,
    PlacementProblem,
    Shortfall,
    Solution,
    Verdict,
)
from planner.optimize.milp import Answer, Milp, SolverName, Variable
from planner.units import S_PER_MONTH, usd_per_month

# Routed rates below this share of a workload are the solver's tolerance, not traffic.
NOISE_FRAC: Final = 1e-6
# The latency found first may be exceeded by this much while cost is made least.
LATENCY_SLACK_FRAC: Final = 1e-6

Terms = list[tuple[float, Variable]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    milp: Milp
    machines: dict[str, Variable]
    routed: dict[str, Variable]
    cost: Terms
    latency: Terms


def place(
    problem: PlacementProblem,
    *,
    time_limit_s: float = 30.0,
    solver: SolverName = "highs",
) -> Solution | NoPlan:
    """Solve the model above.

    Raises:
        SolverTimeoutError: The limit passed before any plan was found.
        SolverUnavailableError: No solver can run here.
    """
    columns = undominated(problem.candidates)
    model = _build(problem, columns)
    if problem.objective is Objective.LATENCY:
        model.milp.minimise(model.latency)
        first = model.milp.solve(time_limit_s=time_limit_s, solver=solver)
        if first.certificate.verdict is not Verdict.INFEASIBLE:
            least = first.certificate.objective_value * (1 + LATENCY_SLACK_FRAC)
            model.milp.require("latency", model.latency, "<=", least)
    model.milp.minimise(model.cost)
    answer = model.milp.solve(time_limit_s=time_limit_s, solver=solver)
    if answer.certificate.verdict is Verdict.INFEASIBLE:
        return NoPlan(shortfalls=_unservable(problem), certificate=answer.certificate)
    return _solution(problem, columns, model, answer)


def undominated(columns: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Columns that no other of the same workload and offer beats in every respect.

    Replacing a dominated column's machines one for one by its better's keeps
    every row and raises no term, so an optimum without it exists.
    """
    groups: dict[tuple[str, str, float, str | None], list[Candidate]] = defaultdict(
        list
    )
    for c in columns:
        key = (c.workload, c.offer.name, c.uplink_bytes_per_request, c.uplink)
        groups[key].append(c)
    kept = []
    for group in groups.values():
        group.sort(key=lambda c: (-c.capacity_rps, c.usd_per_request, c.latency_s))
        front: list[Candidate] = []
        for c in group:
            if not any(
                b.usd_per_request <= c.usd_per_request and b.latency_s <= c.latency_s
                for b in front
            ):
                front.append(c)
        kept += front
    return tuple(kept)


def _build(problem: PlacementProblem, columns: Sequence[Candidate]) -> _Model:
    milp = Milp("placement")
    n = {c.name: milp.variable("n", integer=True) for c in columns}
    f = {c.name: milp.variable("f") for c in columns}

    served: dict[str, Terms] = {w: [] for w in problem.rate_rps}
    bought: dict[str, Terms] = defaultdict(list)
    leaving: dict[str, Terms] = defaultdict(list)
    cost: Terms = []
    for c in columns:
        served[c.workload].append((1.0, f[c.name]))
        bought[c.offer.name].append((1.0, n[c.name]))
        if c.uplink is not None:
            leaving[c.uplink].append((c.uplink_bytes_per_request, f[c.name]))
        cost.append((usd_per_month(c.offer.price_usd_per_h), n[c.name]))
        cost.append((S_PER_MONTH * c.usd_per_request, f[c.name]))
        _capacity(milp, problem, c, n[c.name], f[c.name])

    for w, rate in problem.rate_rps.items():
        milp.require("demand", served[w], "==", rate)
    _limits(milp, problem, bought, leaving)
    if problem.budget_usd_per_month is not None:
        milp.require("budget", cost, "<=", problem.budget_usd_per_month)
    total = sum(problem.rate_rps.values())
    latency = [(c.latency_s / total, f[c.name]) for c in columns]
    return _Model(milp=milp, machines=n, routed=f, cost=cost, latency=latency)


def _limits(
    milp: Milp,
    problem: PlacementProblem,
    bought: Mapping[str, Terms],
    leaving: Mapping[str, Terms],
) -> None:
    for o, stock in problem.stock.items():
        if o in bought:
            milp.require("stock", bought[o], "<=", stock)
    for u, limit in problem.uplink_bytes_per_s.items():
        if u in leaving:
            milp.require("uplink", leaving[u], "<=", limit)


def _capacity(
    milp: Milp, problem: PlacementProblem, c: Candidate, n: Variable, f: Variable
) -> None:
    busy = [(1 / c.capacity_rps, f), (-1.0, n)]
    if problem.spare_replicas:
        y = milp.variable("y", upper=1, integer=True)
        busy.append((float(problem.spare_replicas), y))
        rate = problem.rate_rps[c.workload]
        milp.require("used", [(1.0, f), (-rate, y)], "<=", 0.0)
    milp.require("capacity", busy, "<=", 0.0)


def _solution(
    problem: PlacementProblem,
    columns: Sequence[Candidate],
    model: _Model,
    answer: Answer,
) -> Solution:
    assignments = []
    for c in columns:
        # A solver's integers are floats near integers: int() would sell 1.9999999 as 1.
        machines = round(answer[model.machines[c.name]])
        rate = answer[model.routed[c.name]]
        if rate > NOISE_FRAC * problem.rate_rps[c.workload] and machines > 0:
            assignments.append(
                Assignment(candidate=c, machines=machines, rate_rps=rate)
            )
    routed: dict[str, float] = defaultdict(float)
    for a in assignments:
        routed[a.candidate.workload] += a.rate_rps
    exact = tuple(
        Assignment(
            candidate=a.candidate,
            machines=a.machines,
            rate_rps=a.rate_rps
            * problem.rate_rps[a.candidate.workload]
            / routed[a.candidate.workload],
        )
        for a in assignments
    )
    return Solution(
        assignments=exact,
        cost_usd_per_month=sum(assignment_usd_per_month(a) for a in exact),
        certificate=answer.certificate,
    )


def assignment_usd_per_month(a: Assignment) -> float:
    """The monthly bill of one assignment: its machines, and what each request costs."""
    machines = usd_per_month(a.candidate.offer.price_usd_per_h) * a.machines
    return machines + S_PER_MONTH * a.candidate.usd_per_request * a.rate_rps


def _unservable(problem: PlacementProblem) -> tuple[Shortfall, ...]:
    """Workloads that no column serves at all."""
    served = {c.workload for c in problem.candidates}
    return tuple(
        Shortfall(row="no candidate", subject=w, missing=rate, unit="requests/s")
        for w, rate in problem.rate_rps.items()
        if w not in served
    )
