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
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pulp
from numpy.typing import ArrayLike, NDArray

from planner.domain.placement import Certificate, Verdict
from planner.errors import SolverTimeoutError, SolverUnavailableError
from planner.optimize.matrix import Matrix, by_rows, parts
from planner.optimize.terms import FloatArray, IntArray, Terms, sums_by

SolverName = Literal["highs", "cbc"]
Sense = Literal["<=", "==", ">="]
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


class Milp:
    """Minimise a linear objective over linear rows; variables are at least zero."""

    def __init__(self) -> None:
        self._upper: list[FloatArray] = []
        self._integer: list[NDArray[np.bool_]] = []
        self._n_variables = 0
        self._entries: list[Terms] = []
        self._row_lower: list[FloatArray] = []
        self._row_upper: list[FloatArray] = []
        self._n_rows = 0
        self._objective: FloatArray = np.zeros(0)

    def variables(
        self,
        shape: int | tuple[int, ...],
        *,
        upper: ArrayLike = math.inf,
        integer: ArrayLike = False,
    ) -> IntArray:
        """Numbers of new variables, in an array of that shape."""
        first = self._n_variables
        numbers = first + np.arange(int(np.prod(shape))).reshape(shape)
        self._n_variables += numbers.size
        self._upper.append(
            np.broadcast_to(np.asarray(upper, dtype=np.float64), numbers.shape).ravel()
        )
        self._integer.append(
            np.broadcast_to(np.asarray(integer, dtype=np.bool_), numbers.shape).ravel()
        )
        return numbers

    def require(self, left: Terms, sense: Sense, right: ArrayLike) -> None:
        """A family of rows: as many as there are right-hand sides."""
        rights = np.atleast_1d(np.asarray(right, dtype=np.float64))
        unbounded = np.full(len(rights), math.inf)
        self._row_lower.append(-unbounded if sense == "<=" else rights)
        self._row_upper.append(unbounded if sense == ">=" else rights)
        self._entries.append(
            Terms(row=left.row + self._n_rows, variable=left.variable, factor=left.factor)
        )  # fmt: skip
        self._n_rows += len(rights)

    def minimise(self, terms: Terms) -> None:
        """The objective; replaces the one before."""
        self._objective = sums_by(terms.variable, terms.factor, self._n_variables)

    def keep(self, answer: Answer, *, room_frac: float, least_room: float) -> None:
        """Let the objective, in every part of its own, get no worse than it is now."""
        kept: list[Terms] = []
        rights: list[float] = []
        for part in parts(self.matrix()):
            priced = np.flatnonzero(part.cost)
            if not len(priced):
                continue
            found = float(part.cost @ answer.values[part.variable])
            row = np.full(len(priced), len(rights))
            kept.append(
                Terms(row=row, variable=part.variable[priced], factor=part.cost[priced])
            )
            rights.append(found + room_frac * max(abs(found), least_room))
        for i, terms in enumerate(kept):
            self.require(
                Terms(row=terms.row - i, variable=terms.variable, factor=terms.factor),
                "<=",
                rights[i],
            )

    def matrix(self) -> Matrix:
        """The whole program as it stands."""
        n = self._n_variables
        start, index, value = by_rows(
            _joined([e.row for e in self._entries]).astype(np.int64),
            _joined([e.variable for e in self._entries]).astype(np.int64),
            _joined([e.factor for e in self._entries]),
            n_rows=self._n_rows,
            n_columns=n,
        )
        cost = np.zeros(n)
        cost[: len(self._objective)] = self._objective
        return Matrix(
            cost=cost,
            upper=_joined(self._upper),
            integer=_joined(self._integer).astype(np.bool_),
            row_lower=_joined(self._row_lower),
            row_upper=_joined(self._row_upper),
            start=start,
            index=index,
            value=value,
            variable=np.arange(n),
        )

    def solve(
        self,
        *,
        time_limit_s: float,
        solver: SolverName = "highs",
        gap_frac: float = 0.0,
        start: FloatArray | None = None,
    ) -> Answer:
        """The best values to that relative gap, or a proof that there are none.

        `start` holds values known to satisfy every row, for HiGHS to begin with.

        Raises:
            SolverUnavailableError: No solver of that name can run here.
            SolverTimeoutError: The limit passed before any plan was found.
        """
        began_s = time.perf_counter()
        solver = _at_hand(solver)
        # A variable in no row and no term is best at zero.
        values = np.zeros(self._n_variables)
        found: list[_Found] = []
        with _silent_stdout():
            for part in parts(self.matrix()):
                left_s = max(time_limit_s - (time.perf_counter() - began_s), 0.0)
                known = None if start is None else start[part.variable]
                one = _solve_part(part, solver, left_s, gap_frac, known)
                if one is None:
                    raise _timed_out(solver, time_limit_s)
                found.append(one)
                if one.verdict is Verdict.INFEASIBLE:
                    break
                values[part.variable] = one.values
        return _answer(found, values, solver, time.perf_counter() - began_s)


