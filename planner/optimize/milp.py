"""The one door to PuLP: a mixed-integer linear program, its verdict and its proof."""

import contextlib
import ctypes
import math
import os
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NewType

import pulp

from planner.domain.placement import Certificate, Verdict
from planner.errors import SolverTimeoutError, SolverUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

Variable = NewType("Variable", int)
SolverName = Literal["highs", "cbc"]
Sense = Literal["<=", "==", ">="]
SENSES: Final = {
    "<=": pulp.LpConstraintLE,
    "==": pulp.LpConstraintEQ,
    ">=": pulp.LpConstraintGE,
}
# `status` calls a mere incumbent at a time limit Optimal; `sol_status` does not.
VERDICTS: Final = {
    pulp.LpSolutionOptimal: Verdict.OPTIMAL,
    pulp.LpSolutionIntegerFeasible: Verdict.FEASIBLE,
    pulp.LpSolutionInfeasible: Verdict.INFEASIBLE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Values by variable (empty where infeasible) and what was proved."""

    values: "Mapping[Variable, float]"
    certificate: Certificate

    def __getitem__(self, variable: Variable) -> float:
        """The variable's value, as the solver's float."""
        return self.values[variable]


class Milp:
    """Minimise a linear objective over linear rows; variables are at least zero."""

    def __init__(self, name: str) -> None:
        self._problem = pulp.LpProblem(name, pulp.LpMinimize)
        self._variables: list[pulp.LpVariable] = []
        self._n_rows = 0

    def variable(
        self, stem: str, *, upper: float | None = None, integer: bool = False
    ) -> Variable:
        """A new variable; numbered, since PuLP folds punctuation in names."""
        index = len(self._variables)
        category = pulp.LpInteger if integer else pulp.LpContinuous
        self._variables.append(
            self._problem.add_variable(f"{stem}_{index}", 0, upper, category)
        )
        return Variable(index)

    def require(
        self,
        stem: str,
        terms: Iterable[tuple[float, Variable]],
        sense: Sense,
        right: float,
    ) -> None:
        """One row: the terms' sum against the right-hand side."""
        row = pulp.LpAffineExpression(
            [(self._variables[v], factor) for factor, v in terms]
        )
        self._n_rows += 1
        name = f"{stem}_{self._n_rows}"
        self._problem += pulp.LpConstraint(row, SENSES[sense], name, right)

    def minimise(self, terms: Iterable[tuple[float, Variable]]) -> None:
        """The objective; replaces the one before."""
        self._problem.setObjective(
            pulp.LpAffineExpression([(self._variables[v], f) for f, v in terms])
        )

    def solve(
        self,
        *,
        time_limit_s: float,
        solver: SolverName = "highs",
        gap_frac: float = 0.0,
    ) -> Answer:
        """The best values to that relative gap, or a proof that there are none.

        Raises:
            SolverUnavailableError: No solver of that name can run here.
            SolverTimeoutError: The limit passed before any plan was found.
        """
        engine, name = _engine(solver, time_limit_s, gap_frac)
        started = time.perf_counter()
        with _silent_stdout():
            self._problem.solve(engine)
        took_s = time.perf_counter() - started
        verdict = VERDICTS.get(self._problem.sol_status)
        if self._problem.status == pulp.LpStatusInfeasible:
            # CBC's presolve proves it without leaving a solution status behind.
            verdict = Verdict.INFEASIBLE
        if verdict is None:
            raise SolverTimeoutError(
                f"{name} found no plan and no proof in {time_limit_s:g} s; "
                "raise --time-limit, or ask for fewer regions or instance types"
            )
        return self._answer(verdict, name, took_s, solver)

    def _answer(
        self, verdict: Verdict, name: str, took_s: float, solver: SolverName
    ) -> Answer:
        if verdict is Verdict.INFEASIBLE:
            proof = Certificate(
                solver=name,
                verdict=verdict,
                objective_value=math.inf,
                bound_value=math.inf,
                gap_frac=0.0,
                solve_s=took_s,
            )
            return Answer(values={}, certificate=proof)
        # A variable in no row and no term keeps the value None: zero is its best.
        values = {
            Variable(i): float(v.varValue or 0.0) for i, v in enumerate(self._variables)
        }
        best = float(self._problem.objective.value() or 0.0)
        bound = min(best, self._bound(verdict, best, solver))
        proof = Certificate(
            solver=name,
            verdict=verdict,
            objective_value=best,
            bound_value=bound,
            gap_frac=(best - bound) / best if best > 0 else 0.0,
            solve_s=took_s,
        )
        return Answer(values=values, certificate=proof)

    def _bound(self, verdict: Verdict, best: float, solver: SolverName) -> float:
        """What the solver proved no plan can beat."""
        if verdict is Verdict.OPTIMAL and solver == "cbc":
            return best
        if solver == "cbc":
            # PuLP does not pass CBC's bound on; costs are never negative.
            return 0.0
        found = self._problem.solverModel.getInfo()
        is_mip = any(v.cat == pulp.LpInteger for v in self._variables)
        return float(found.mip_dual_bound) if is_mip else best


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


def _engine(
    solver: SolverName, time_limit_s: float, gap_frac: float
) -> tuple[pulp.LpSolver, str]:
    """The solver asked for; CBC where HiGHS cannot run."""
    if solver == "highs":
        engine = pulp.HiGHS(msg=False, timeLimit=time_limit_s, gapRel=gap_frac)
        if engine.available():
            return engine, "HiGHS"
    with warnings.catch_warnings():
        # PuLP 3 carries CBC but warns that PuLP 4, which we exclude, will not.
        warnings.simplefilter("ignore", DeprecationWarning)
        engine = pulp.PULP_CBC_CMD(msg=False, timeLimit=time_limit_s, gapRel=gap_frac)
    if not engine.available():
        raise SolverUnavailableError(
            "neither HiGHS nor CBC can run here: pip install highspy"
        )
    return engine, "CBC"
