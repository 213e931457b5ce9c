"""How sure a difference of two fractions is that were counted on the same samples.

Two classifiers answer n samples. With e right by both, f by the first alone, g by the
second alone and h by neither, the first's share less the second's is

    d = (f − g) / n

Its interval is that of Newcombe (Statistics in Medicine 17, 1998, 2635–2650), method
10: the score intervals l…u of the two shares p₁ = (e+f)/n and p₂ = (e+g)/n (Wilson),
squared and added with the samples' correlation φ,

    d − √((p₁−l₁)² − 2φ(p₁−l₁)(u₂−p₂) + (u₂−p₂)²)
    d + √((u₁−p₁)² − 2φ(u₁−p₁)(p₂−l₂) + (p₂−l₂)²)
    φ = A / √((e+f)(g+h)(e+g)(f+h)),  A = eh − fg, or max(eh − fg − n/2, 0) where eh > fg

Fagerland, Lydersen and Laake (Statistics in Medicine 33, 2014) recommend it among the
closed forms. McNemar's own test asks whether f = g, which no variant has to be.
"""

from math import sqrt

from profilers.quality.intervals import wilson


def difference(
    both: int, first_only: int, second_only: int, neither: int
) -> tuple[float, float, float]:
    """The first's share of right answers less the second's, and its 95 % interval.

    Example:
        >>> [round(x, 3) for x in difference(1, 1, 7, 12)]
        [-0.286, -0.507, -0.026]
    """
    n = both + first_only + second_only + neither
    first, second = both + first_only, both + second_only
    (l1, u1), (l2, u2) = wilson(first, n), wilson(second, n)
    p1, p2 = first / n, second / n
    phi = _correlation(both, first_only, second_only, neither)
    below = _added(p1 - l1, u2 - p2, phi)
    above = _added(u1 - p1, p2 - l2, phi)
    d = (first_only - second_only) / n
    return d, max(-1.0, d - below), min(1.0, d + above)


def _added(one: float, other: float, phi: float) -> float:
    return sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))


def _correlation(e: int, f: int, g: int, h: int) -> float:
    spread = (e + f) * (g + h) * (e + g) * (f + h)
    if spread == 0:
        return 0.0
    together = float(e * h - f * g)
    if together > 0:
        together = max(together - (e + f + g + h) / 2, 0.0)
    return together / sqrt(spread)
