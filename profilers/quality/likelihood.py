"""A variant of a language model graded on the user's documents, beside the model as given.

Each document is read in windows of W tokens, and each token but a window's first is
predicted from those before it. With s the sum of −log p over a document's n predicted
tokens, and sums over documents,

    NLL          R = Σs / Σn
    perplexity   e^R;     token likelihood   e^−R, what a token is given on (geometric)
                          average: between 0 and 1, and more is better
    loss         1 − e^−D,  D = Σ(s_variant − s_given) / Σn:  the share of the token
                          likelihood that is lost, paired document by document
    flips        tokens whose likeliest prediction differs; lost, where the given model's
                 was the token that followed and the variant's is not

Tokens of a document resemble each other, so documents are what is sampled: a ratio of
sums r over m documents has the linearised variance (Cochran, Sampling Techniques, 3rd
ed., 1977, ch. 6)

    m / (m − 1) · Σ (s − r·n)² / (Σn)²,      interval r ± t(m − 1) · √variance

at 95 %, t of Student's distribution (Abramowitz and Stegun, 26.7.5).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, expm1, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from planner.domain.profiles import Quality
from planner.domain.quality import LIKELIHOOD, Drop, PartScore
from profilers.quality.texts import FEWEST, Document

# From the tokens of a window (T,) to the scores of what follows each of them (T, words).
Scores = Callable[[NDArray[np.int64]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    """What a document's predictions came to: n, s of each model, and flips."""

    n: int
    given: float
    variant: float
    n_flips: int
    n_lost: int
    n_won: int


def graded_text(
    variant: Scores,
    documents: Sequence[Document],
    *,
    original: Scores,
    window_tokens: int,
) -> Quality:
    """The variant's quality; `original` scores with the model as given.

    Raises:
        ProfilingError: A model refuses a window.
    """
    counted = [_counted(variant, original, d, window_tokens) for d in documents]
    n = np.array([c.n for c in counted], dtype=np.float64)
    variant_nll = np.array([c.variant for c in counted])
    rate, low, high = _ratio(variant_nll, n)
    n_tokens = int(n.sum())
    return Quality(
        metric=LIKELIHOOD,
        value_frac=exp(-rate),
        source=(
            f"perplexity {exp(rate):.4g} on {n_tokens:,} tokens of {len(documents):,} "
            f"documents of the user's, read {window_tokens} at a time"
        ),
        low_frac=exp(-high),
        high_frac=exp(-low),
        n_samples=n_tokens,
        drop=_drop(counted, n),
        slices=_slices(documents, variant_nll, n),
    )


def _counted(
    variant: Scores, original: Scores, document: Document, window_tokens: int
) -> _Counted:
    tokens = np.array(document.tokens, dtype=np.int64)
    windows = [
        tokens[at : at + window_tokens] for at in range(0, len(tokens), window_tokens)
    ]
    read = [w for w in windows if len(w) > 1]
    pairs = [(_predicted(original, w), _predicted(variant, w)) for w in read]
    following = np.concatenate([w[1:] for w in read])
    given_best, best = (
        np.concatenate([pair[i].best for pair in pairs]) for i in (0, 1)
    )
    was_right, is_right = given_best == following, best == following
    return _Counted(
        n=len(following),
        given=sum(g.nll for g, _ in pairs),
        variant=sum(v.nll for _, v in pairs),
        n_flips=int((given_best != best).sum()),
        n_lost=int((was_right & ~is_right).sum()),
        n_won=int((~was_right & is_right).sum()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Predicted:
    """−log p of a window's tokens in all, and the likeliest in the place of each."""

    nll: float
    best: NDArray[np.int64]


def _predicted(scores: Scores, window: NDArray[np.int64]) -> _Predicted:
    raised = scores(window)[:-1].astype(np.float64)
    raised -= raised.max(axis=1, keepdims=True)
    of_token = raised[np.arange(len(raised)), window[1:]]
    nll = np.log(np.exp(raised).sum(axis=1)) - of_token
    return _Predicted(nll=float(nll.sum()), best=raised.argmax(axis=1))


def _drop(counted: Sequence[_Counted], n: NDArray[np.float64]) -> Drop:
    gaps = np.array([c.variant - c.given for c in counted])
    rate, low, high = _ratio(gaps, n)
    return Drop(
        n_samples=int(n.sum()),
        n_flips=sum(c.n_flips for c in counted),
        n_right_to_wrong=sum(c.n_lost for c in counted),
        n_wrong_to_right=sum(c.n_won for c in counted),
        drop_frac=-expm1(-rate),
        low_frac=-expm1(-low),
        high_frac=-expm1(-high),
    )


def _slices(
    documents: Sequence[Document], nll: NDArray[np.float64], n: NDArray[np.float64]
) -> tuple[PartScore, ...]:
    """The token likelihood of each slice that has documents enough to say."""
    parts = np.array([d.part for d in documents])
    found = []
    for part in sorted(set(parts) - {""}):
        inside = parts == part
        if inside.sum() < FEWEST:
            continue
        rate, low, high = _ratio(nll[inside], n[inside])
        found.append(
            PartScore(
                name=str(part),
                value_frac=exp(-rate),
                low_frac=exp(-high),
                high_frac=exp(-low),
                n_samples=int(n[inside].sum()),
            )
        )
    return tuple(found)


def _ratio(
    sums: NDArray[np.float64], n: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Σ sums / Σ n over documents, and its 95 % interval."""
    m, total = len(n), float(n.sum())
    rate = float(sums.sum()) / total
    variance = m / (m - 1) * float(((sums - rate * n) ** 2).sum()) / total**2
    half = student_t(0.975, m - 1) * sqrt(variance)
    return rate, rate - half, rate + half


def student_t(probability_frac: float, n_free: int) -> float:
    """The quantile of Student's distribution, from 7 degrees of freedom on.

    Example:
        >>> round(student_t(0.975, 7), 3), round(student_t(0.975, 30), 3)
        (2.365, 2.042)
    """
    z = NormalDist().inv_cdf(probability_frac)
    return (
        z
        + (z**3 + z) / (4 * n_free)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n_free**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n_free**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z)
        / (92160 * n_free**4)
    )
