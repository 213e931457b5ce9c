"""The one door to PuLP: a mixed-integer linear program, its verdict and its proof.

Programs are kept as arrays. PuLP's own classes hold a Python object per
coefficient, which at 300,000 columns takes longer than HiGHS takes to solve
them; so the arrays are handed whole to the HiGHS object that `pulp.HiGHS` makes,
and only CBC, the fallback and the cross-check, is given PuLP's own classes.
"""

import contextlib
import ctypes
import math
import os
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np
import pulp

from planner.domain.placement import Certificate, Verdict
from planner.errors import SolverTimeoutError, SolverUnavailableError
from planner.optimize.matrix import Matrix, parts
from planner.optimize.sifting import LOOKS_COLUMNS_PER_ROW, is_large, promising
from planner.optimize.terms import FloatArray

SolverName = Literal["highs", "cbc"]
# `status` calls a mere incumbent at a time limit Optimal; `sol_status` does not.
VERDICTS: Final = {
    pulp.LpSolutionOptimal: Verdict.OPTIMAL,
    pulp.LpSolutionIntegerFeasible: Verdict.FEASIBLE,
    pulp.LpSolutionInfeasible: Verdict.INFEASIBLE,
}
# HiGHS' words for "by rows" and "minimise" where a model is passed as arrays.
BY_ROWS: Final = 2
MINIMISE: Final = 1
# A look at few columns is for a good plan, not for a proof.
LOOK_FRAC: Final = 0.2
LOOK_GAP_FRAC: Final = 1e-3
# HiGHS' word for a point that satisfies every row.
FEASIBLE_POINT: Final = 2
# A row without variables holds if its bounds allow zero to the solvers' own tolerance.
FEASIBILITY: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Values by variable (empty where infeasible) and what was proved."""

    values: FloatArray
    certificate: Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    verdict: Verdict
    values: FloatArray
    best: float
    bound: float
    reduced_costs: FloatArray = field(default_factory=lambda: np.zeros(0))


def solve(
    whole: Matrix,
    *,
    time_limit_s: float,
    solver: SolverName = "highs",
    gap_frac: float = 0.0,
    start: FloatArray | None = None,
) -> Answer:
    """The best values to that relative gap, or a proof that there are none.

    Parts that share no row are solved one after the other. `start` holds values
    known to satisfy every row, for HiGHS to begin with.

    Raises:
        SolverUnavailableError: No solver of that name can run here.
        SolverTimeoutError: The limit passed before any plan was found.
    """
    began_s = time.perf_counter()
    solver = _at_hand(solver)
    # A variable in no row and no term is best at zero.
    values = np.zeros(len(whole.cost))
    found: list[_Found] = []
    with _silent_stdout():
        for part in parts(whole):
            effort = _Effort(
                solver=solver,
                until_s=began_s + time_limit_s,
                gap_frac=gap_frac,
            )
            known = None if start is None else start[part.variable]
            one = _solve_part(part, effort, known)
            if one is None:
                raise _timed_out(solver, time_limit_s)
            found.append(one)
            if one.verdict is Verdict.INFEASIBLE:
                break
            values[part.variable] = one.values
    return _answer(found, values, solver, time.perf_counter() - began_s)


def _answer(
    found: list[_Found], values: FloatArray, solver: SolverName, took_s: float
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Effort:
    """With what, until when, and how close to the best."""

    solver: SolverName
    until_s: float
    gap_frac: float

    @property
    def left_s(self) -> float:
        return max(self.until_s - time.perf_counter(), 0.0)

    def look(self) -> "_Effort":
        """A part of it, for a look that may not be the last."""
        return replace(
            self,
            until_s=time.perf_counter() + LOOK_FRAC * self.left_s,
            gap_frac=max(self.gap_frac, LOOK_GAP_FRAC),
        )


def _solve_part(
    part: Matrix, effort: _Effort, start: FloatArray | None
) -> _Found | None:
    """What was found and proved; None where the limit passed before either."""
    if not len(part.cost):
        return _nothing(part)
    if effort.solver == "cbc":
        return _by_cbc(part, effort)
    if start is None and is_large(part):
        return _by_sifting(part, effort)
    return _by_highs(part, effort, start=start)


def _nothing(part: Matrix) -> _Found:
    """Rows without variables hold at zero or not at all."""
    holds = np.all(part.row_lower <= FEASIBILITY) and np.all(
        part.row_upper >= -FEASIBILITY
    )
    told = Verdict.OPTIMAL if holds else Verdict.INFEASIBLE
    return _Found(verdict=told, values=np.zeros(0), best=0.0, bound=0.0)


def _by_sifting(part: Matrix, effort: _Effort) -> _Found | None:
    """A few promising columns first; all of them only where that proves too little."""
    relaxed = _by_highs(part, effort, is_relaxed=True, presolve="off")
    if relaxed is None or relaxed.verdict is not Verdict.OPTIMAL:
        return relaxed
    enough = relaxed.best / (1 - effort.gap_frac)
    best: FloatArray | None = None
    for size in LOOKS_COLUMNS_PER_ROW:
        few = promising(part, relaxed.values, relaxed.reduced_costs, size)
        known = None if best is None else best[few.variable]
        some = _by_highs(few, effort.look(), start=known, objective_target=enough)
        if some is None or some.verdict is Verdict.INFEASIBLE:
            continue
        best = np.zeros(len(part.cost))
        best[few.variable] = some.values
        if some.best <= enough:
            return _Found(
                verdict=Verdict.OPTIMAL,
                values=best,
                best=some.best,
                bound=relaxed.best,
            )
    whole = _by_highs(part, effort, start=best)
    if whole is None or whole.verdict is Verdict.INFEASIBLE:
        return whole
    return replace(whole, bound=max(whole.bound, relaxed.best))


def _by_highs(
    part: Matrix,
    effort: _Effort,
    *,
    start: FloatArray | None = None,
    is_relaxed: bool = False,
    **options: str | float,
) -> _Found | None:
    problem = pulp.LpProblem("part", pulp.LpMinimize)
    # HiGHS 1.16 spends 6 s on 290,000 columns jumping to a plan 80 % off the best.
    engine = _ArrayHighs(
        part,
        start,
        mip=not is_relaxed,
        msg=False,
        timeLimit=effort.left_s,
        gapRel=effort.gap_frac,
        mip_heuristic_run_feasibility_jump=False,
        **options,
    )
    problem.solve(engine)
    verdict = VERDICTS.get(problem.sol_status)
    about = problem.solverModel.getInfo()
    is_cut_short = verdict is Verdict.FEASIBLE
    if verdict is None or (
        # At its limit PuLP calls any LP point a plan.
        is_cut_short and about.primal_solution_status != FEASIBLE_POINT
    ):
        return None
    if verdict is Verdict.INFEASIBLE:
        return _Found(
            verdict=verdict, values=np.zeros(0), best=math.inf, bound=math.inf
        )
    point = problem.solverModel.getSolution()
    values = np.asarray(point.col_value)
    best = float(part.cost @ values)
    is_whole = is_relaxed or not part.integer.any()
    # What HiGHS proved no plan can beat; costs are never negative.
    bound = (0.0 if is_cut_short else best) if is_whole else float(about.mip_dual_bound)
    bound = min(best, bound)
    if best - bound <= effort.gap_frac * best:
        # The limit came while HiGHS had enough and looked for more.
        verdict = Verdict.OPTIMAL
    return _Found(
        verdict=verdict,
        values=values,
        best=best,
        bound=bound,
        reduced_costs=np.asarray(point.col_dual),
    )


class _ArrayHighs(pulp.HiGHS):  # type: ignore[misc]  # PuLP has no types
    """PuLP's HiGHS, given the whole program at once instead of row by row."""

    def __init__(
        self, part: Matrix, start: FloatArray | None, **options: str | float
    ) -> None:
        super().__init__(**options)
        self._part = part
        self._start = start

    def buildSolverModel(self, lp: pulp.LpProblem) -> None:  # noqa: N802  # PuLP's name
        """Called by PuLP when the HiGHS object stands and its options are set."""
        p = self._part
        lp.solverModel.passModel(
            len(p.cost),
            len(p.row_lower),
            len(p.value),
            BY_ROWS,
            MINIMISE,
            0.0,
            p.cost,
            np.zeros(len(p.cost)),
            p.upper,
            p.row_lower,
            p.row_upper,
            p.start.astype(np.int32),
            p.index.astype(np.int32),
            p.value,
            (p.integer if self.mip else np.zeros_like(p.integer)).astype(np.int32),
        )
        # PuLP reads values back into its own variables: here only its dummy objective.
        for variable in lp.variables():
            variable.index = 0
        if self._start is not None:
            columns = np.arange(len(p.cost), dtype=np.int32)
            lp.solverModel.setSolution(len(columns), columns, self._start)


