"""How a time changes from one size of a processor generation to another.

From v to v' vCPUs of the same processor, with s and s' the published speed of all of
them together on one image after another (Geekbench 6 object detection):

    a runtime that uses all cores      between  s/s'  and  v/v'
    one that uses one thread, or may   between  1     and  s/s'

One image at a time divides badly over many cores, so s'/s is less than v'/v; long
matrix products divide almost by v'/v: llama.cpp reads prompts faster by a factor
between the two, in the middle (`tests/bench/prediction.py`). The two ends are taken
as the 10 % and 90 % quantiles of a log-normal factor, as the emulators take theirs;
machine types of one size add their own spread.

Other generations are refused: between sizes of as many vCPUs the same speeds miss the
ratio of prompt reading by half in the median, and in one of ten by three times.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from planner.domain.evidence import BAND_QUANTILE_FRAC
from planner.domain.factors import Factor

_Z_BAND: Final = NormalDist().inv_cdf(BAND_QUANTILE_FRAC)
# Nine in ten machine types of a size read prompts within this ratio of the median one.
_MACHINES_RATIO: Final = 1.119
# Machine types sell cores, or threads of them, by the same name: of 1,200 published
# pairs nine in ten lay within 1.83 of the two spreads together, not 1.645 (1.72 to 1.90
# without any one generation).
_HEAVIER_TAILS: Final = 1.83 / NormalDist().inv_cdf(0.95)

# Over this many the speeds stop rising, and other things than cores decide.
MOST_VCPUS: Final = 64
# Sizes farther apart have no published pair in the middle.
MOST_RATIO: Final = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """So many vCPUs of a generation, and their speed together."""

    vcpus: int
    images_per_s: float


def is_comparable(here: Size, there: Size) -> bool:
    """Whether the sizes are near enough for the rule above."""
    apart = there.vcpus / here.vcpus
    return (
        max(here.vcpus, there.vcpus) <= MOST_VCPUS
        and max(apart, 1 / apart) <= MOST_RATIO
    )


def factor(here: Size, there: Size, *, uses_all_cores: bool) -> Factor:
    """Between what the time changes.

    Example:
        >>> eight = Size(vcpus=8, images_per_s=226.2)
        >>> two = Size(vcpus=2, images_per_s=74.3)
        >>> found = factor(eight, two, uses_all_cores=True)
        >>> round(found.low_ratio, 2), found.high_ratio
        (3.04, 4.0)
    """
    by_speed = here.images_per_s / there.images_per_s
    other = here.vcpus / there.vcpus if uses_all_cores else 1.0
    return Factor(low_ratio=min(by_speed, other), high_ratio=max(by_speed, other))


def factor_sigma(change: Factor) -> float:
    """Standard deviation of the factor's logarithm with the machine types' own spread."""
    machines = math.log(_MACHINES_RATIO) / _Z_BAND
    return _HEAVIER_TAILS * math.hypot(change.sigma, machines)
