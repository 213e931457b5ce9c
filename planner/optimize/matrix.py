"""A mixed-integer program as arrays, and the parts of it that share no row.

Parts are the connected components of the graph that joins every row to its
variables: workloads, or hours, that nothing ties together are solved apart, at
a cost that adds up where one tree over all of them would multiply.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from planner.optimize.terms import BoolArray, FloatArray, IntArray, sums_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Minimise `cost · x`, `row_lower ≤ A x ≤ row_upper`, `0 ≤ x ≤ upper`.

    A by rows: those of row i are `index` and `value` from `start[i]` to `start[i + 1]`.
    `variable` says which variable of the whole each column is; `linking` columns tie
    together what would fall into parts without them.
    """

    cost: FloatArray
    upper: FloatArray
    integer: BoolArray
    linking: BoolArray
    row_lower: FloatArray
    row_upper: FloatArray
    start: IntArray
    index: IntArray
    value: FloatArray
    variable: IntArray

    @property
    def row_of_entry(self) -> IntArray:
        """The row of every entry of `index` and `value`."""
        return np.repeat(np.arange(len(self.row_lower)), np.diff(self.start))


def by_rows(
    row: IntArray, index: IntArray, value: FloatArray, *, n_rows: int, n_columns: int
) -> tuple[IntArray, IntArray, FloatArray]:
    """Entries in any order as rows without zeros, double ones added up."""
    key = row * max(n_columns, 1) + index
    if np.any(key[1:] <= key[:-1]):
        order = np.argsort(key, kind="stable")
        key, first = np.unique(key[order], return_index=True)
        value = np.add.reduceat(value[order], first) if len(first) else value
    kept = value != 0.0
    key, value = key[kept], value[kept]
    rows, columns = np.divmod(key, max(n_columns, 1))
    start = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n_rows))])
    return start.astype(np.int64), columns, value


def parts(whole: Matrix) -> Iterator[Matrix]:
    """Programs that share no row and together are the whole; rowless columns in none.

    A row without entries comes as a part of no columns.
    """
    label = _labels(whole)
    names = np.unique(label[whole.index])
    empty = np.diff(whole.start) == 0
    if len(names) == 1 and not empty.any():
        yield whole
        return
    if empty.any():
        yield _part(whole, np.zeros(0, dtype=np.int64), np.flatnonzero(empty))
    row_label = label[whole.index[whole.start[:-1][~empty]]]
    rows = np.flatnonzero(~empty)[np.argsort(row_label, kind="stable")]
    in_a_row = np.unique(whole.index)
    columns = in_a_row[np.argsort(label[in_a_row], kind="stable")]
    row_ends = np.cumsum(np.bincount(np.searchsorted(names, row_label)))
    column_ends = np.cumsum(np.bincount(np.searchsorted(names, label[in_a_row])))
    for some_rows, some_columns in zip(
        np.split(rows, row_ends[:-1]), np.split(columns, column_ends[:-1]), strict=True
    ):
        yield _part(whole, some_columns, some_rows)


def _labels(whole: Matrix) -> IntArray:
    """The same number for all columns of a component: least label, passed along rows."""
    label = np.arange(len(whole.cost))
    filled = np.diff(whole.start) > 0
    starts = whole.start[:-1][filled]
    sizes = np.diff(whole.start)[filled]
    if not len(starts):
        return label
    while True:
        least = np.minimum.reduceat(label[whole.index], starts)
        new = label.copy()
        np.minimum.at(new, whole.index, np.repeat(least, sizes))
        # A row hands its least label on to the columns that its members are named for, too.
        np.minimum.at(new, label[whole.index], np.repeat(least, sizes))
        new = new[new]
        if np.array_equal(new, label):
            return label
        label = new


def _part(whole: Matrix, columns: IntArray, rows: IntArray) -> Matrix:
    there = some_rows(whole, rows)
    ascending = np.sort(columns)
    return replace(
        there,
        cost=whole.cost[ascending],
        upper=whole.upper[ascending],
        integer=whole.integer[ascending],
        linking=whole.linking[ascending],
        index=np.searchsorted(ascending, there.index),
        variable=whole.variable[ascending],
    )


def some_columns(whole: Matrix, columns: IntArray) -> Matrix:
    """The program with only these columns, ascending; `variable` numbers the whole's."""
    number_of = np.full(len(whole.cost), -1)
    number_of[columns] = np.arange(len(columns))
    there = number_of[whole.index] >= 0
    n_rows = len(whole.row_lower)
    sizes = np.bincount(whole.row_of_entry[there], minlength=n_rows)
    return Matrix(
        cost=whole.cost[columns],
        upper=whole.upper[columns],
        integer=whole.integer[columns],
        linking=whole.linking[columns],
        row_lower=whole.row_lower,
        row_upper=whole.row_upper,
        start=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        index=number_of[whole.index[there]],
        value=whole.value[there],
        variable=columns,
    )


def some_rows(whole: Matrix, rows: IntArray) -> Matrix:
    """The program with only these rows."""
    sizes = np.diff(whole.start)[rows]
    begins = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    entries = np.repeat(whole.start[:-1][rows] - begins[:-1], sizes) + np.arange(
        begins[-1]
    )
    return replace(
        whole,
        row_lower=whole.row_lower[rows],
        row_upper=whole.row_upper[rows],
        start=begins,
        index=whole.index[entries],
        value=whole.value[entries],
    )


def without(whole: Matrix, columns: IntArray, values: FloatArray) -> Matrix:
    """The program left when these columns stand at their values; their cost is not in it."""
    is_held = np.zeros(len(whole.cost), dtype=np.bool_)
    is_held[columns] = True
    there = is_held[whole.index]
    used = sums_by(
        whole.row_of_entry[there],
        whole.value[there] * values[whole.index[there]],
        len(whole.row_lower),
    )
    left = some_columns(whole, np.flatnonzero(~is_held))
    return replace(
        left, row_lower=whole.row_lower - used, row_upper=whole.row_upper - used
    )
