"""How far the confidence that a model states is from how often it is right.

Samples are put into bins by the probability of the class that is answered; the
expected calibration error is the mean over samples of |accuracy − confidence| of their
bin (Naeini, Cooper and Hauskrecht, AAAI 2015; 15 bins of equal width as in Guo et al.,
ICML 2017).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

N_BINS: Final = 15
# What a row may be off one and still be a distribution: int8 engines round.
_ROUNDING: Final = 1e-2


def probabilities(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scores as probabilities: as they are where each row is a distribution, else softmax."""
    exact = np.asarray(scores, dtype=np.float64)
    sums = exact.sum(axis=1)
    if (exact >= 0).all() and (np.abs(sums - 1.0) <= _ROUNDING).all():
        return np.asarray(exact / sums[:, None])
    raised = np.exp(exact - exact.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def calibration_error_frac(
    confidence: NDArray[np.float64], is_right: NDArray[np.bool_]
) -> float:
    """The expected calibration error of answers given with that confidence.

    Example:
        >>> sure, right = np.array([0.9, 0.9, 0.6, 0.6]), np.array([True, True, True, False])
        >>> round(calibration_error_frac(sure, right), 3)
        0.1
    """
    bins = np.minimum((confidence * N_BINS).astype(np.int64), N_BINS - 1)
    gaps = np.bincount(bins, weights=is_right - confidence, minlength=N_BINS)
    return float(np.abs(gaps).sum() / len(confidence))
