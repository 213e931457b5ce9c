"""Ready shapes of traffic, as hourly rates of a week from Monday around one mean.

    constant   every hour alike
    diurnal    a day's wave, lowest at 4, highest at 16 (UTC), trough to peak 1 : 3
    weekly     that wave, at the weekend by 40 % lower
    bursty     constant in the mean, in bursts of minutes: dispersion 30 at that rate
    launch     half the usual, then from Wednesday noon ten times it, halving every 8 h

They are shapes to try a plan on where nothing is known; a trace of one's own is better.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

H_PER_DAY: Final = 24
H_PER_WEEK: Final = 168
PEAK_HOUR: Final = 16
SWING_FRAC: Final = 0.5  # (1 + 0.5) / (1 − 0.5) = 3
WEEKEND_FRAC: Final = 0.6
LAUNCH_HOUR: Final = 2 * H_PER_DAY + 12
LAUNCH_RATIO: Final = 10.0
LAUNCH_HALVES_H: Final = 8.0
BURST_DISPERSION: Final = 30.0
BURST_TIME_SCALE_S: Final = 60.0


class Shape(StrEnum):
    """A ready shape."""

    CONSTANT = "constant"
    DIURNAL = "diurnal"
    WEEKLY = "weekly"
    BURSTY = "bursty"
    LAUNCH = "launch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Hourly rates of a week, and how they vary within the hour (1: Poisson)."""

    rates_rps: tuple[float, ...]
    dispersion_ratio: float = 1.0
    time_scale_s: float = BURST_TIME_SCALE_S

    @property
    def rate_rps(self) -> float:
        """Mean rate."""
        return math.fsum(self.rates_rps) / len(self.rates_rps)


def shaped(shape: Shape, mean_rps: float) -> Traffic:
    """A week of that shape whose mean is `mean_rps`."""
    hour = np.arange(H_PER_WEEK)
    level = np.ones(H_PER_WEEK)
    if shape in {Shape.DIURNAL, Shape.WEEKLY}:
        level += SWING_FRAC * np.cos(2 * np.pi * (hour - PEAK_HOUR) / H_PER_DAY)
    if shape is Shape.WEEKLY:
        level[hour >= 5 * H_PER_DAY] *= WEEKEND_FRAC
    if shape is Shape.LAUNCH:
        since_h = np.maximum(hour - LAUNCH_HOUR, 0)
        after = LAUNCH_RATIO * 0.5 ** (since_h / LAUNCH_HALVES_H)
        level = np.where(hour < LAUNCH_HOUR, 0.5, np.maximum(after, 0.5))
    rates = level * (mean_rps / level.mean())
    return Traffic(
        rates_rps=tuple(float(r) for r in rates),
        dispersion_ratio=BURST_DISPERSION if shape is Shape.BURSTY else 1.0,
    )
