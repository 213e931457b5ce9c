"""What a variant's answers are like beside those of the model it was made from."""

from dataclasses import dataclass
from typing import Final

# A language model's: 1/perplexity, between 0 and 1, and more is better.
LIKELIHOOD: Final = "token_likelihood"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """How a variant does against the model as given, in fp32, on the same samples.

    `n_flips` counts samples that the two answer differently, of which
    `n_right_to_wrong` lost a right answer and `n_wrong_to_right` won one. `drop_frac`
    is what the metric loses, with its 95 % interval; below 0 it gains. Of a language
    model's token likelihood it is the share that is lost, and samples are tokens.
    """

    n_samples: int
    n_flips: int
    n_right_to_wrong: int
    n_wrong_to_right: int
    drop_frac: float
    low_frac: float
    high_frac: float

    def is_shown_within(self, allowed_frac: float) -> bool:
        """Whether the samples show that no more than that is lost.

        The variant is not inferior where the whole interval lies within what is
        allowed, a one-sided test at 2.5 %: too few samples show nothing.

        Example:
            >>> few = Drop(n_samples=40, n_flips=0, n_right_to_wrong=0,
            ...            n_wrong_to_right=0, drop_frac=0.0, low_frac=-0.07, high_frac=0.07)
            >>> few.is_shown_within(0.01), few.is_shown_within(0.1)
            (False, True)
        """
        return self.high_frac <= allowed_frac

    def is_shown_beyond(self, allowed_frac: float) -> bool:
        """Whether the samples show that more than that is lost."""
        return self.low_frac > allowed_frac


@dataclass(frozen=True, slots=True, kw_only=True)
class PartScore:
    """The metric on a part of the evaluation set, or on a shifted set, with its interval."""

    name: str
    value_frac: float
    low_frac: float
    high_frac: float
    n_samples: int
