"""Accuracy is what counting by hand gives."""

import numpy as np

from planner.domain.variants import Runtime
from profilers.quality.accuracy import top1_accuracy


class Table:
    """A backend whose scores are its inputs."""

    runtime = Runtime.TORCH
    threads = 1

    def __init__(self):
        self.batches = []

    def run(self, inputs):
        self.batches.append(len(inputs))
        return inputs.astype(np.float32)


def test_a_variant_is_right_where_its_largest_score_is_the_label():
    scores = np.random.default_rng(2).normal(size=(77, 5))
    labels = np.random.default_rng(4).integers(0, 5, size=77)
    backend = Table()

    quality = top1_accuracy(backend, scores, labels)

    by_hand = [max(range(5), key=row.__getitem__) for row in scores.tolist()]
    right = sum(a == b for a, b in zip(by_hand, labels.tolist(), strict=True))
    assert quality.value_frac == right / 77
    assert quality.low_frac < quality.value_frac < quality.high_frac
    assert quality.metric == "top1_accuracy"
    assert quality.source == "measured on 77 samples of the user's evaluation set"
    assert quality.n_samples == 77
    assert sum(backend.batches) == 77
    assert max(backend.batches) <= 32
