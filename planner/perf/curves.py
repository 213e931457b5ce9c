"""A load curve between its measured loads: over the rate, and over percentiles.

over rate          every percentile is made non-decreasing in the rate, then linear
between measured loads in the requests in flight n, as steps of
an engine are (`planner.perf.roofline`); so is the time in the
engine w, and rate = n / w(n) (Little 1961) says how many are in
flight at a rate. Of TPOT at held-back loads, half were within
5 %, against 8 % linear in the rate (`tests/bench/vllm_sweeps.py`).
The lowest measured load holds below itself, and nothing is said
beyond the highest
over percentiles   linear in -ln(1 - share) through p50, p95 and p99: an
exponential tail, which also goes on beyond p99; below p50
the median holds
slower by a factor time itself is scaled: at rate λ a machine f times slower
behaves as the measured one at f·λ, with all times f-fold
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.domain.profiles import LoadCurve, LoadPoint
from planner.perf.service import Floats

_DEPTHS: Final = np.array([-math.log1p(-p) for p in (0.5, 0.95, 0.99)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A load curve on the clock of a slower machine, as non-decreasing arrays."""

    rate_rps: Floats
    in_flight: Floats
    ttft_s: Floats  # (point, percentile)
    tpot_s: Floats
    e2e_s: Floats

    @classmethod
    def of(cls, curve: LoadCurve, rtt_s: float, error_factor: float) -> "Curve":
        """The curve as a machine slower by a factor sees it, beyond a round trip."""

        def rising(times_s: Sequence[tuple[float, float, float]]) -> Floats:
            ordered = np.maximum.accumulate(np.array(times_s), axis=1)
            return np.maximum.accumulate(ordered, axis=0) * error_factor

        points: Sequence[LoadPoint] = curve.points
        rate_rps = np.array([p.rate_rps for p in points]) / error_factor
        in_flight = np.array([p.concurrency for p in points])
        if not (np.diff(in_flight) > 0).all():
            # More answers with no more in flight: the figures say nothing of either.
            in_flight = rate_rps
        return cls(
            rate_rps=rate_rps,
            in_flight=in_flight,
            ttft_s=rtt_s
            + rising([(p.ttft_p50_s, p.ttft_p95_s, p.ttft_p99_s) for p in points]),
            tpot_s=rising([(p.tpot_p50_s, p.tpot_p95_s, p.tpot_p99_s) for p in points]),
            e2e_s=rtt_s
            + rising([(p.e2e_p50_s, p.e2e_p95_s, p.e2e_p99_s) for p in points]),
        )

    def at(self, times_s: Floats, rate_rps: float) -> Floats:
        """Percentiles at a rate."""
        n = self._in_flight_at(rate_rps)
        return np.array([np.interp(n, self.in_flight, t) for t in times_s.T])

    def rate_at_rps(self, in_flight: float) -> float:
        """The rate n / w(n), with w linear between measured loads."""
        within_s = self.in_flight / self.rate_rps
        return in_flight / float(np.interp(in_flight, self.in_flight, within_s))

    def _in_flight_at(self, rate_rps: float) -> float:
        """The n with rate = n / w(n), w linear between the loads around it."""
        high = int(np.searchsorted(self.rate_rps, rate_rps, side="left"))
        if high in (0, len(self.rate_rps)):
            return float(self.in_flight[min(high, len(self.rate_rps) - 1)])
        near = slice(high - 1, high + 1)
        n, within_s = self.in_flight[near], self.in_flight[near] / self.rate_rps[near]
        slope = float((within_s[1] - within_s[0]) / (n[1] - n[0]))
        start_s = float(within_s[0]) - slope * float(n[0])
        return rate_rps * start_s / (1 - rate_rps * slope)


def quantile_s(times_s: Floats, frac: float) -> Floats:
    """The percentile `frac` from p50, p95 and p99 along the last axis."""
    depth = -math.log1p(-frac)
    low = 0 if depth <= _DEPTHS[1] else 1
    part = (depth - _DEPTHS[low]) / (_DEPTHS[low + 1] - _DEPTHS[low])
    lower, upper = times_s[..., low], times_s[..., low + 1]
    return np.asarray(lower + max(part, 0.0) * (upper - lower))


def share_within(times_s: Floats, limit_s: float) -> float:
    """Inverse of `quantile_s`; below the median the share falls linearly to 0."""
    median, p95, p99 = (float(t) for t in times_s)
    if limit_s < median:
        return 0.5 * max(limit_s, 0.0) / median
    low = 0 if limit_s < p95 else 1
    start, width = (median, p95 - median) if low == 0 else (p95, p99 - p95)
    if width <= 0:
        return 1.0
    part = (limit_s - start) / width
    return -math.expm1(-(_DEPTHS[low] + part * (_DEPTHS[low + 1] - _DEPTHS[low])))


def crossing_rps(curve: Curve, times_s: Floats, limit_s: float) -> float:
    """The largest measured or interpolated rate whose time is within the limit."""
    within = int(np.searchsorted(times_s, limit_s, side="right"))
    if within == 0:
        return 0.0
    if within == len(times_s):
        return float(curve.rate_rps[-1])
    part = (limit_s - times_s[within - 1]) / (times_s[within] - times_s[within - 1])
    low, high = curve.in_flight[within - 1], curve.in_flight[within]
    return curve.rate_at_rps(float(low + part * (high - low)))
