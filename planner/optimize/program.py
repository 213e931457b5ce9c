"""A mixed-integer linear program while it is written down: variables, rows, an aim."""

import math

import numpy as np
from numpy.typing import ArrayLike

from planner.optimize.matrix import Matrix, by_rows, parts
from planner.optimize.milp import Basis, SolverName
from planner.optimize.search import Answer, relaxed, solve
from planner.optimize.terms import (
    BoolArray,
    FloatArray,
    IntArray,
    Sense,
    Terms,
    sums_by,
)


class Milp:
    """Minimise a linear objective over linear rows; variables are at least zero."""

    def __init__(self) -> None:
        self._upper: list[FloatArray] = []
        self._integer: list[BoolArray] = []
        self._linking: list[BoolArray] = []
        self._n_variables = 0
        self._entries: list[Terms] = []
        self._row_lower: list[FloatArray] = []
        self._row_upper: list[FloatArray] = []
        self._n_rows = 0
        self._objective: FloatArray = np.zeros(0)
        self._basis: Basis | None = None

    def variables(
        self,
        shape: int | tuple[int, ...],
        *,
        upper: ArrayLike = math.inf,
        integer: ArrayLike = False,
        linking: bool = False,
    ) -> IntArray:
        """Numbers of new variables, in an array of that shape.

        `linking` ones tie together what would else fall into parts.
        """
        first = self._n_variables
        numbers = first + np.arange(int(np.prod(shape))).reshape(shape)
        self._n_variables += numbers.size
        self._upper.append(
            np.broadcast_to(np.asarray(upper, dtype=np.float64), numbers.shape).ravel()
        )
        self._integer.append(
            np.broadcast_to(np.asarray(integer, dtype=np.bool_), numbers.shape).ravel()
        )
        self._linking.append(np.full(numbers.size, linking))
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
            linking=_joined(self._linking).astype(np.bool_),
            row_lower=_joined(self._row_lower),
            row_upper=_joined(self._row_upper),
            start=start,
            index=index,
            value=value,
            variable=np.arange(n),
        )

    def relaxed(self, *, time_limit_s: float) -> tuple[float, FloatArray] | None:
        """The objective and the values without whole numbers; None where there are none in time."""
        found = relaxed(self.matrix(), time_limit_s=time_limit_s, basis=self._basis)
        if found is None:
            return None
        self._basis = found.basis
        return found.best, found.values

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
        return solve(
            self.matrix(),
            time_limit_s=time_limit_s,
            solver=solver,
            gap_frac=gap_frac,
            start=start,
            basis=self._basis,
        )


def _joined(arrays: list[FloatArray] | list[IntArray] | list[BoolArray]) -> FloatArray:  # fmt: skip
    return np.concatenate(arrays) if arrays else np.zeros(0)
