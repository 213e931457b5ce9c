"""Products of factors and variables, gathered by row: what rows and objectives are made of."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Sense = Literal["<=", "==", ">="]
IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """`factor · variable`, each a part of the row of that number within its family."""

    row: IntArray
    variable: IntArray
    factor: FloatArray

    def __add__(self, other: "Terms") -> "Terms":
        return together(self, other)

    def sums(self, values: FloatArray, n_rows: int) -> FloatArray:
        """Every row's sum at the variables' values."""
        products = self.factor * values[self.variable]
        return sums_by(self.row, products, n_rows)


def sums_by(number: IntArray, amounts: FloatArray, count: int) -> FloatArray:
    """Sums of the amounts of each number below `count`."""
    sums = np.bincount(number, weights=amounts, minlength=count)
    return sums.astype(np.float64, copy=False)


def terms(variable: ArrayLike, factor: ArrayLike = 1.0, *, row: ArrayLike = 0) -> Terms:
    """Terms of arrays that broadcast against each other.

    Example:
        >>> terms([4, 7], [1.0, 2.0]).sums(np.arange(8.0), 1)
        array([18.])
    """
    rows, variables, factors = np.broadcast_arrays(row, variable, factor)
    return Terms(
        row=rows.ravel().astype(np.int64),
        variable=variables.ravel().astype(np.int64),
        factor=factors.ravel().astype(np.float64),
    )


def together(*parts: Terms) -> Terms:
    """All terms of all parts."""
    return Terms(
        row=np.concatenate([p.row for p in parts]),
        variable=np.concatenate([p.variable for p in parts]),
        factor=np.concatenate([p.factor for p in parts]),
    )
