"""A graded variant is what counting by hand gives."""

import numpy as np
import pytest

from planner.domain.quality import Drop
from planner.errors import ProfilingError
from profilers.quality.grading import Samples, graded


class Table:
    """Scores are the inputs; batches are written down."""

    def __init__(self):
        self.batches = []

    def run(self, inputs):
        self.batches.append(len(inputs))
        return inputs.astype(np.float32)


def test_a_variant_is_right_where_its_largest_score_is_the_label():
    scores = np.random.default_rng(2).normal(size=(77, 5))
    labels = np.random.default_rng(4).integers(0, 5, size=77)
    table = Table()

    quality = graded(table.run, Samples(inputs=scores, labels=labels))

    by_hand = [max(range(5), key=row.__getitem__) for row in scores.tolist()]
    right = sum(a == b for a, b in zip(by_hand, labels.tolist(), strict=True))
    assert quality.value_frac == right / 77
    assert quality.low_frac < quality.value_frac < quality.high_frac
    assert quality.metric == "top1_accuracy"
    assert quality.source == "measured on 77 samples of the user's evaluation set"
    assert quality.n_samples == 77
    assert quality.drop is None
    assert sum(table.batches) == 77
    assert max(table.batches) <= 32


def one_hot(classes):
    return np.eye(3)[classes]


def test_flips_are_told_apart_by_what_they_cost():
    labels = np.array([0, 1, 2, 0, 1, 2, 0, 1])
    given = np.array([0, 1, 2, 0, 0, 0, 0, 2])  # 5 right
    variant = np.array(
        [0, 1, 2, 1, 1, 1, 0, 2]
    )  # loses the 4th, wins the 5th, 6th flips

    quality = graded(
        lambda _: one_hot(variant),
        Samples(inputs=one_hot(labels), labels=labels),
        original=lambda _: one_hot(given),
    )

    drop = quality.drop
    assert (drop.n_samples, drop.n_flips) == (8, 3)
    assert (drop.n_right_to_wrong, drop.n_wrong_to_right) == (1, 1)
    assert drop.drop_frac == 0
    assert drop.low_frac < 0 < drop.high_frac


def test_slices_and_shifted_sets_are_counted_apart():
    labels = np.array([0, 1, 2, 0])
    samples = Samples(
        inputs=one_hot([0, 1, 0, 1]),
        labels=labels,
        slices={
            "day": np.array([True, True, False, False]),
            "night": np.array([False, False, True, True]),
        },
    )
    foggy = Samples(inputs=one_hot([0, 0]), labels=np.array([0, 1]))

    quality = graded(lambda x: x, samples, shifted={"fog": foggy})

    assert {s.name: (s.value_frac, s.n_samples) for s in quality.slices} == {
        "day": (1.0, 2),
        "night": (0.0, 2),
    }
    assert quality.worst_slice.name == "night"
    assert [(s.name, s.value_frac) for s in quality.shifted] == [("fog", 0.5)]


def test_not_shown_to_be_worse_is_not_shown_not_to_be_worse():
    unsure = Drop(n_samples=50, n_flips=2, n_right_to_wrong=1, n_wrong_to_right=1, drop_frac=0.0, low_frac=-0.06, high_frac=0.06)  # fmt: skip

    assert not unsure.is_shown_beyond(0.01)
    assert not unsure.is_shown_within(0.01)
    assert unsure.is_shown_within(0.06)


@pytest.mark.parametrize("absurd", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["whole", "shifted", "original"])
def test_answers_that_are_no_numbers_are_right_nowhere(absurd, where):
    """The largest of a row of NaN is its first: class 0, by luck often the right one."""
    fine = Samples(inputs=one_hot([0, 1]), labels=np.array([0, 1]))
    bad = Samples(inputs=np.array([[absurd] * 3, [0, 1, 0]]), labels=np.array([0, 1]))

    def answers(inputs):
        return np.asarray(inputs, dtype=np.float32)

    with pytest.raises(ProfilingError, match="NaN or infinity for 1 of 2 samples"):
        graded(
            answers,
            bad if where == "whole" else fine,
            original=(lambda _: answers(bad.inputs)) if where == "original" else None,
            shifted={"bright": bad} if where == "shifted" else None,
        )
