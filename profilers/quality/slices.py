"""Parts of an evaluation set, as the user's own factory gives them.

An array of n names (or whole numbers) puts each sample into one part. A dict of such
arrays cuts the set several ways: parts are then named "way=name". A dict's array of
n booleans is a part by itself, and parts may overlap.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planner.errors import ModelLoadError

# More parts than this are no slices but an identifier of samples.
MOST_SLICES: Final = 200

Slices = Mapping[str, NDArray[np.bool_]]


def slices(given: object, n: int, name: str) -> Slices:
    """Which samples each part holds; empty parts are left out.

    Raises:
        ModelLoadError: It is no array of n entries, nor a dict of such.
    """
    ways = given if isinstance(given, Mapping) else {"": given}
    found: dict[str, NDArray[np.bool_]] = {}
    for way, column in ways.items():
        found |= _parts(str(way), _column(column, n, name))
    if len(found) > MOST_SLICES:
        raise ModelLoadError(
            f"the slices of {name} are {len(found)}, more than {MOST_SLICES}: name groups "
            "of samples, not each sample"
        )
    return {part: inside for part, inside in found.items() if inside.any()}


def _parts(way: str, column: NDArray[np.generic]) -> dict[str, NDArray[np.bool_]]:
    if column.dtype == np.bool_ and way:
        return {way: column.astype(np.bool_)}
    prefix = f"{way}=" if way else ""
    return {f"{prefix}{value}": column == value for value in np.unique(column)}


def _column(given: object, n: int, name: str) -> NDArray[np.generic]:
    column = np.asarray(given)
    if column.shape != (n,) or column.dtype.kind not in "biuUS":
        raise ModelLoadError(
            f"the slices of {name} are {column.dtype} of shape {column.shape}: give a name, "
            f"a whole number or a boolean for each of the {n} samples"
        )
    return column.astype(str) if column.dtype.kind == "S" else column
