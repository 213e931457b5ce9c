"""Buy the cheapest machines that serve every workload within its promise, hour by hour.

    sets      w workload   t hour block of h[t] hours a month   o offer
              c candidate: workload w(c) on machines of group g(c), run in one way
    choose    n[g,t]   whole machines of group g that are on; of what is paid by
                       request, the part of the offer's limit in use: n ≤ 1, not whole
              f[c,t]   share of its workload's requests routed to candidate c
              own[o]   boxes of the user's own that are used      (owned offers)
              com[m]   machines paid for all month under commitment m
              paid[o,t] machines paid by the hour beyond the committed ones
              awake[g,t] group g serves anyone (0/1; only with spares)
              y[c]     candidate c lives on its machines (only where memory or variety is
                       short; whole only where memory is)
              z[k]     kind k is used (0/1; configurations, providers, regions)
    minimise  Σ_o,t  h[t]·price[o]·paid[o,t]  +  730·Σ_o price[o]·own[o]
              + 730·Σ_m price[m]·com[m]
              + Σ_c,t  3600·h[t]·use[c]·rate[w,t]·f[c,t]                      USD/month
    demand    Σ_c∈w   f[c,t]                          =  1                    each w,t
    capacity  Σ_c∈g   rate[w,t]·f[c,t]/cap[c] + spare·awake[g,t]  ≤  n[g,t]   each g,t
              (by request: no spare)
              f[c,t]                                  ≤  awake[g,t]           each c∈g,t
    whole     a/(φ·u)·f[c,t] − n[g,t]                 ≤  a/φ − ⌈a⌉            each c alone in g, t
              a = u·rate[w,t]/cap[c], φ = a − ⌊a⌋, f ≤ u (spot: share, else 1);
              implied by whole n, and tighter
    owned     Σ_g∈o   n[g,t]                          ≤  own[o] ≤ stock[o]    each o,t
    hourly    Σ_g∈o   n[g,t] − Σ_m∈o com[m]           ≤  paid[o,t]            each o,t
    stock     Σ_g∈o   n[g,t]                          ≤  stock[o]             each o,t
    uplink    Σ_c∈u   bytes[c]·rate[w,t]·f[c,t]       ≤  bandwidth[u]         each u,t
    resident  f[c,t]                                  ≤  y[c]                 each c,t
    memory    Σ_c∈g   mem[c]·y[c]                     ≤  mem[o]               each shared g
    least     Σ_c∈w   m[c,t] = k,  Σ_c∈w,g m[c,t] ≤ n[g,t],  m[c,t] ≤ k·y[c]  each w,t
              by request: m[c,t] ≤ k·f[c,t] instead of n
    spot      Σ_c∈w,spot f[c,t]                       ≤  share                each w,t
    loss      Σ_c∈w∖d r[c,t,d] = part,  Σ_c∈g rate[w,t]·r/cap ≤ n[g,t],
              r ≤ y[c],  Σ_c∈u bytes[c]·rate·r ≤ bandwidth[u]                 each domain d
    offline   as `loss`, with every uplink lost and each workload's own part
    quality   Σ_c∈w,t h[t]·rate·(q[c] − floor[w])·f[c,t]  ≥  0                each w
    carbon    Σ_g,t   h[t]·gco2e[o]·n[g,t]            ≤  cap
    variety   Σ_k z[k] ≤ most,  y[c] ≤ z[k(c)]        configurations, providers, regions;
                                                      profiles of a workload
    budget    cost                                    ≤  budget

Without commitments paid[o,t] is Σ n itself and no variable. With rises of demand
(`planner.optimize.loads`) the left sides of `capacity` and `uplink` are what the
worst rises make of them. Objectives are made best in the order given, each kept
(to `KEPT_FRAC`) while the next one is. Where cost comes first the `budget` row
waits: the cheapest plan keeps it, or none does, and without it workloads and
hours that share nothing are solved apart (`planner.optimize.matrix`), and hours that
only month-long purchases tie together nearly so (`planner.optimize.decomposition`).
Rows that whole machines imply are added where they help (`planner.optimize.cuts`).
"""

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from planner.domain.placement import (
    Certificate,
    NoPlan,
    Objective,
    PlacementProblem,
    Solution,
    Verdict,
)
from planner.errors import SolverTimeoutError
from planner.optimize.columns import undominated
from planner.optimize.cuts import tighten
from planner.optimize.milp import SolverName
from planner.optimize.rows import add_rows, budget
from planner.optimize.search import Answer
from planner.optimize.solution import solution
from planner.optimize.start import start_values
from planner.optimize.terms import FloatArray, Terms
from planner.optimize.variables import Model, variables

# What came first may be worse by this much while the next objective is made best.
KEPT_FRAC: Final = 1e-6
# An aim of zero would leave no room at all for the solver's tolerance.
LEAST_KEPT: Final = 1e-3
# Among equals the nearest is taken, where asking again costs next to nothing.
MOST_TIED_COLUMNS: Final = 2000
# Part of the time that looking for tighter rows may take.
TIGHTEN_FRAC: Final = 0.2