def _joined(arrays: list[FloatArray] | list[IntArray] | list[NDArray[np.bool_]]) -> FloatArray:  # fmt: skip
    return np.concatenate(arrays) if arrays else np.zeros(0)


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


def _solve_part(
    part: Matrix,
    solver: SolverName,
    time_limit_s: float,
    gap_frac: float,
    start: FloatArray | None,
) -> _Found | None:
    """What was found and proved; None where the limit passed before either."""
    if not len(part.cost):
        holds = np.all(part.row_lower <= FEASIBILITY) and np.all(
            part.row_upper >= -FEASIBILITY
        )
        told = Verdict.OPTIMAL if holds else Verdict.INFEASIBLE
        return _Found(verdict=told, values=np.zeros(0), best=0.0, bound=0.0)
    problem = pulp.LpProblem("part", pulp.LpMinimize)
    if solver == "highs":
        engine = _ArrayHighs(part, start, time_limit_s=time_limit_s, gap_frac=gap_frac)
        problem.solve(engine)
        values = np.asarray(problem.solverModel.getSolution().col_value)
        if not _has_plan(problem):
            return None
    else:
        values = _solve_with_cbc(problem, part, time_limit_s, gap_frac)
    verdict: Verdict | None = VERDICTS.get(problem.sol_status)
    if problem.status == pulp.LpStatusInfeasible:
        # CBC's presolve proves it without leaving a solution status behind.
        verdict = Verdict.INFEASIBLE
    if verdict is None:
        return None
    if verdict is Verdict.INFEASIBLE:
        return _Found(verdict=verdict, values=values, best=math.inf, bound=math.inf)
    best = float(part.cost @ values)
    bound = min(best, _bound(problem, part, verdict, best, solver))
    return _Found(verdict=verdict, values=values, best=best, bound=bound)


def _has_plan(problem: pulp.LpProblem) -> bool:
    """A plan or a proof: at its limit PuLP calls any LP point a plan."""
    is_cut_short = problem.sol_status == pulp.LpSolutionIntegerFeasible
    return not is_cut_short or problem.solverModel.getInfo().primal_solution_status == FEASIBLE_POINT  # fmt: skip


def _bound(
    problem: pulp.LpProblem,
    part: Matrix,
    verdict: Verdict,
    best: float,
    solver: SolverName,
) -> float:
    """What the solver proved no plan can beat."""
    if solver == "cbc":
        # PuLP does not pass CBC's bound on; costs are never negative.
        return best if verdict is Verdict.OPTIMAL else 0.0
    if part.integer.any():
        return float(problem.solverModel.getInfo().mip_dual_bound)
    return best if verdict is Verdict.OPTIMAL else 0.0


class _ArrayHighs(pulp.HiGHS):  # type: ignore[misc]  # PuLP has no types
    """PuLP's HiGHS, given the whole program at once instead of row by row."""

    def __init__(
        self,
        part: Matrix,
        start: FloatArray | None,
        *,
        time_limit_s: float,
        gap_frac: float,
    ) -> None:
        super().__init__(msg=False, timeLimit=time_limit_s, gapRel=gap_frac)
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
            p.integer.astype(np.int32),
        )
        # PuLP reads values back into its own variables: here only its dummy objective.
        for variable in lp.variables():
            variable.index = 0
        if self._start is not None:
            columns = np.arange(len(p.cost), dtype=np.int32)
            lp.solverModel.setSolution(len(columns), columns, self._start)


def _solve_with_cbc(
    problem: pulp.LpProblem, part: Matrix, time_limit_s: float, gap_frac: float
) -> FloatArray:
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
    problem.solve(_cbc(time_limit_s, gap_frac))
    return np.array([float(v.varValue or 0.0) for v in columns])


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
