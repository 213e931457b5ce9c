"""How a program is searched: part by part, and a large part first where it promises most.

Parts that share no row (`planner.optimize.matrix`) are solved one after the other.
A large part is relaxed first, which bounds every plan from below; then

    looks     a few columns of it are solved (`planner.optimize.sifting`)
    polish    where columns tie hours together (machines kept all month), these are held
              and the hours, apart, chosen anew; then the hours are held and the ties
              chosen anew, until neither gains

and only what that leaves unproved goes to HiGHS whole, with the plan to begin with.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from planner.domain.placement import Certificate, Verdict
from planner.errors import SolverTimeoutError
from planner.optimize.decomposition import Tied, decomposed, tied
from planner.optimize.matrix import Matrix, parts, without
from planner.optimize.milp import (
    FEASIBILITY,
    Basis,
    Effort,
    Found,
    SolverName,
    at_hand,
    by_cbc,
    by_highs,
    silent_stdout,
)
from planner.optimize.sifting import LOOKS_COLUMNS_PER_ROW, is_large, promising
from planner.optimize.terms import BoolArray, FloatArray

# A try is for a good plan, not for a proof: parts of what time is left, and its gap.
LOOK_FRAC: Final = 0.2
FIRST_FRAC: Final = 0.2
PIECES_FRAC: Final = 0.7
POLISH_FRAC: Final = 0.8
TRY_GAP_FRAC: Final = 1e-3
# Polishing that gains less than this part of the cost has come to its end.
LEAST_GAIN_FRAC: Final = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Values by variable (empty where infeasible) and what was proved."""

    values: FloatArray
    certificate: Certificate


def solve(
    whole: Matrix,
    *,
    time_limit_s: float,
    solver: SolverName = "highs",
    gap_frac: float = 0.0,
    start: FloatArray | None = None,
    basis: Basis | None = None,
) -> Answer:
    """The best values to that relative gap, or a proof that there are none.

    Parts that share no row are solved one after the other. `start` holds values
    known to satisfy every row, for HiGHS to begin with; `basis` is that of the
    same program without whole numbers.

    Raises:
        SolverUnavailableError: No solver of that name can run here.
        SolverTimeoutError: The limit passed before any plan was found.
    """
    began_s = time.perf_counter()
    solver = at_hand(solver)
    # A variable in no row and no term is best at zero.
    values = np.zeros(len(whole.cost))
    found: list[Found] = []
    with silent_stdout():
        for part in parts(whole):
            effort = Effort(
                solver=solver,
                until_s=began_s + time_limit_s,
                gap_frac=gap_frac,
            )
            known = None if start is None else start[part.variable]
            one = _solve_part(part, effort, known, basis if part is whole else None)
            if one is None:
                raise _timed_out(solver, time_limit_s)
            found.append(one)
            if one.verdict is Verdict.INFEASIBLE:
                break
            values[part.variable] = one.values
    return _answer(found, values, solver, time.perf_counter() - began_s)


def relaxed(
    whole: Matrix, *, time_limit_s: float, basis: Basis | None = None
) -> Found | None:
    """The best values without whole numbers; None where there are none in time.

    `basis` is that of the same program with fewer rows or columns.
    """
    effort = Effort(
        solver="highs", until_s=time.perf_counter() + time_limit_s, gap_frac=0.0
    )
    with silent_stdout():
        found = by_highs(whole, effort, is_relaxed=True, basis=basis)
    return found if found and found.verdict is Verdict.OPTIMAL else None


def _answer(
    found: list[Found], values: FloatArray, solver: SolverName, took_s: float
) -> Answer:
    verdicts = {f.verdict for f in found}
    is_infeasible = Verdict.INFEASIBLE in verdicts
    best = math.inf if is_infeasible else sum(f.best for f in found)
    bound = math.inf if is_infeasible else sum(f.bound for f in found)
    verdict = Verdict.OPTIMAL
    if is_infeasible:
        verdict = Verdict.INFEASIBLE
    elif Verdict.FEASIBLE in verdicts:
        verdict = Verdict.FEASIBLE
    proof = Certificate(
        solver={"highs": "HiGHS", "cbc": "CBC"}[solver],
        verdict=verdict,
        objective_value=best,
        bound_value=bound,
        gap_frac=(best - bound) / best if 0 < best < math.inf else 0.0,
        solve_s=took_s,
    )
    return Answer(values=np.zeros(0) if is_infeasible else values, certificate=proof)


def _timed_out(solver: SolverName, time_limit_s: float) -> SolverTimeoutError:
    name = {"highs": "HiGHS", "cbc": "CBC"}[solver]
    return SolverTimeoutError(
        f"{name} found no plan and no proof in {time_limit_s:g} s; "
        "raise --time-limit, or ask for fewer regions or instance types"
    )


def _solve_part(
    part: Matrix, effort: Effort, start: FloatArray | None, basis: Basis | None
) -> Found | None:
    """What was found and proved; None where the limit passed before either."""
    if not len(part.cost):
        return _nothing(part)
    if effort.solver == "cbc":
        return by_cbc(part, effort)
    apart = tied(part)
    if apart is not None and apart.is_worth_it:
        return _by_pieces(apart, effort, start, basis)
    if start is None and is_large(part):
        return _by_sifting(part, effort)
    return by_highs(part, effort, start=start)


