"""A hosted model: the times that its callers saw, and the rate that its limits allow.

Nothing is known of its load, so the times hold at any rate within the limits. Of the
percentiles given, the nearest at or beyond the one asked for bounds it from above;
beyond the last nothing is said. Shares in time are bounded from below the same way.

Limits count in windows of a minute. Under Poisson arrivals of mean m a minute the
count exceeds L in a share of the minutes; m is the largest at which that share is no
more than 1 - percentile, by the normal approximation: m + z √m = L.
"""

import math
from statistics import NormalDist
from typing import Final

from planner.domain.profiles import HostedTimes, StatedTimes
from planner.domain.tariffs import TokenTariff
from planner.domain.workloads import TokenSlo

S_PER_WINDOW: Final = 60.0


def stated(profile: HostedTimes, percentile_frac: float) -> StatedTimes | None:
    """The times that bound this percentile; None where none do."""
    # 99.9 / 100 and 0.999 are the same percentile.
    reaching = (t for t in profile.times if t.percentile_frac >= percentile_frac - 1e-9)
    return next(reaching, None)


def hosted_capacity_rps(
    profile: HostedTimes, slo: TokenSlo, rtt_s: float, *, error_factor: float
) -> float:
    """Infinite where the promise is kept, else 0: the limits are another matter."""
    times = stated(profile, slo.percentile_frac)
    if times is None:
        return 0.0
    is_kept = (
        rtt_s + times.ttft_s * error_factor <= slo.ttft_s
        and times.tpot_s * error_factor <= slo.tpot_s
    )
    return math.inf if is_kept else 0.0


def limit_rps(tariff: TokenTariff, tokens: float, percentile_frac: float) -> float:
    """Requests/s of so many tokens each within the account's limits."""
    limits = [math.inf]
    if tariff.most_requests_per_min is not None:
        limits.append(tariff.most_requests_per_min)
    if tariff.most_tokens_per_min is not None:
        limits.append(tariff.most_tokens_per_min / tokens)
    most = min(limits)
    if math.isinf(most):
        return math.inf
    return windowed(most, percentile_frac) / S_PER_WINDOW


def windowed(most: float, within_frac: float) -> float:
    """The mean whose Poisson counts stay within `most` with that probability.

    Example:
        >>> round(windowed(100.0, 0.5), 9), round(windowed(100.0, 0.95), 2)
        (100.0, 84.85)
    """
    z = NormalDist().inv_cdf(within_frac)
    root = (-z + math.sqrt(z * z + 4 * most)) / 2
    return root * root
