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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import pulp

from planner.domain.placement import Verdict
from planner.errors import SolverUnavailableError
from planner.optimize.matrix import Matrix
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
# HiGHS' word for a point that satisfies every row.
FEASIBLE_POINT: Final = 2
# A row without variables holds if its bounds allow zero to the solvers' own tolerance.
FEASIBILITY: Final = 1e-9


# For programs of a few dozen columns, where heuristics cost more than the tree.
QUICK: Final[Mapping[str, Any]] = {
    "mip_heuristic_effort": 0.0,
    "mip_heuristic_run_rens": False,
    "mip_heuristic_run_rins": False,
    "mip_heuristic_run_root_reduced_cost": False,
    "mip_heuristic_run_shifting": False,
    "mip_heuristic_run_zi_round": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """HiGHS' words for where its columns and rows stood in a relaxed program."""

    columns: list[Any]
    rows: list[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a solver found and proved of one part; no values where it is infeasible."""

    verdict: Verdict
    values: FloatArray
    best: float
    bound: float
    reduced_costs: FloatArray = field(default_factory=lambda: np.zeros(0))
    row_prices: FloatArray = field(default_factory=lambda: np.zeros(0))
    basis: Basis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """With what, until when, and how close to the best."""

    solver: SolverName
    until_s: float
    gap_frac: float

    @property
    def left_s(self) -> float:
        """Seconds until then."""
        return max(self.until_s - time.perf_counter(), 0.0)


def by_highs(
    part: Matrix,
    effort: Effort,
    *,
    start: FloatArray | None = None,
    basis: Basis | None = None,
    is_relaxed: bool = False,
    **options: str | float,
) -> Found | None:
    """HiGHS' answer through PuLP; None where the limit passed before any.

    `basis` is that of a relaxed program which had the first of these rows and columns.
    """
    problem = pulp.LpProblem("part", pulp.LpMinimize)
    # HiGHS 1.16 spends 6 s on 290,000 columns jumping to a plan 80 % off the best; it
    # restarts where few columns are whole, which made Mélange's problems 1.2 × slower.
    engine = _ArrayHighs(
        part,
        start,
        basis,
        mip=not is_relaxed,
        msg=False,
        timeLimit=effort.left_s,
        gapRel=effort.gap_frac,
        parallel="off",
        mip_heuristic_run_feasibility_jump=False,
        mip_allow_restart=False,
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
        return Found(verdict=verdict, values=np.zeros(0), best=math.inf, bound=math.inf)
    point = problem.solverModel.getSolution()
    values = np.asarray(point.col_value)
    best = float(part.cost @ values)
    is_whole = is_relaxed or not part.integer.any()
    # What HiGHS proved no plan can beat.
    if is_whole:
        least = 0.0 if np.all(part.cost >= 0) else -math.inf
        bound = least if is_cut_short else best
    else:
        bound = float(about.mip_dual_bound)
    bound = min(best, bound)
    if best - bound <= effort.gap_frac * best:
        # The limit came while HiGHS had enough and looked for more.
        verdict = Verdict.OPTIMAL
    return Found(
        verdict=verdict,
        values=values,
        best=best,
        bound=bound,
        reduced_costs=np.asarray(point.col_dual),
        row_prices=np.asarray(point.row_dual),
        basis=_basis(problem.solverModel) if is_relaxed else None,
    )


class _ArrayHighs(pulp.HiGHS):  # type: ignore[misc]  # PuLP has no types
    """PuLP's HiGHS, given the whole program at once instead of row by row."""

    def __init__(
        self,
        part: Matrix,
        start: FloatArray | None,
        basis: Basis | None,
        **options: str | float,
    ) -> None:
        super().__init__(**options)
        self._part = part
        self._start = start
        self._basis = basis

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
        if self._basis is not None:
            _begin_with(lp.solverModel, self._basis, p)


def _basis(solver: Any) -> Basis:  # noqa: ANN401  # highspy has no types
    found = solver.getBasis()
    return Basis(columns=found.col_status, rows=found.row_status)


def _begin_with(solver: Any, basis: Basis, part: Matrix) -> None:  # noqa: ANN401
    """Columns that are new stand at their lower bound, rows that are new are slack."""
    begin = solver.getBasis()
    word = type(basis.columns[0])
    new_columns = len(part.cost) - len(basis.columns)
    new_rows = len(part.row_lower) - len(basis.rows)
    begin.col_status = [*basis.columns, *[word.kLower] * new_columns]
    begin.row_status = [*basis.rows, *[word.kBasic] * new_rows]
    begin.valid = True
    solver.setBasis(begin)


def by_cbc(part: Matrix, effort: Effort) -> Found | None:
    """CBC's answer through PuLP; None where the limit passed before any."""
    problem, columns = _in_pulp(part)
    problem.solve(_cbc(effort.left_s, effort.gap_frac))
    verdict = VERDICTS.get(problem.sol_status)
    if problem.status == pulp.LpStatusInfeasible:
        # CBC's presolve proves it without leaving a solution status behind.
        return Found(
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
    return Found(verdict=verdict, values=values, best=best, bound=bound)


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


def at_hand(solver: SolverName) -> SolverName:
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
def silent_stdout() -> Iterator[None]:
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
