"""What is expected where nothing was measured, with its interval and its grounds."""

from dataclasses import dataclass

from planner.domain.profiles import BatchProfile, LoadCurve, Profile
from planner.domain.variants import Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A predicted profile, the 90 % interval of its first figure, and its grounds.

    The interval is of p50 at the first batch, or of TPOT at the first load; the same
    factors hold for the others. `rows` are what it was made from, `narrower` what would
    make the interval smaller.
    """

    profile: Profile
    low_s: float
    high_s: float
    rows: tuple[str, ...]
    narrower: str

    def interval_s(self, time_s: float) -> tuple[float, float]:
        """The 90 % interval of a predicted p50 of another batch, or TPOT of another load."""
        first_s = _first_s(self.profile)
        return time_s * self.low_s / first_s, time_s * self.high_s / first_s


def _first_s(profile: Profile) -> float:
    if isinstance(profile, BatchProfile):
        return profile.points[0].p50_s
    if isinstance(profile, LoadCurve):
        return profile.points[0].tpot_p50_s
    raise AssertionError("token rates and hosted models are not predicted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why there is no prediction, in a precision where only that is refused.

    `n_common` models could have taught one.
    """

    reason: str
    n_common: int = 0
    precision: Precision | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """What was measured on the device itself, what is predicted, and what is not."""

    model: str
    device: str
    measured: tuple[Profile, ...]
    predictions: tuple[Prediction, ...]
    refusals: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedLoop:
    """What each of so many clients sees that waits for its answer before it asks again.

    Language models: medians, `p50_s` of the whole answer; no other percentiles.
    """

    profile: Profile
    clients: int
    rate_rps: float
    p50_s: float
    p95_s: float | None = None
    p99_s: float | None = None
    ttft_s: float | None = None
    gap_s: float | None = None
