"""Buy the cheapest machines that serve every workload within its promise, hour by hour.

    sets      w workload   t hour block of h[t] hours a month   o offer
              c candidate: workload w(c) on machines of group g(c), run in one way
    choose    n[g,t]   whole machines of group g that are on
              f[c,t]   requests/s routed to candidate c
              own[o]   boxes of the user's own that are used      (owned offers)
              com[m]   machines paid for all month under commitment m
              paid[o,t] machines paid by the hour beyond the committed ones
              y[c]     candidate c lives on its machines (0/1; only where a row needs it)
    minimise  Σ_o,t  h[t]·price[o]·paid[o,t]  +  730·Σ_o price[o]·own[o]
              + 730·Σ_m price[m]·com[m]  +  Σ_c,t  3600·h[t]·use[c]·f[c,t]   USD/month
    demand    Σ_c∈w   f[c,t]                          =  rate[w,t]            each w,t
    capacity  Σ_c∈g   f[c,t]/cap[c] + spare·y[c']     ≤  n[g,t]               each g,t (c'∈g)
    owned     Σ_g∈o   n[g,t]                          ≤  own[o] ≤ stock[o]    each o,t
    hourly    Σ_g∈o   n[g,t] − Σ_m∈o com[m]           ≤  paid[o,t]            each o,t
    stock     Σ_g∈o   n[g,t]                          ≤  stock[o]             each o,t
    uplink    Σ_c∈u   bytes[c]·f[c,t]                 ≤  bandwidth[u]         each u,t
    resident  f[c,t]                                  ≤  rate[w,t]·y[c]       each c,t
    memory    Σ_c∈g   mem[c]·y[c]                     ≤  mem[o]               each shared g
    least     Σ_c∈w   m[c,t] ≥ k,  m[c,t] ≤ n[g,t],  m[c,t] ≤ M·y[c]          each w,t
    spot      Σ_c∈w,spot f[c,t]                       ≤  share·rate[w,t]      each w,t
    loss      Σ_c∈w∖d r[c,t,d] ≥ part·rate[w,t],  Σ_c∈g r/cap ≤ n[g,t]        each domain d
    quality   Σ_c∈w,t h[t]·q[c]·f[c,t]                ≥  floor[w]·Σ_t h·rate  each w
    carbon    Σ_g,t   h[t]·gco2e[o]·n[g,t]            ≤  cap
    variety   Σ_k z[k] ≤ most,  y[c] ≤ z[k(c)]        configurations, providers, regions
    budget    cost                                    ≤  budget

Without commitments paid[o,t] is Σ n itself and no variable. Objectives are made
best in the order given, each kept (to `KEPT_FRAC`) while the next one is.
"""

import contextlib
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from planner.domain.hardware import Purchase
from planner.domain.placement import (
    Assignment,
    Candidate,
    Certificate,
    NoPlan,
    Objective,
    PlacementProblem,
    Purchased,
    Solution,
    Verdict,
)
from planner.errors import SolverTimeoutError
from planner.optimize.columns import undominated
from planner.optimize.milp import Answer, SolverName
from planner.optimize.rows import add_rows
from planner.optimize.variables import Model, Terms, variables
from planner.units import H_PER_MONTH, S_PER_H

# Routed rates below this share of a workload are the solver's tolerance, not traffic.
NOISE_FRAC: Final = 1e-6
# What came first may be worse by this much while the next objective is made best.
KEPT_FRAC: Final = 1e-6
# Among equals the nearest is taken, where asking again costs next to nothing.
MOST_TIED_COLUMNS: Final = 2000


def place(
    problem: PlacementProblem,
    *,
    time_limit_s: float = 30.0,
    solver: SolverName = "highs",
    gap_frac: float = 0.0,
) -> Solution | NoPlan:
    """Solve the model above, to a proven gap of at most `gap_frac`.

    Raises:
        SolverTimeoutError: The limit passed before any plan was found.
        SolverUnavailableError: No solver can run here.
    """
    model = variables(problem, undominated(problem))
    add_rows(model)

    def best(terms: Terms) -> Answer:
        model.milp.minimise(terms)
        return model.milp.solve(
            time_limit_s=time_limit_s, solver=solver, gap_frac=gap_frac
        )

    aims = [_objective(model, o) for o in problem.objectives]
    for terms in aims[:-1]:
        first = best(terms)
        if first.certificate.verdict is Verdict.INFEASIBLE:
            return NoPlan(certificate=first.certificate)
        _keep(model, terms, first)
    answer = best(aims[-1])
    if answer.certificate.verdict is Verdict.INFEASIBLE:
        return NoPlan(certificate=answer.certificate)
    proof = answer.certificate
    if proof.verdict is Verdict.OPTIMAL and len(model.columns) <= MOST_TIED_COLUMNS:
        _keep(model, aims[-1], answer)
        with contextlib.suppress(SolverTimeoutError):
            nearest = best(model.mean_network())
            if nearest.certificate.verdict is not Verdict.INFEASIBLE:
                answer = nearest
    return _solution(model, answer, proof)


def _keep(model: Model, terms: Terms, answer: Answer) -> None:
    """What was made best stays so while the next aim is."""
    found = answer.certificate.objective_value
    # A value of zero would leave no room at all for the solver's tolerance.
    room = KEPT_FRAC * max(abs(found), 1e-3)
    model.milp.require("kept", terms, "<=", found + room)


