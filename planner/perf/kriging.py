"""Interpolates between known models and says how far off it may be.

    y(m) = g(m) + ε        g a Gaussian process, ε noise with the tails of Student's t

    cov g(m), g(m')  =  level² + slope² · x·x'
                        + bend² · exp(-|x - x'|² / 2) · (ρ + (1 - ρ)·[same family])
                        + kin² · [same family]

x are logarithms (time elsewhere, operations, parameters), centred. The tails make
single bad runs, of which published tables are full, count for little: weights
w = (ν + 1) / (ν + z²) are found by repeating the fit.

The band is measured, not assumed. Each known model is left out in turn, in closed
form: with C the covariance of the observations,

    left-out error of a set B of models  =  [(C⁻¹)_BB]⁻¹ (C⁻¹ y)_B

and the share asked for of these errors, each over its own standard deviation, lies
within the quantile that then widens the prediction's own (split-conformal, with the
usual n + 1). Where the family of the predicted model is known, B is one model;
where it is not, B is a whole family: a stranger is farther off than a relative. Errors
within a family go together, so families are what is counted then, each once however
many models it has (hierarchical conformal, Dunn, Wasserman and Ramdas 2022).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# Of logarithms of times. Twice or half of any of them changed the median left-out
# error by at most a quarter, on a fifth of the pairs of `tests/bench/prediction.py`.
LEVEL: Final = 3.0
SLOPE: Final = 1.0
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
    """A model as the regression sees it: its logarithms and its family."""

    x: tuple[float, ...]
    family: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A predicted value, its own standard deviation, and what left-out ones were like.

    `scores` are the sizes of left-out errors over their standard deviations, by what was
    left out together: a model each, or a family each.
    """

    value: float
    sigma: float
    scores: tuple[tuple[float, ...], ...]

    def half_width(self, share_frac: float) -> float:
        """Half of the interval that holds the truth with that probability."""
        return self.sigma * covering_next(self.scores, share_frac)


def covering(scores: Sequence[float], share_frac: float) -> float:
    """The score that the next one stays within with that probability.

    Beyond what so few scores can say, the largest is stretched as a normal tail.

    Example:
        >>> covering([0.1 * i for i in range(1, 20)], 0.9)
        1.8
    """
    return covering_next([[s] for s in scores], share_frac)


def covering_next(groups: Sequence[Sequence[float]], share_frac: float) -> float:
    """The score that one of the next group stays within with that probability.

    Every group counts as much, and within it every score.

    Example:
        >>> covering_next([[0.1, 0.2, 0.3, 0.4], [0.5], [0.6], [0.7]], 0.6)
        0.6
    """
    ranked = sorted((s, 1 / len(scores)) for scores in groups for s in scores)
    wanted = (len(groups) + 1) * share_frac - _ROUNDING
    reached = np.cumsum([weight for _, weight in ranked])
    rank = int(np.searchsorted(reached, wanted))
    if rank < len(ranked):
        return ranked[rank][0]
    return ranked[-1][0] * math.sqrt(math.ceil(wanted) / len(groups))


def estimate(
    sites: Sequence[Site],
    values: Sequence[float],
    at: Site,
    *,
    kin_alike: bool = True,
) -> Estimate:
    """The value at a site, from the values at others.

    Where families are not `kin_alike`, their members have nothing in common but x.
    """
    middle = float(np.median(values))
    y = np.array(values) - middle
    x = np.array([s.x for s in sites])
    centre = x.mean(axis=0)
    families = np.array([s.family for s in sites])
    names = families if kin_alike else np.arange(len(sites)).astype(str)
    spread = _covariance(x - centre, names, x - centre, names)
    weights, inverse = _robust(spread, y)
    there = np.array([at.x]) - centre
    name = np.array([at.family if kin_alike else ""])
    to_known = _covariance(x - centre, names, there, name)[:, 0]
    own = float(_covariance(there, name, there, name)[0, 0])
    variance = max(own - float(to_known @ inverse @ to_known), 0.0) + NOISE**2
    is_relative = at.family in set(families)
    groups = np.arange(len(names)) if is_relative else _numbered(families)
    return Estimate(
        value=middle + float(to_known @ inverse @ y),
        sigma=math.sqrt(variance),
        scores=_left_out_scores(inverse, y, NOISE**2 / weights, groups),
    )


def _covariance(
    a: Floats, a_names: npt.NDArray[np.str_], b: Floats, b_names: npt.NDArray[np.str_]
) -> Floats:
    same = (a_names[:, None] == b_names[None, :]).astype(float)
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
    inverse: Floats, y: Floats, noise2: Floats, groups: npt.NDArray[np.int_]
) -> tuple[tuple[float, ...], ...]:
    pull = inverse @ y
    scores: list[tuple[float, ...]] = []
    for group in dict.fromkeys(groups.tolist()):
        out = np.flatnonzero(groups == group)
        block = np.linalg.inv(inverse[np.ix_(out, out)])
        error = block @ pull[out]
        variance = np.maximum(np.diag(block) - noise2[out], 0.0) + NOISE**2
        scores.append(tuple((np.abs(error) / np.sqrt(variance)).tolist()))
    return tuple(scores)


def _numbered(names: npt.NDArray[np.str_]) -> npt.NDArray[np.int_]:
    return np.unique(names, return_inverse=True)[1]
