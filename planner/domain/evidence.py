"""Where a figure comes from and how far it may be off."""

import datetime as dt
import math
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

# The error band's own quantile: `error_frac` is stated at 90 %, one-sided.
BAND_QUANTILE_FRAC = 0.9


class Provenance(StrEnum):
    """How a figure was come by, from the strongest to the weakest."""

    MEASURED = "measured"  # by this user, on that device
    EXPORTED = "exported"  # by a user of planner profile, on that device; imported
    IMPORTED = "imported"  # with another program, on that device; its file was imported
    PUBLISHED = "published"  # by someone else, on that device; cited
    EMULATED = "emulated"  # measured elsewhere, mapped with learned ratios
    PREDICTED = "predicted"  # not measured at all


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Provenance of a figure, and its error band.

    `error_frac` says: with 90 % probability the truth is at most
    (1 + error_frac) times the figure. The ratio of truth to figure is taken as
    log-normal with median 1. `repeats_frac` is the part of it that timing the same once
    more may change: 0 where nothing was timed by this user.
    """

    provenance: Provenance
    source: str
    as_of: dt.date
    error_frac: float
    note: str = ""
    repeats_frac: float = 0.0

    def sigma(self) -> float:
        """Standard deviation of the log of truth over figure."""
        return math.log1p(self.error_frac) / NormalDist().inv_cdf(BAND_QUANTILE_FRAC)

    def quantile_factor(self, confidence_frac: float) -> float:
        """What to multiply the figure by, to be safe with that probability.

        Example:
            >>> e = Evidence(provenance=Provenance.EMULATED, source="s",
            ...              as_of=dt.date(2026, 1, 1), error_frac=0.25)
            >>> round(e.quantile_factor(0.9), 6), e.quantile_factor(0.5)
            (1.25, 1.0)
        """
        return math.exp(self.sigma() * NormalDist().inv_cdf(confidence_frac))

    def probability_within(self, factor: float) -> float:
        """Probability that the truth is at most `factor` times the figure."""
        if factor <= 0:
            return 0.0
        sigma = self.sigma()
        if sigma == 0:
            return 1.0 if factor >= 1 else 0.0
        return NormalDist().cdf(math.log(factor) / sigma)
