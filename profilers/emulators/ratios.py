"""How much slower a device is than this machine, learned from models known on both.

Published p50 d[m] and local p50 t[m] of the same models m, one precision, batch 1:

    ln r[m]  =  ln d[m] − ln t[m]
    ln r(t)  ≈  a + b · (clip(ln t, ln t_min, ln t_max) − x̄)        least squares

The slope b is there because one ratio does not fit: small models pay the overhead
of many threads and of the runtime, large ones pay for arithmetic. On the MLPerf
open edge sweep, each device in turn the local one, the slope brings the one-sided
90 % error from 74 % to 40 % at fp32 and from 72 % to 65 % at int8 against the
median of the ratios (`tests/bench/emulator_error.py`). Outside what was calibrated the
ratio of the nearest calibrated time holds: a slope is never extrapolated, but what
it would have said widens the band. b > −1, so that what takes longer here never
takes less there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

# Two points always lie on a line; the third shows whether there is one.
MIN_MODELS = 3
# Keeps the emulated latency rising with the measured one.
STEEPEST_SLOPE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One model's p50 here and on the device."""

    local_s: float
    device_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Device time over local time, by local time: a line in logarithms."""

    log_ratio: float
    slope: float
    centre_log_s: float
    low_log_s: float
    high_log_s: float

    def at(self, local_s: float) -> float:
        """The factor for something that takes so long here."""
        x = min(max(math.log(local_s), self.low_log_s), self.high_log_s)
        return math.exp(self.log_ratio + self.slope * (x - self.centre_log_s))

    def log_beyond(self, local_s: float) -> float:
        """How far the line would lie from the factor where nothing was calibrated."""
        x = math.log(local_s)
        outside = max(self.low_log_s - x, x - self.high_log_s, 0.0)
        return abs(self.slope) * outside

    def log_error(self, pair: Pair) -> float:
        """The logarithm of truth over prediction."""
        return math.log(pair.device_s / (pair.local_s * self.at(pair.local_s)))


def fit(pairs: Sequence[Pair]) -> Ratio:
    """The line above.

    Example:
        >>> pairs = [Pair(local_s=t, device_s=5 * t) for t in (0.001, 0.004, 0.016)]
        >>> round(fit(pairs).at(0.008), 6)
        5.0
    """
    x = [math.log(p.local_s) for p in pairs]
    y = [math.log(p.device_s / p.local_s) for p in pairs]
    centre, log_ratio = fmean(x), fmean(y)
    spread = sum((v - centre) ** 2 for v in x)
    rise = sum((v - centre) * (w - log_ratio) for v, w in zip(x, y, strict=True))
    slope = rise / spread if spread > 0 else 0.0
    return Ratio(
        log_ratio=log_ratio,
        slope=min(max(slope, -STEEPEST_SLOPE), STEEPEST_SLOPE),
        centre_log_s=centre,
        low_log_s=min(x),
        high_log_s=max(x),
    )


def scatter_sigma(pairs: Sequence[Pair]) -> float:
    """Standard deviation of the known models around their line; it used up two.

    Example:
        >>> pairs = [Pair(local_s=t, device_s=5 * t) for t in (1.0, 2.0, 4.0)]
        >>> round(scatter_sigma(pairs), 9)
        0.0
    """
    assert len(pairs) >= MIN_MODELS, "two models always lie on their line"
    line = fit(pairs)
    squares = [line.log_error(pair) ** 2 for pair in pairs]
    return math.sqrt(sum(squares) / (len(pairs) - 2))