def _objective(model: Model, objective: Objective) -> Terms:
    return {
        Objective.COST: model.cost,
        Objective.LATENCY: model.mean_latency,
        Objective.QUALITY: model.mean_quality_loss,
        Objective.CARBON: model.carbon,
    }[objective]()


def _solution(model: Model, answer: Answer, proof: Certificate) -> Solution:
    rates = _rates(model, answer)
    machines = _machines(model, answer, rates)
    assignments = tuple(
        Assignment(candidate=c, rates_rps=rates[c.name], machines_on=machines[c.group])
        for c in model.columns
        if any(rates[c.name]) or _stands_by(model, answer, c, machines[c.group])
    )
    purchases = tuple(_purchases(model, answer, machines))
    return Solution(
        assignments=assignments,
        purchases=purchases,
        cost_usd_per_month=cost_usd_per_month(model.problem, assignments, purchases),
        certificate=proof,
    )


def _rates(model: Model, answer: Answer) -> dict[str, tuple[float, ...]]:
    """Traffic by candidate and block, without noise, adding up to the demand exactly."""
    found: dict[str, list[float]] = {c.name: [] for c in model.columns}
    for t in model.blocks():
        routed: dict[str, float] = defaultdict(float)
        raw: dict[str, float] = {}
        for c in model.columns:
            rate = answer[model.f[c.name, t]]
            raw[c.name] = rate if rate > NOISE_FRAC * model.problem.rate_rps[c.workload][t] else 0.0  # fmt: skip
            routed[c.workload] += raw[c.name]
        for c in model.columns:
            asked = model.problem.rate_rps[c.workload][t]
            whole = routed[c.workload]
            found[c.name].append(raw[c.name] * asked / whole if whole else 0.0)
    return {name: tuple(rates) for name, rates in found.items()}


def _machines(
    model: Model, answer: Answer, rates: Mapping[str, tuple[float, ...]]
) -> dict[str, tuple[int, ...]]:
    """Whole machines by group and block: no more than the rows need."""
    limits = model.problem.limits
    as_solved = bool(limits.survives or limits.least_machines)
    found = {}
    for g, members in model.groups.items():
        counts = []
        for t in model.blocks():
            # A solver's integers are floats near integers: int() would sell 1.9999999 as 1.
            solved = round(answer[model.n[g, t]])
            counts.append(solved if as_solved else _needed(model, members, rates, t))
        found[g] = tuple(counts)
    return found


def _needed(
    model: Model,
    members: Sequence[Candidate],
    rates: Mapping[str, tuple[float, ...]],
    t: int,
) -> int:
    busy = sum(rates[c.name][t] / c.capacity_rps for c in members)
    if busy == 0:
        return 0
    return math.ceil(busy - 1e-6) + model.problem.limits.spare_replicas


def _stands_by(
    model: Model, answer: Answer, c: Candidate, machines_on: Sequence[int]
) -> bool:
    """Machines that serve nobody until something is lost are part of the plan, too."""
    lives = c.name not in model.y or answer[model.y[c.name]] > 0.5
    return any(machines_on) and c.pool is None and lives


def _purchases(
    model: Model, answer: Answer, machines: Mapping[str, tuple[int, ...]]
) -> list[Purchased]:
    found = []
    for o, offer in model.offers.items():
        on = [sum(machines[g][t] for g in model.groups_of[o]) for t in model.blocks()]
        if not any(on):
            continue
        if offer.purchase is Purchase.OWNED:
            found.append(
                Purchased(offer=offer, kept=max(on), paid_by_hour=(0,) * len(on))
            )
            continue
        covered = 0
        for m in model.problem.commitments:
            kept = round(answer[model.com[m.name]]) if m.name in model.com else 0
            if m.pays_for == o and kept:
                covered += kept
                found.append(
                    Purchased(
                        offer=offer,
                        kept=kept,
                        paid_by_hour=(0,) * len(on),
                        commitment=m,
                    )
                )
        beyond = tuple(max(0, count - covered) for count in on)
        if any(beyond):
            found.append(Purchased(offer=offer, kept=0, paid_by_hour=beyond))
    return found


def cost_usd_per_month(
    problem: PlacementProblem,
    assignments: Sequence[Assignment],
    purchases: Sequence[Purchased],
) -> float:
    """The month's bill: machines kept, machines by the hour, and what requests cost."""
    requests = sum(
        S_PER_H * block.h_per_month * a.candidate.usd_per_request * rate
        for a in assignments
        for block, rate in zip(problem.blocks, a.rates_rps, strict=True)
    )
    return requests + sum(purchase_usd_per_month(problem, p) for p in purchases)


def purchase_usd_per_month(problem: PlacementProblem, p: Purchased) -> float:
    """What one purchase adds to the month's bill."""
    hourly = p.commitment.usd_per_h if p.commitment else p.offer.price_usd_per_h
    by_hour = sum(
        block.h_per_month * count
        for block, count in zip(problem.blocks, p.paid_by_hour, strict=True)
    )
    return hourly * p.kept * H_PER_MONTH + p.offer.price_usd_per_h * by_hour