def _by_cbc(part: Matrix, effort: _Effort) -> _Found | None:
    problem, columns = _in_pulp(part)
    problem.solve(_cbc(effort.left_s, effort.gap_frac))
    verdict = VERDICTS.get(problem.sol_status)
    if problem.status == pulp.LpStatusInfeasible:
        # CBC's presolve proves it without leaving a solution status behind.
        return _Found(
            verdict=Verdict.INFEASIBLE,
            values=np.zeros(0),
            best=math.inf,
            bound=math.inf,
        )
    if verdict is None:
        return None
    values = np.array([float(v.varValue or 0.0) for v in columns])
    best = float(part.cost @ values)
    # PuLP does not pass CBC's bound on; costs are never negative.
    bound = best if verdict is Verdict.OPTIMAL else 0.0
    return _Found(verdict=verdict, values=values, best=best, bound=bound)


def _in_pulp(part: Matrix) -> tuple[pulp.LpProblem, list[pulp.LpVariable]]:
    """The program in PuLP's own classes."""
    problem = pulp.LpProblem("part", pulp.LpMinimize)
    columns = [
        problem.add_variable(
            f"x_{i}",
            0,
            None if math.isinf(upper) else upper,
            pulp.LpInteger if integer else pulp.LpContinuous,
        )
        for i, (upper, integer) in enumerate(
            zip(part.upper.tolist(), part.integer.tolist(), strict=True)
        )
    ]
    problem.setObjective(
        pulp.LpAffineExpression(list(zip(columns, part.cost.tolist(), strict=True)))
    )
    for i, (lower, upper) in enumerate(
        zip(part.row_lower.tolist(), part.row_upper.tolist(), strict=True)
    ):
        entries = slice(part.start[i], part.start[i + 1])
        row = pulp.LpAffineExpression(
            [
                (columns[j], factor)
                for j, factor in zip(
                    part.index[entries].tolist(),
                    part.value[entries].tolist(),
                    strict=True,
                )
            ]
        )
        if lower == upper:
            sense, right = pulp.LpConstraintEQ, upper
        elif math.isinf(upper):
            sense, right = pulp.LpConstraintGE, lower
        else:
            sense, right = pulp.LpConstraintLE, upper
        problem += pulp.LpConstraint(row, sense, f"row_{i}", right)
    return problem, columns


def _at_hand(solver: SolverName) -> SolverName:
    """The solver asked for; CBC where HiGHS cannot run.

    Raises:
        SolverUnavailableError: Neither can.
    """
    if solver == "highs" and pulp.HiGHS(msg=False).available():
        return "highs"
    if not _cbc(1.0, 0.0).available():
        raise SolverUnavailableError(
            "neither HiGHS nor CBC can run here: pip install highspy"
        )
    return "cbc"


def _cbc(time_limit_s: float, gap_frac: float) -> pulp.LpSolver:
    with warnings.catch_warnings():
        # PuLP 3 carries CBC but warns that PuLP 4, which we exclude, will not.
        warnings.simplefilter("ignore", DeprecationWarning)
        return pulp.PULP_CBC_CMD(msg=False, timeLimit=time_limit_s, gapRel=gap_frac)


@contextlib.contextmanager
def _silent_stdout() -> Iterator[None]:
    """Send file descriptor 1 nowhere for a while.

    HiGHS 1.16 greets from C++ when its first model is made, whatever it is told,
    and `--json` promises one document on stdout.
    """
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:
        # Whoever started us closed stdout: there is nothing to keep clean.
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
        ctypes.CDLL(None).fflush(None)
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
