"""Interpolates between known models and says how far off it may be.

    y(m) = g(m) + ε        g a Gaussian process, ε noise with the tails of Student's t

    cov g(m), g(m')  =  level² + slope² · x·x'
                        + bend² · exp(-|x - x'|² / 2) · (ρ + (1 - ρ)·[same kin])
                        + kin² · [same kin]

x are logarithms (time elsewhere, and operations and the like by the second), centred.
The tails make single bad runs, of which published tables are full, count for little:
weights w = (ν + 1) / (ν + z²) are found by repeating the fit.

The band is measured, not assumed. Each known model is left out in turn, in closed
form: with C the covariance of the observations,

    left-out error of a set B of models  =  [(C⁻¹)_BB]⁻¹ (C⁻¹ y)_B

each over its own standard deviation. Where the family of the predicted model is known,
B is one model, and the prediction's own deviation is widened by the quantile that the
share asked for lies within (split-conformal, with the usual n + 1). Where it is not, B
is a whole family: a stranger is farther off than a relative. Errors within a family go
together, so there are as many to learn from as families, three or four on published
tables: too few for ranks to tell nine in ten. The mean of their mean squares then takes
the place of a variance with that many degrees of freedom, and Student's t that of ranks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from planner.perf.student import two_sided

Floats = npt.NDArray[np.float64]

# Of logarithms of times. Twice or half of any of them changed the median left-out error
# by at most a fifth, on a tenth of the pairs of `tests/bench/prediction.py`.
LEVEL: Final = 3.0
SLOPE: Final = 0.3
BEND: Final = 0.15
KIN: Final = 0.3
NOISE: Final = 0.08
COMMON_FRAC: Final = 0.3
TAIL_FREEDOM: Final = 4.0

_REWEIGHTINGS: Final = 5
_LEAST_WEIGHT: Final = 1e-3
# Of sums of parts of one.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A model as the regression sees it.

    Those of the same `kin` are taken to be alike beyond their x, those of the same
    `family` are left out together.
    """

    x: tuple[float, ...]
    kin: str
    family: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A predicted value, its own standard deviation, and what left-out ones were like.

    `scores` are the sizes of left-out errors over their standard deviations, by what was
    left out together: a family each for a stranger to all of them, otherwise a model each.
    """

    value: float
    sigma: float
    scores: tuple[tuple[float, ...], ...]
    is_stranger: bool

    def half_width(self, share_frac: float) -> float:
        """Half of the interval that holds the truth with that probability."""
        if self.is_stranger:
            return self.sigma * covering_stranger(self.scores, share_frac)
        return self.sigma * covering([s for (s,) in self.scores], share_frac)


def covering(scores: Sequence[float], share_frac: float) -> float:
    """The score that the next one stays within with that probability.

    Beyond what so few scores can say, the largest is stretched as a normal tail.

    Example:
        >>> covering([0.1 * i for i in range(1, 20)], 0.9)
        1.8
    """
    ranked = sorted(scores)
    rank = math.ceil((len(ranked) + 1) * share_frac - _ROUNDING)
    if rank <= len(ranked):
        return ranked[rank - 1]
    return ranked[-1] * math.sqrt(rank / len(ranked))


def covering_stranger(families: Sequence[Sequence[float]], share_frac: float) -> float:
    """The score that a model of another family stays within with that probability.

    Every family counts as much, and within it every score.
    """
    squares = [np.mean(np.square(scores)) for scores in families]
    return math.sqrt(np.mean(squares)) * two_sided(share_frac, len(families))


def estimate(sites: Sequence[Site], values: Sequence[float], at: Site) -> Estimate:
    """The value at a site, from the values at others."""
    middle = float(np.median(values))
    y = np.array(values) - middle
    x = np.array([s.x for s in sites])
    centre = x.mean(axis=0)
    kin = np.array([s.kin for s in sites])
    spread = _covariance(x - centre, kin, x - centre, kin)
    weights, inverse = _robust(spread, y)
    there, its_kin = np.array([at.x]) - centre, np.array([at.kin])
    to_known = _covariance(x - centre, kin, there, its_kin)[:, 0]
    own = float(_covariance(there, its_kin, there, its_kin)[0, 0])
    variance = max(own - float(to_known @ inverse @ to_known), 0.0) + NOISE**2
    families = [s.family for s in sites]
    is_stranger = at.family not in families
    together = families if is_stranger else range(len(sites))
    return Estimate(
        value=middle + float(to_known @ inverse @ y),
        sigma=math.sqrt(variance),
        scores=_left_out_scores(inverse, y, NOISE**2 / weights, together),
        is_stranger=is_stranger,
    )


def _covariance(
    a: Floats, a_kin: npt.NDArray[np.str_], b: Floats, b_kin: npt.NDArray[np.str_]
) -> Floats:
    same = (a_kin[:, None] == b_kin[None, :]).astype(float)
    apart = ((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=-1)
    bend = BEND**2 * np.exp(-apart / 2) * (COMMON_FRAC + (1 - COMMON_FRAC) * same)
    return np.asarray(LEVEL**2 + SLOPE**2 * (a @ b.T) + bend + KIN**2 * same)


def _robust(spread: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Weights of the observations, and the inverse of their covariance."""
    weights: Floats = np.ones(len(y))
    for _ in range(_REWEIGHTINGS):
        inverse = np.linalg.inv(spread + np.diag(NOISE**2 / weights))
        variance = 1 / np.diag(inverse)
        error = (inverse @ y) * variance
        usual = np.maximum(variance - NOISE**2 / weights, 0.0) + NOISE**2
        score2 = error**2 / usual
        weights = np.clip(
            (TAIL_FREEDOM + 1) / (TAIL_FREEDOM + score2), _LEAST_WEIGHT, 1
        )
    return weights, np.asarray(np.linalg.inv(spread + np.diag(NOISE**2 / weights)))


def _left_out_scores(
    inverse: Floats, y: Floats, noise2: Floats, together: Sequence[object]
) -> tuple[tuple[float, ...], ...]:
    pull = inverse @ y
    scores: list[tuple[float, ...]] = []
    for group in dict.fromkeys(together):
        out = np.array([i for i, other in enumerate(together) if other == group])
        block = np.linalg.inv(inverse[np.ix_(out, out)])
        error = block @ pull[out]
        variance = np.maximum(np.diag(block) - noise2[out], 0.0) + NOISE**2
        scores.append(tuple((np.abs(error) / np.sqrt(variance)).tolist()))
    return tuple(scores)
