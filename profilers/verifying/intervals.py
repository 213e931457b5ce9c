"""How sure a share or a percentile of a queue's latencies is.

Who queues behind whom resembles them: n requests say less than n independent ones.
With the requests in order of arrival cut into blocks of m, and v the variance of the
blocks' shares of an event that has share p,

    effect = max(1, m · v / (p (1-p))),     n_effective = n / effect

(batch means; Law and Kelton, Simulation Modeling and Analysis, section 9.5).

    share        Wilson's score interval with n_effective
    percentile   the order statistics at the ranks that n_effective samples would give,
                 scaled to n (Hahn and Meeker, Statistical Intervals, 1991, section 5.2)
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from profilers.measuring.measure import quantile_ranks
from profilers.quality.intervals import wilson

# Fewer blocks give no variance worth the name; more of them are too short to see how
# long a queue remembers.
_N_BLOCKS: Final = 20
_LEAST_BLOCK: Final = 5


def design_effect(event: NDArray[np.bool_]) -> float:
    """How many requests count as one, for the share of an event in order of arrival.

    Example:
        >>> stalls = np.repeat([True, False] * 10, 50)
        >>> design_effect(stalls) > 25
        True
        >>> design_effect(np.array([True, False] * 500))
        1.0
    """
    p = float(event.mean()) if event.size else 0.0
    length = len(event) // _N_BLOCKS
    if p in (0.0, 1.0) or length < _LEAST_BLOCK:
        return 1.0
    blocks = event[: length * _N_BLOCKS].reshape(_N_BLOCKS, length).mean(axis=1)
    return max(1.0, length * float(blocks.var(ddof=1)) / (p * (1 - p)))


def share_interval(event: NDArray[np.bool_]) -> tuple[float, float, float]:
    """An event's share and its 95 % interval; events in order of arrival."""
    n = len(event)
    share = float(event.mean())
    n_effective = n / design_effect(event)
    return share, *wilson(share * n_effective, n_effective)


def quantile_interval_s(
    latency_s: NDArray[np.float64], frac: float
) -> tuple[float, float | None, float | None]:
    """A percentile of latencies in order of arrival, and its 95 % interval.

    Infinite latencies (no answer) stand above all others. An end that so few samples
    do not bound is None.
    """
    ordered = np.sort(latency_s)
    n = len(ordered)
    value = float(ordered[min(n - 1, math.ceil(frac * n) - 1)])
    n_effective = max(1, math.floor(n / design_effect(latency_s <= value)))
    lower, upper = quantile_ranks(n_effective, frac)
    low = None if lower < 1 else _at(ordered, lower / n_effective)
    high = None if upper > n_effective else _at(ordered, upper / n_effective)
    return value, low, high


def _at(ordered: NDArray[np.float64], frac: float) -> float:
    n = len(ordered)
    # 1e-9: a rank that scales to itself must not be rounded up by float noise.
    return float(ordered[min(n - 1, max(0, math.ceil(frac * n - 1e-9) - 1))])


def requests_needed(share: float, promised_frac: float, effect: float) -> int | None:
    """How many requests would decide, if the share stays as seen; None: none would."""
    if share == promised_frac:
        return None
    n = 16
    while n < 10**9:
        low, high = wilson(share * n, n)
        if low >= promised_frac or high < promised_frac:
            return math.ceil(n * effect)
        n = math.ceil(n * 1.25)
    return None