def _nothing(part: Matrix) -> Found:
    """Rows without variables hold at zero or not at all."""
    holds = np.all(part.row_lower <= FEASIBILITY) and np.all(
        part.row_upper >= -FEASIBILITY
    )
    told = Verdict.OPTIMAL if holds else Verdict.INFEASIBLE
    return Found(verdict=told, values=np.zeros(0), best=0.0, bound=0.0)


def _by_pieces(
    apart: Tied, effort: Effort, start: FloatArray | None, basis: Basis | None
) -> Found | None:
    part = apart.whole
    relaxed = by_highs(part, effort, is_relaxed=True, basis=basis)
    if relaxed is None or relaxed.verdict is not Verdict.OPTIMAL:
        return relaxed
    first = _kept_as_relaxed(part, _some_of(effort, FIRST_FRAC), relaxed)
    plans = [plan for plan in (start, first) if plan is not None]
    last, bound = decomposed(
        apart, _some_of(effort, PIECES_FRAC), relaxed.row_prices, plans
    )
    if last is not None:
        plans.append(last)
    bound = max(bound, relaxed.best)
    best: Found | None = None
    if plans:
        cheapest = min(plans, key=lambda plan: float(part.cost @ plan))
        polished = _polished(part, _some_of(effort, POLISH_FRAC), cheapest)
        best = _plan(part, polished, bound)
        if best.best - best.bound <= effort.gap_frac * best.best:
            return replace(best, verdict=Verdict.OPTIMAL)
    whole = by_highs(part, effort, start=None if best is None else best.values)
    if whole is None or whole.verdict is Verdict.INFEASIBLE:
        return whole or best
    return replace(whole, bound=min(whole.best, max(whole.bound, bound)))


def _kept_as_relaxed(part: Matrix, effort: Effort, relaxed: Found) -> FloatArray | None:
    """What is kept all month as the relaxation has it, in whole numbers, and hours apart."""
    ties = part.linking & part.integer
    values = np.where(ties, np.round(relaxed.values), 0.0)
    return _rechosen(part, effort, values, held=ties, known=False)


def _plan(part: Matrix, values: FloatArray, bound: float) -> Found:
    cost = float(part.cost @ values)
    return Found(
        verdict=Verdict.FEASIBLE, values=values, best=cost, bound=min(cost, bound)
    )


def _by_sifting(part: Matrix, effort: Effort) -> Found | None:
    relaxed = by_highs(part, effort, is_relaxed=True, presolve="off")
    if relaxed is None or relaxed.verdict is not Verdict.OPTIMAL:
        return relaxed
    best: Found | None = None
    for best in _looks(part, effort, relaxed):
        if best.best - best.bound <= effort.gap_frac * best.best:
            return replace(best, verdict=Verdict.OPTIMAL)
    start = None if best is None else best.values
    whole = by_highs(part, effort, start=start)
    if whole is None or whole.verdict is Verdict.INFEASIBLE:
        return whole or best
    return replace(whole, bound=max(whole.bound, relaxed.best))


def _looks(part: Matrix, effort: Effort, relaxed: Found) -> Iterator[Found]:
    """Plans of a few columns, then of more."""
    enough = relaxed.best / (1 - effort.gap_frac)
    start: FloatArray | None = None
    for size in LOOKS_COLUMNS_PER_ROW:
        few = promising(part, relaxed.values, relaxed.reduced_costs, size)
        some = _few_solved(few, _some_of(effort, LOOK_FRAC), start, enough)
        if some is None or some.verdict is Verdict.INFEASIBLE:
            continue
        start = np.zeros(len(part.cost))
        start[few.variable] = some.values
        yield _plan(part, start, relaxed.best)


def _few_solved(
    few: Matrix, effort: Effort, start: FloatArray | None, enough: float
) -> Found | None:
    if not len(few.cost):
        return _nothing(few)
    return by_highs(
        few,
        effort,
        start=None if start is None else start[few.variable],
        objective_target=enough,
    )


def _some_of(effort: Effort, time_frac: float) -> Effort:
    """A part of it, for a try that may not be the last."""
    return replace(
        effort,
        until_s=time.perf_counter() + time_frac * effort.left_s,
        gap_frac=max(effort.gap_frac, TRY_GAP_FRAC),
    )


def _polished(part: Matrix, effort: Effort, values: FloatArray) -> FloatArray:
    """The plan after holding the ties and choosing the hours, and the other way, in turns."""
    cost = math.inf if part.linking.any() else -math.inf
    while effort.left_s > 0 and float(part.cost @ values) < cost * (1 - LEAST_GAIN_FRAC):  # fmt: skip
        cost = float(part.cost @ values)
        for held in (part.linking & part.integer, part.integer & ~part.linking):
            again = _rechosen(part, effort, values, held=held, known=True)
            if again is not None and part.cost @ again < part.cost @ values:
                values = again
    return values


def _rechosen(
    part: Matrix, effort: Effort, values: FloatArray, *, held: BoolArray, known: bool
) -> FloatArray | None:
    """Everything but the held columns chosen anew, part by part of what is left.

    Values that are `known` to be a plan stay where nothing better is found in time.
    """
    whole = np.where(part.integer, np.round(values), values)
    better = whole.copy()
    rests = [
        r for r in parts(without(part, np.flatnonzero(held), whole)) if len(r.cost)
    ]
    for i, rest in enumerate(rests):
        found = by_highs(
            rest,
            _some_of(effort, 1 / (len(rests) - i)),
            start=whole[rest.variable] if known else None,
        )
        if found is not None and found.verdict is not Verdict.INFEASIBLE:
            better[rest.variable] = found.values
        elif not known:
            return None
    return better
