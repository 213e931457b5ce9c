"""A trace as traffic: hourly rates, index of dispersion, and how long bursts last.

The rate of each hour of the day (or week, both UTC where the trace has dates) is what
came in it over how long the trace covers it; a trace of less than a day gives one
constant rate. What is left within hours is
burstiness: the index of dispersion of counts in windows of t,

    I(t) = Σ_h Var_h(N_t) / Σ_h E_h[N_t]         over hours h, so that the day's wave,
                                                  which the rates tell, is not counted

rises from 1 (Poisson) towards I(∞) as bursts fit into the window; I(∞) and τ are those
whose two-level process (`planner.simulate.arrivals`) comes nearest, in least squares of
ln I over WINDOWS_S. Windows of counts are never finer than the counts.

Scaling keeps the rate's shape relative to its mean. Fewer requests: each is kept with
the same probability (thinning). More: each is followed by so many others, uniformly in
the gap that follows, so that gaps are as crowded as they were, in proportion.
"""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.simulate.arrays import Floats, Ints
from planner.simulate.arrivals import Arrivals
from planner.specs.shapes import H_PER_DAY, H_PER_WEEK, Traffic
from planner.specs.traces import Trace
from planner.units import BYTES_PER_KIB, S_PER_H

WINDOWS_S: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
# A variance of fewer windows than this is noise.
LEAST_WINDOWS: Final = 8
# As many as three months of seconds: more of them say nothing new.
MOST_WINDOWS: Final = 8_000_000
# Grid of correlation times looked at, from a window to an hour.
TIME_SCALES_S: Final = tuple(float(s) for s in np.geomspace(0.5, S_PER_H, 60))
# Below, counts are taken as Poisson: a test of 200 windows would not tell them apart.
LEAST_DISPERSION: Final = 1.3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Covered:
    """Requests of each hour of a cycle, and how long the trace covers it."""

    requests: Floats
    covered_s: Floats

    @property
    def rates_rps(self) -> Floats:
        """Zero where an hour is not covered."""
        return np.divide(
            self.requests,
            self.covered_s,
            out=np.zeros_like(self.requests),
            where=self.covered_s > 0,
        )


def fitted(trace: Trace) -> Traffic:
    """The trace as hourly rates (1, 24 or 168) with its burstiness."""
    hours = trace.span_s / S_PER_H
    cycle = next((c for c in (H_PER_WEEK, H_PER_DAY) if hours >= c), 1)
    rates = tuple(float(r) for r in by_hour(trace, cycle).rates_rps)
    ratio, time_scale_s = burstiness(trace)
    return Traffic(rates_rps=rates, dispersion_ratio=ratio, time_scale_s=time_scale_s)


