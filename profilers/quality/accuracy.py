"""Top-1 accuracy of a variant on the user's evaluation set, run by its own engine."""

import numpy as np
from numpy.typing import NDArray

from planner.domain.profiles import Quality
from profilers.backends import Backend
from profilers.quality.intervals import wilson

METRIC = "top1_accuracy"
_BATCH = 32


def top1_accuracy(
    backend: Backend, inputs: NDArray[np.generic], labels: NDArray[np.int64]
) -> Quality:
    """The share of samples whose largest score is their label, with its interval.

    Raises:
        ProfilingError: The engine refuses a batch.
    """
    right = 0
    for start in range(0, len(inputs), _BATCH):
        scores = backend.run(inputs[start : start + _BATCH])
        right += int((scores.argmax(axis=1) == labels[start : start + _BATCH]).sum())
    n = len(inputs)
    low_frac, high_frac = wilson(right, n)
    return Quality(
        metric=METRIC,
        value_frac=right / n,
        source=f"measured on {n} samples of the user's evaluation set",
        low_frac=low_frac,
        high_frac=high_frac,
        n_samples=n,
    )
