"""Student's t: how many standard deviations hold a share, where few tell the deviation.

For whole degrees of freedom ν and t = √ν · tan θ its distribution is a finite sum
(Abramowitz and Stegun 1964, 26.7.3 and 26.7.4):

    ν odd     P(|T| ≤ t)  =  2/π · (θ + sin θ · (cos θ + 2/3 cos³θ + 2·4/(3·5) cos⁵θ + …))
    ν even    P(|T| ≤ t)  =  sin θ · (1 + 1/2 cos²θ + 1·3/(2·4) cos⁴θ + …)

with ⌊ν/2⌋ terms in the inner brackets.
"""

import math
from functools import cache
from typing import Final

# Halvings of a right angle: to the last digits of a float.
_HALVINGS: Final = 52


@cache
def two_sided(share_frac: float, freedom: int) -> float:
    """The t that so large a share of draws lies within, to either side of zero.

    Example:
        >>> round(two_sided(0.9, 4), 3)
        2.132
    """
    low, high = 0.0, math.pi / 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _share(middle, freedom) < share_frac:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan(low)


def _share(angle: float, freedom: int) -> float:
    is_odd = freedom % 2
    term = math.sin(angle) * (math.cos(angle) if is_odd else 1.0)
    total = 0.0
    for k in range(freedom // 2):
        total += term
        above, below = (2 * k + 2, 2 * k + 3) if is_odd else (2 * k + 1, 2 * k + 2)
        term *= math.cos(angle) ** 2 * above / below
    return 2 / math.pi * (angle + total) if is_odd else total
