"""How sure a fraction is that was counted."""

from math import sqrt
from statistics import NormalDist


def wilson(
    successes: float, n: float, *, confidence_frac: float = 0.95
) -> tuple[float, float]:
    """The score interval of a binomial fraction (Wilson, JASA 22, 1927).

    It stays within 0 and 1 and keeps its coverage for few samples and for
    fractions near the ends, where the normal interval does not. `n` need not be
    whole: samples that resemble each other count for less than their number.

    Example:
        >>> low, high = wilson(9, 10)
        >>> round(low, 3), round(high, 3)
        (0.596, 0.982)
    """
    z = NormalDist().inv_cdf((1 + confidence_frac) / 2)
    share = successes / n
    centre = share + z * z / (2 * n)
    spread = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
