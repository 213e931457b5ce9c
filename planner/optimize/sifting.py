"""Which columns of a large program are worth a first look, judged by its relaxation.

Let x be the best values and d the reduced costs without the demand for whole
numbers. Kept are

    whole columns with x > 0, up to ⌈x⌉ + 1
    other columns with x > 0, and of the rest those of least d, in all
    so many for every row

but for those that the whole columns left out hold at zero. What the relaxation
costs bounds every plan from below: a plan of the few columns that is close
enough to it is proved without the rest ever being searched.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from planner.optimize.matrix import Matrix, some_columns
from planner.optimize.terms import BoolArray, FloatArray

# Below this many columns the search itself is quick: 16 × 16 × 8 buckets are 2,056.
LARGE: Final = 20_000
# With thousands of machines two a row prove 0.03 % in 3 s; with hundreds eight come closer.
LOOKS_COLUMNS_PER_ROW: Final = (2, 8)
ZERO: Final = 1e-9


def is_large(part: Matrix) -> bool:
    """Whether a first look at few columns pays."""
    return len(part.cost) >= LARGE and bool(part.integer.any())


def promising(
    whole: Matrix,
    relaxed: FloatArray,
    reduced_costs: FloatArray,
    columns_per_row: int,
) -> Matrix:
    """The few columns, whole ones no further from the relaxation than one."""
    used = relaxed > ZERO
    possible = ~whole.integer & _may_be_used(whole, used)
    most = columns_per_row * len(whole.row_lower)
    rest = np.flatnonzero(possible & ~used)
    cheapest = rest[np.argsort(reduced_costs[rest], kind="stable")[:most]]
    kept = used.copy()
    kept[cheapest] = True
    few = some_columns(whole, np.flatnonzero(kept))
    most_whole = np.ceil(relaxed[few.variable] - ZERO) + 1.0
    upper = np.where(few.integer, np.minimum(few.upper, most_whole), few.upper)
    return replace(few, upper=upper)


def _may_be_used(whole: Matrix, used: BoolArray) -> BoolArray:
    """Columns that no row holds at zero once unused whole columns are left out.

    In a row Σ a·x ≤ 0 something positive needs something negative beside it.
    """
    open_entry = ~whole.integer[whole.index] | used[whole.index]
    row = whole.row_of_entry
    gives = open_entry & (whole.value < 0)
    has_giver = np.bincount(row[gives], minlength=len(whole.row_upper)) > 0
    is_tight = (whole.row_upper <= 0) & ~has_giver
    held = is_tight[row] & (whole.value > 0)
    may = np.ones(len(whole.cost), dtype=np.bool_)
    may[whole.index[held]] = False
    return may
