"""Expected calibration error is what the definition gives by hand."""

import numpy as np
import pytest

from profilers.quality.calibration import calibration_error_frac, probabilities


def test_it_is_the_weighted_gap_of_bins_counted_by_hand():
    rng = np.random.default_rng(3)
    confidence = rng.uniform(0.1, 1.0, size=500)
    right = rng.uniform(size=500) < 0.7
    total = 0.0
    for k in range(15):
        inside = [i for i, c in enumerate(confidence) if k / 15 <= c < (k + 1) / 15]
        if inside:
            accuracy = sum(right[i] for i in inside) / len(inside)
            stated = sum(confidence[i] for i in inside) / len(inside)
            total += len(inside) / 500 * abs(accuracy - stated)

    assert calibration_error_frac(confidence, right) == pytest.approx(total)


def test_certain_and_right_is_calibrated():
    assert calibration_error_frac(np.ones(9), np.ones(9, dtype=bool)) == 0


def test_scores_become_a_distribution_and_distributions_stay():
    scores = np.array([[2.0, 0.0], [1000.0, 999.0]])
    known = np.array([[0.25, 0.75], [1.0, 0.0]])

    assert probabilities(scores)[0] == pytest.approx(
        [np.e**2 / (np.e**2 + 1), 1 / (np.e**2 + 1)]
    )
    assert np.isfinite(probabilities(scores)).all()
    assert probabilities(known) == pytest.approx(known)
