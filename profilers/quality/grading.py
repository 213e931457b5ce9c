"""A variant graded on the user's evaluation set, beside the model as given.

Both answer the same samples; the one with the largest score is an answer. What is
counted from them: the share that is right, which answers differ, how that share fares
on each slice and on each shifted set, and how far stated confidence is from the truth.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from planner.domain.profiles import Quality
from planner.domain.quality import Drop, PartScore
from planner.errors import ProfilingError
from profilers.quality.calibration import calibration_error_frac, probabilities
from profilers.quality.intervals import wilson
from profilers.quality.paired import difference
from profilers.quality.slices import Slices

METRIC = "top1_accuracy"
_BATCH = 32

Run = Callable[[NDArray[np.generic]], NDArray[np.floating]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """What is graded on: inputs, the class of each, and its parts."""

    inputs: NDArray[np.generic]
    labels: NDArray[np.int64]
    slices: Slices = field(default_factory=dict)


def graded(
    variant: Run,
    samples: Samples,
    *,
    original: Run | None = None,
    shifted: Mapping[str, Samples] | None = None,
) -> Quality:
    """The variant's quality; `original` runs the model as given.

    Raises:
        ProfilingError: The engine refuses a batch, or an answer is no number.
    """
    scores = _scores(variant, samples.inputs)
    answers = scores.argmax(axis=1)
    is_right = answers == samples.labels
    whole = _score("", is_right)
    bare = Quality(
        metric=METRIC,
        value_frac=whole.value_frac,
        source=f"measured on {whole.n_samples} samples of the user's evaluation set",
        low_frac=whole.low_frac,
        high_frac=whole.high_frac,
        n_samples=whole.n_samples,
    )
    return replace(
        bare,
        drop=None if original is None else _drop(original, samples, answers),
        slices=tuple(
            _score(n, is_right[inside]) for n, inside in samples.slices.items()
        ),
        shifted=tuple(
            _score(name, _scores(variant, s.inputs).argmax(axis=1) == s.labels)
            for name, s in (shifted or {}).items()
        ),
        calibration_error_frac=calibration_error_frac(
            probabilities(scores).max(axis=1), is_right
        ),
    )


def _scores(run: Run, inputs: NDArray[np.generic]) -> NDArray[np.floating]:
    parts = [run(inputs[at : at + _BATCH]) for at in range(0, len(inputs), _BATCH)]
    scores = np.concatenate(parts)
    n_absurd = int((~np.isfinite(scores)).any(axis=1).sum())
    if n_absurd:
        # The largest of a row of NaN is the first, which may be the right one by luck.
        raise ProfilingError(
            f"it answers with NaN or infinity for {n_absurd:,} of {len(scores):,} samples "
            "that it is graded on: its numbers outgrow this precision"
        )
    return scores


def _score(name: str, is_right: NDArray[np.bool_]) -> PartScore:
    n, right = len(is_right), int(is_right.sum())
    low_frac, high_frac = wilson(right, n)
    return PartScore(
        name=name,
        value_frac=right / n,
        low_frac=low_frac,
        high_frac=high_frac,
        n_samples=n,
    )


def _drop(original: Run, samples: Samples, answers: NDArray[np.int64]) -> Drop:
    given = _scores(original, samples.inputs).argmax(axis=1)
    was_right, is_right = given == samples.labels, answers == samples.labels
    lost, won = int((was_right & ~is_right).sum()), int((~was_right & is_right).sum())
    drop_frac, low_frac, high_frac = difference(
        int((was_right & is_right).sum()),
        lost,
        won,
        int((~was_right & ~is_right).sum()),
    )
    return Drop(
        n_samples=len(answers),
        n_flips=int((given != answers).sum()),
        n_right_to_wrong=lost,
        n_wrong_to_right=won,
        drop_frac=drop_frac,
        low_frac=low_frac,
        high_frac=high_frac,
    )