Best = Callable[[Terms, FloatArray | None], Answer]


def place(
    problem: PlacementProblem,
    *,
    time_limit_s: float = 30.0,
    solver: SolverName = "highs",
    gap_frac: float = 0.0,
    start: Solution | None = None,
) -> Solution | NoPlan:
    """Solve the model above, to a proven gap of at most `gap_frac`.

    `start` is a plan of a similar problem, to begin with where it still keeps all rows.

    Raises:
        SolverTimeoutError: The limit passed before any plan was found.
        SolverUnavailableError: No solver can run here.
    """
    model = variables(problem, undominated(problem))
    add_rows(model)
    tightening_s = 0.0
    if solver == "highs":
        tightening_s = _tighten(model, time_limit_s * TIGHTEN_FRAC)

    def best(terms: Terms, start: FloatArray | None) -> Answer:
        model.milp.minimise(terms)
        return model.milp.solve(
            time_limit_s=time_limit_s - tightening_s,
            solver=solver,
            gap_frac=gap_frac,
            start=start,
        )

    known = None
    if start is not None and len(model.sets.columns) <= MOST_TIED_COLUMNS:
        known = start_values(model, start)
    answer = _first(model, best, known)
    proofs = [answer.certificate]
    for objective in problem.objectives[1:]:
        if answer.certificate.verdict is Verdict.INFEASIBLE:
            break
        _keep(model, answer)
        answer = best(_objective(model, objective), answer.values)
        proofs.append(answer.certificate)
    if answer.certificate.verdict is Verdict.INFEASIBLE:
        return NoPlan(certificate=answer.certificate)
    proof = _told(problem.objectives, proofs)
    return solution(model, _nearest(model, answer, best), proof)


def _told(
    objectives: Sequence[Objective], proofs: Sequence[Certificate]
) -> Certificate:
    """What was proved of money, where it is an aim; proved at all only if every aim is."""
    of = dict(zip(objectives, proofs, strict=True))
    proof = of.get(Objective.COST, proofs[0])
    weakest = any(p.verdict is Verdict.FEASIBLE for p in proofs)
    return replace(
        proof,
        verdict=Verdict.FEASIBLE if weakest else proof.verdict,
        solve_s=sum(p.solve_s for p in proofs),
    )


def _tighten(model: Model, time_limit_s: float) -> float:
    """Rows that the relaxation breaks, for the first objective; seconds it took."""
    began_s = time.perf_counter()
    until_s = began_s + time_limit_s
    model.milp.minimise(_objective(model, model.sets.problem.objectives[0]))

    def relaxed() -> tuple[float, FloatArray] | None:
        left_s = until_s - time.perf_counter()
        return model.milp.relaxed(time_limit_s=left_s) if left_s > 0 else None

    tighten(model, relaxed)
    return time.perf_counter() - began_s


def _first(model: Model, best: Best, known: FloatArray | None) -> Answer:
    """The first objective's best, within the budget; `known` may be beyond it."""
    problem = model.sets.problem
    limit = problem.limits.budget_usd_per_month
    terms = _objective(model, problem.objectives[0])
    if limit is None:
        return best(terms, known)
    if problem.objectives[0] is Objective.COST:
        cheapest = best(terms, known)
        proof = cheapest.certificate
        if proof.bound_value > limit * (1 + KEPT_FRAC):
            return replace(cheapest, certificate=_infeasible(proof))
        if proof.objective_value <= limit:
            return cheapest
    budget(model, limit)
    return best(terms, None)


def _infeasible(proof: Certificate) -> Certificate:
    """Proof that there is no plan: the best one costs more than allowed."""
    return replace(
        proof,
        verdict=Verdict.INFEASIBLE,
        objective_value=math.inf,
        bound_value=math.inf,
        gap_frac=0.0,
    )


def _nearest(model: Model, answer: Answer, best: Best) -> Answer:
    """Of all plans as good, the one with the shortest ways."""
    far = model.mean_network()
    is_known = answer.certificate.verdict is Verdict.OPTIMAL
    if (
        not is_known
        or len(model.sets.columns) > MOST_TIED_COLUMNS
        or not far.factor.any()
    ):
        return answer
    _keep(model, answer)
    with contextlib.suppress(SolverTimeoutError):
        nearest = best(far, answer.values)
        if nearest.certificate.verdict is not Verdict.INFEASIBLE:
            return nearest
    return answer


def _keep(model: Model, answer: Answer) -> None:
    model.milp.keep(answer, room_frac=KEPT_FRAC, least_room=LEAST_KEPT)


def _objective(model: Model, objective: Objective) -> Terms:
    return {
        Objective.COST: model.cost,
        Objective.LATENCY: model.mean_latency,
        Objective.QUALITY: model.mean_quality_loss,
        Objective.CARBON: model.carbon,
    }[objective]()
