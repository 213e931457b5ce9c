"""What an ONNX graph is fed: the user's batch, and what follows from it.

Graphs of text models ask for a mask and for segments beside the tokens. One text of
full length has a mask of ones and segments of zeros; anything else is the user's.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from planner.errors import ProfilingError

_FILLED: Mapping[str, int] = {"attention_mask": 1, "token_type_ids": 0}


def feeds(
    names: Sequence[str], batch: NDArray[np.generic]
) -> dict[str, NDArray[np.generic]]:
    """The batch under the graph's first name, and what its other inputs are given.

    Raises:
        ProfilingError: An input that nothing is known to be right for.

    Example:
        >>> fed = feeds(["input_ids", "attention_mask"], np.array([[7, 8, 9]]))
        >>> fed["attention_mask"].tolist()
        [[1, 1, 1]]
    """
    first, *others = names
    strange = [name for name in others if name not in _FILLED]
    if strange:
        raise ProfilingError(
            f"the graph asks for {', '.join(names)}: one input is measured, beside "
            f"{' and '.join(_FILLED)}; export it with {first} alone"
        )
    return {first: batch} | {
        name: np.full(batch.shape, _FILLED[name], np.int64) for name in others
    }