def by_hour(trace: Trace, cycle_h: int) -> Covered:
    """Its requests by hour of a cycle of so many hours."""
    offset_s = into_cycle_s(trace, cycle_h)
    weights = np.ones(trace.at_s.size) if trace.counts is None else trace.counts
    hour = ((offset_s + trace.at_s) // S_PER_H).astype(np.int64) % cycle_h
    edges_h = np.arange(math.ceil((offset_s + trace.span_s) / S_PER_H)) * S_PER_H
    covered_s = np.minimum(edges_h + S_PER_H, offset_s + trace.span_s)
    covered_s -= np.maximum(edges_h, offset_s)
    of_cycle = (edges_h // S_PER_H).astype(np.int64) % cycle_h
    return Covered(
        requests=_sums(hour, weights, cycle_h),
        covered_s=_sums(of_cycle, np.maximum(covered_s, 0.0), cycle_h),
    )


def _sums(hour: Ints, weights: Floats, cycle_h: int) -> Floats:
    return np.asarray(np.bincount(hour, weights, cycle_h), dtype=np.float64)


def into_cycle_s(trace: Trace, cycle_h: int) -> float:
    """How far into its day, or its week from Monday, a trace begins; 0 without a date."""
    at = trace.starts_at
    if at is None or cycle_h == 1:
        return 0.0
    at = at.astimezone(dt.UTC)
    monday = (at - dt.timedelta(days=at.weekday())).date()
    since = at - dt.datetime.combine(monday, dt.time(), dt.UTC)
    return since.total_seconds() % (cycle_h * S_PER_H)


def burstiness(trace: Trace) -> tuple[float, float]:
    """I(∞) and how long bursts last, in seconds; (1, …) where it is Poisson's."""
    seen = [(t, i) for t in WINDOWS_S if (i := dispersion_ratio(trace, t)) is not None]
    ratio, time_scale_s = _two_levels(seen)
    return (ratio if ratio >= LEAST_DISPERSION else 1.0), time_scale_s


def dispersion_ratio(trace: Trace, window_s: float) -> float | None:
    """Variance over mean of counts in windows, within hours; None where too few fit."""
    counts = _window_counts(trace, window_s)
    per_hour = max(int(S_PER_H // window_s), 1) if trace.span_s > S_PER_H else None
    if counts is None or counts.size < LEAST_WINDOWS:
        return None
    n_hours = 1 if per_hour is None else counts.size // per_hour
    if n_hours < 1 or (per_hour or counts.size) < LEAST_WINDOWS:
        return None
    size = counts.size if per_hour is None else per_hour
    by_hour = counts[: n_hours * size].reshape(n_hours, size)
    mean = float(by_hour.mean(axis=1).sum())
    return float(by_hour.var(axis=1, ddof=1).sum()) / mean if mean > 0 else None


def _window_counts(trace: Trace, window_s: float) -> Floats | None:
    n = int(trace.span_s // window_s)
    if n > MOST_WINDOWS:
        return None
    if trace.counts is None:
        edges = window_s * np.arange(n + 1)
        return np.histogram(trace.at_s, edges)[0].astype(np.float64) if n else None
    interval_s = trace.interval_s
    if window_s < interval_s or window_s % interval_s:
        return None
    whole = np.zeros(round(trace.span_s / interval_s))
    whole[np.rint(trace.at_s / interval_s).astype(np.int64)] = trace.counts
    per_window = round(window_s / interval_s)
    n = whole.size // per_window
    return np.asarray(whole[: n * per_window].reshape(n, per_window).sum(axis=1))


def _two_levels(seen: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """I(∞) and τ nearest to the indices seen at each window."""
    if not seen:
        return 1.0, TIME_SCALES_S[0]
    window_s = np.array([t for t, _ in seen])
    index = np.log(np.maximum([i for _, i in seen], 1e-3))
    best = (math.inf, 1.0, TIME_SCALES_S[0])
    # Bursts longer than the largest window are not told from a trend.
    for tau_s in (s for s in TIME_SCALES_S if s <= window_s.max()):
        part = 1 + np.expm1(-window_s / tau_s) * tau_s / window_s
        # ln(1 + E·part) is not linear in E: a few steps of Gauss and Newton.
        excess = max(float(np.expm1(index).max()), 1e-6) / float(part.max())
        for _ in range(20):
            slope = part / (1 + excess * part)
            gap = index - np.log1p(excess * part)
            excess = max(excess + float(slope @ gap) / float(slope @ slope), 1e-6)
        error = float(((index - np.log1p(excess * part)) ** 2).sum())
        best = min(best, (error, 1 + excess, tau_s))
    return best[1], best[2]


def arrivals_of(
    trace: Trace, rng: np.random.Generator, *, declared_bytes: float = 0.0
) -> Arrivals:
    """The trace's requests; those known by counts at random instants of theirs."""
    at_s = trace.at_s
    if trace.counts is not None:
        starts = np.repeat(trace.at_s, trace.counts.astype(np.int64))
        at_s = np.sort(starts + rng.random(starts.size) * trace.interval_s)
    sizes = trace.request_kib
    return Arrivals(
        at_s=at_s,
        span_s=trace.span_s,
        prompt_tokens=trace.prompt_tokens,
        output_tokens=trace.output_tokens,
        size_ratio=(
            sizes * BYTES_PER_KIB / declared_bytes
            if sizes is not None and declared_bytes > 0
            else None
        ),
    )


def scaled(arrivals: Arrivals, factor: float, rng: np.random.Generator) -> Arrivals:
    """So many times the requests, as bursty as they were."""
    at_s = arrivals.at_s
    more = factor - 1
    if more <= 0:
        kept = np.flatnonzero(rng.random(at_s.size) < factor)
        source, new_s = kept, at_s[kept]
    else:
        extra = np.floor(more + rng.random(at_s.size)).astype(np.int64)
        gap_s = np.diff(at_s, append=arrivals.span_s)
        children = np.repeat(np.arange(at_s.size), extra)
        born_s = at_s[children] + rng.random(children.size) * gap_s[children]
        source = np.concatenate((np.arange(at_s.size), children))
        new_s = np.concatenate((at_s, born_s))
    order = np.argsort(new_s, kind="stable")

    def carried(column: Floats | None) -> Floats | None:
        return None if column is None else column[source[order]]

    return Arrivals(
        at_s=new_s[order],
        span_s=arrivals.span_s,
        prompt_tokens=carried(arrivals.prompt_tokens),
        output_tokens=carried(arrivals.output_tokens),
        size_ratio=carried(arrivals.size_ratio),
    )
