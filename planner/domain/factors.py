"""How many times as much: a factor that is known by two bounds."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from planner.domain.evidence import BAND_QUANTILE_FRAC

_Z_BAND: Final = NormalDist().inv_cdf(BAND_QUANTILE_FRAC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """Time there over time here, between two bounds.

    The bounds are taken as the 10 % and 90 % quantiles of a log-normal factor: its
    middle is their geometric mean.

    Example:
        >>> Factor(low_ratio=1.0, high_ratio=4.0).middle_ratio
        2.0
    """

    low_ratio: float
    high_ratio: float

    @property
    def middle_ratio(self) -> float:
        """The factor that is applied."""
        return math.sqrt(self.low_ratio * self.high_ratio)

    @property
    def sigma(self) -> float:
        """Standard deviation of its logarithm."""
        return math.log(self.high_ratio / self.low_ratio) / (2 * _Z_BAND)
