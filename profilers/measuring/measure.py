"""How long a batch takes here: warm-up, a stopping rule, intervals, and noise.

Every batch size is first run until it is steady, then sampled in blocks; the sizes
take turns, block by block, so that drift of the machine falls on all alike, and go on for
`min_window_s` at least, so that slow drift is seen at all. A size is done when the 95 %
confidence interval of its median is narrow enough,

    (high - low) / 2  ≤  half_width_frac · median,

and, where a promise names a far percentile q, when that one's upper end is known, too,

    (high_q - p_q) / p_q  ≤  tail_half_width_frac,

or when its limit of time or samples is reached. A machine that heats up is first kept
busy for `soak_s`, so that what is timed is what it can go on doing. The interval of a quantile is the
distribution-free one between order statistics: with B ~ Binomial(n, q),

    low  = x[l],  l the largest  rank with P(B < l) ≤ 2.5 %
    high = x[u],  u the smallest rank with P(B ≥ u) ≤ 2.5 %

(Hahn and Meeker, Statistical Intervals, 1991, section 5.2); a rank outside 1 … n means that
so few samples do not bound the quantile on that side.

Samples of one block resemble each other more than that theory thinks, so a point is
called noisy when its blocks' medians disagree (their 90th percentile over their 10th above
`max_block_ratio`), when the hypervisor stole time, or when the rule was not met in time. A
noisy point is measured again, `n_retries` times at most.

Error band of a measurement (one-sided, 90 %, as in `planner.domain.evidence`): the
largest over its points of

    max(high, 90th percentile of the block medians) / median - 1
    Φ⁻¹(0.9) · s / (√k · mean),   s the standard deviation of the means of its k blocks

the second since capacity hangs on the mean, which pauses between calls can raise where
no median shows them (a share of a core, neighbours, a machine that stands still);
and never below `REPEATABILITY_FRAC`; a point that stayed noisy takes the largest of its
attempts.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from statistics import NormalDist
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from profilers.trials import MeasuredPoint

CONFIDENCE_FRAC = 0.95
# Measured 2026-11, two shared cores at a load of 5 to 8, torch 2.13 and onnxruntime 1.32: in
# seven fresh processes (a small CNN, fp32 and int8, three batch sizes) the median over
# processes lay within the trial's band, with this as its least width, for 18 of 21 points.
REPEATABILITY_FRAC = 0.05
_BAND_QUANTILE_FRAC = 0.9
_BAND_SIGMAS = NormalDist().inv_cdf(_BAND_QUANTILE_FRAC)
# Pauses before a batch, and how long each is: what it then takes longer hardly grows
# beyond. (A small CNN, 2026-11-29, two virtual x86-64 cores: 1.6 ms right after another,
# 2.3 after 2 ms, 2.6 after 5 ms, 2.65 after 20 ms.)
RESTS = 60
REST_S = 0.01
MAX_RESTED_S = 5.0


class Clock(Protocol):
    """A clock that only goes forward, such as `time.perf_counter`."""

    def __call__(self) -> float:
        """Seconds since some fixed moment."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingRule:
    """When to stop sampling one batch size, and what counts as noise.

    `min_samples`, `min_blocks` and `min_window_s` are waived when `max_point_s` is over,
    `floor_samples` is not: six samples are the fewest that bound a median at 95 %.
    `percentile_frac` is the percentile that matters beside the median.
    """

    half_width_frac: float = 0.025
    min_samples: int = 120
    floor_samples: int = 6
    max_samples: int = 5000
    min_window_s: float = 1.5
    min_blocks: int = 6
    max_point_s: float = 1.0
    block_s: float = 0.02
    min_block_samples: int = 3
    max_block_samples: int = 100
    warm_up_s: float = 1.0
    warm_up_tolerance_frac: float = 0.1
    max_block_ratio: float = 1.3
    max_stolen_frac: float = 0.05
    n_retries: int = 1
    percentile_frac: float = 0.5
    tail_half_width_frac: float = 0.1
    soak_s: float = 0.0


DEFAULT_RULE = SamplingRule()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """A measured point with the error band that its own spread shows.

    `drift_ratio` is how far the medians of its first and last third of blocks lie apart;
    `is_tail_known` whether the percentile that matters is, within the rule.
    """

    point: MeasuredPoint
    error_frac: float
    drift_ratio: float = 1.0
    is_tail_known: bool = True


@dataclass(slots=True)
class _Series:
    batch: int
    block_samples: int
    blocks: list[NDArray[np.float64]] = field(default_factory=list)
    spent_s: float = 0.0
    energy_j: float | None = None  # None where nothing meters

    def drift_ratio(self) -> float:
        third = len(self.blocks) // 3
        if not third:
            return 1.0
        medians_s = self.block_medians_s()
        first_s, last_s = np.median(medians_s[:third]), np.median(medians_s[-third:])
        return float(max(first_s, last_s) / min(first_s, last_s))

    def samples_s(self) -> NDArray[np.float64]:
        return np.concatenate(self.blocks)

    def block_ratio(self) -> float:
        low_s, high_s = np.quantile(self.block_medians_s(), (0.1, 0.9))
        return float(high_s / low_s)

    def mean_band_frac(self) -> float:
        means_s = np.array([block.mean() for block in self.blocks])
        if len(means_s) < 2:
            return 0.0
        error_s = means_s.std(ddof=1) / math.sqrt(len(means_s))
        return float(_BAND_SIGMAS * error_s / means_s.mean())

    def block_medians_s(self) -> NDArray[np.float64]:
        return np.array([np.median(block) for block in self.blocks])


def measure_batches(
    run: Callable[[int], object],
    batches: Sequence[int],
    *,
    clock: Clock,
    stolen_frac: Callable[[], float],
    rule: SamplingRule = DEFAULT_RULE,
    energy_j: Callable[[], float | None] = lambda: None,
    on_block: Callable[[], object] = lambda: None,
) -> tuple[Timing, ...]:
    """Service times of `run(batch)` for each batch size, ascending.

    `stolen_frac` says which share of the machine's time was stolen since it was
    last asked, `energy_j` how much it has used so far; `on_block` is called after each
    block.
    """
    began_s = clock()
    while clock() - began_s < rule.soak_s:
        run(max(batches))
    attempts: dict[int, list[Timing]] = {batch: [] for batch in sorted(set(batches))}
    noisy = list(attempts)
    for _ in range(1 + rule.n_retries):
        stolen_frac()
        sampled = _sample(
            run, noisy, clock=clock, rule=rule, energy_j=energy_j, on_block=on_block
        )
        stolen = stolen_frac()
        for series in sampled:
            timing = _timing(series, stolen_frac=stolen, rule=rule)
            attempts[series.batch].append(timing)
        noisy = [batch for batch, tried in attempts.items() if tried[-1].point.is_noisy]
        if not noisy:
            break
    return tuple(_kept(tried) for tried in attempts.values())


def _kept(tried: Sequence[Timing]) -> Timing:
    """The steady attempt; without one, the best, with the band of the worst."""
    if not tried[-1].point.is_noisy:
        return tried[-1]
    best = min(tried, key=lambda timing: timing.error_frac)
    return replace(best, error_frac=max(timing.error_frac for timing in tried))


def error_band_frac(timings: Sequence[Timing]) -> float:
    """The measurement's `error_frac`: see the module's docstring."""
    return max(REPEATABILITY_FRAC, *(t.error_frac for t in timings))


def _sample(
    run: Callable[[int], object],
    batches: Sequence[int],
    *,
    clock: Clock,
    rule: SamplingRule,
    energy_j: Callable[[], float | None],
    on_block: Callable[[], object],
) -> list[_Series]:
    every = [_warmed_up(run, batch, clock=clock, rule=rule) for batch in batches]
    going = list(every)
    began_s = clock()
    while going:
        for series in going:
            before_j = energy_j()
            block = _block(run, series.batch, series.block_samples, clock=clock)
            after_j = energy_j()
            series.blocks.append(block)
            series.spent_s += float(block.sum())
            if before_j is not None and after_j is not None:
                series.energy_j = (series.energy_j or 0.0) + after_j - before_j
            on_block()
        seen_s = clock() - began_s
        going = [s for s in going if not _done(s, rule, seen_s=seen_s)]
    return every


def _warmed_up(
    run: Callable[[int], object], batch: int, *, clock: Clock, rule: SamplingRule
) -> _Series:
    """Run until two blocks in a row agree, or the time for it is over."""
    began_s = clock()
    run(batch)
    before_s = float(_block(run, batch, 1, clock=clock)[0])
    while True:
        n = _block_samples(before_s, rule, at_least=1)
        after_s = float(np.median(_block(run, batch, n, clock=clock)))
        settled = abs(after_s - before_s) <= rule.warm_up_tolerance_frac * before_s
        if settled or clock() - began_s >= rule.warm_up_s:
            n = _block_samples(after_s, rule, at_least=rule.min_block_samples)
            return _Series(batch=batch, block_samples=n)
        before_s = after_s


def rested_s(
    run: Callable[[int], object],
    point: MeasuredPoint,
    *,
    clock: Clock,
    rest: Callable[[float], object] = time.sleep,
) -> float:
    """What a batch takes longer, in the median, when a pause was before it; at least 0.

    Meanwhile other programs' data came into the caches, and the processor slept. What is
    so slow that the tries would take seconds is not tried: there it is of no weight.
    """
    if point.p50_s * RESTS > MAX_RESTED_S:
        return 0.0
    samples_s = np.empty(RESTS)
    for i in range(RESTS):
        rest(REST_S)
        began_s = clock()
        run(point.batch)
        samples_s[i] = clock() - began_s
    return max(0.0, float(np.median(samples_s)) - point.p50_s)


def _block_samples(service_s: float, rule: SamplingRule, *, at_least: int) -> int:
    wanted = rule.max_block_samples
    if service_s > 0:
        wanted = min(wanted, math.ceil(rule.block_s / service_s))
    return max(at_least, wanted)


def _block(
    run: Callable[[int], object], batch: int, n: int, *, clock: Clock
) -> NDArray[np.float64]:
    samples_s = np.empty(n)
    for i in range(n):
        began_s = clock()
        run(batch)
        samples_s[i] = clock() - began_s
    return samples_s


def _done(series: _Series, rule: SamplingRule, *, seen_s: float) -> bool:
    samples_s = series.samples_s()
    if len(samples_s) < rule.floor_samples:
        return False
    if series.spent_s >= rule.max_point_s or len(samples_s) >= rule.max_samples:
        return True
    is_enough = (
        len(samples_s) >= rule.min_samples
        and len(series.blocks) >= rule.min_blocks
        and seen_s >= rule.min_window_s
    )
    return is_enough and _is_narrow(samples_s, rule) and _is_tail_known(samples_s, rule)


def _is_tail_known(samples_s: NDArray[np.float64], rule: SamplingRule) -> bool:
    if rule.percentile_frac <= 0.5:
        return True
    _, high_s = quantile_interval(samples_s, rule.percentile_frac)
    if high_s is None:
        return False
    tail_s = float(np.quantile(samples_s, rule.percentile_frac))
    return high_s <= (1 + rule.tail_half_width_frac) * tail_s


def _is_narrow(samples_s: NDArray[np.float64], rule: SamplingRule) -> bool:
    low_s, high_s = quantile_interval(samples_s, 0.5)
    if low_s is None or high_s is None:
        return False
    median_s = float(np.median(samples_s))
    return (high_s - low_s) / 2 <= rule.half_width_frac * median_s


def _timing(series: _Series, *, stolen_frac: float, rule: SamplingRule) -> Timing:
    samples_s = series.samples_s()
    is_noisy = (
        series.block_ratio() > rule.max_block_ratio
        or stolen_frac > rule.max_stolen_frac
        or not _is_narrow(samples_s, rule)
    )
    point = point_of(
        series.batch, samples_s, is_noisy=is_noisy, energy_j=series.energy_j
    )
    block_s = float(np.quantile(series.block_medians_s(), _BAND_QUANTILE_FRAC))
    worst_s = max(point.p50_high_s, block_s)
    return Timing(
        point=point,
        error_frac=max(worst_s / point.p50_s - 1.0, series.mean_band_frac()),
        drift_ratio=series.drift_ratio(),
        is_tail_known=_is_tail_known(samples_s, rule),
    )


def point_of(
    batch: int,
    samples_s: NDArray[np.float64],
    *,
    is_noisy: bool = False,
    energy_j: float | None = None,
) -> MeasuredPoint:
    """Quantiles of a batch's times, in seconds; `energy_j` is of all of them together."""
    p50_s, p90_s, p95_s, p99_s = np.quantile(samples_s, (0.5, 0.9, 0.95, 0.99))
    low_s, high_s = quantile_interval(samples_s, 0.5)
    return MeasuredPoint(
        batch=batch,
        p50_s=float(p50_s),
        p50_low_s=float(samples_s.min()) if low_s is None else low_s,
        p50_high_s=float(samples_s.max()) if high_s is None else high_s,
        mean_s=float(samples_s.mean()),
        p90_s=float(p90_s),
        p95_s=float(p95_s),
        p99_s=float(p99_s),
        p95_high_s=quantile_interval(samples_s, 0.95)[1],
        p99_high_s=quantile_interval(samples_s, 0.99)[1],
        n_samples=len(samples_s),
        is_noisy=is_noisy,
        energy_j=None if energy_j is None else energy_j / len(samples_s),
    )


def quantile_interval(
    samples: NDArray[np.float64], quantile_frac: float
) -> tuple[float | None, float | None]:
    """95 % confidence interval of a quantile; None where so few samples do not bound it.

    Example:
        >>> quantile_interval(np.arange(1.0, 11.0), 0.5)
        (2.0, 9.0)
        >>> quantile_interval(np.arange(5.0), 0.5)
        (None, None)
    """
    ordered = np.sort(samples)
    lower, upper = quantile_ranks(len(ordered), quantile_frac)
    low = float(ordered[lower - 1]) if lower >= 1 else None
    high = float(ordered[upper - 1]) if upper <= len(ordered) else None
    return low, high


@cache
def quantile_ranks(n: int, quantile_frac: float) -> tuple[int, int]:
    """Ranks l and u of the interval, counted from 1; 0 and n + 1 mean unbounded."""
    tail_frac = (1 - CONFIDENCE_FRAC) / 2
    below = np.cumsum(_binomial(n, quantile_frac))  # below[k] = P(B ≤ k)
    # P(B < l) = below[l - 1], and P(B ≥ u) = 1 - below[u - 1].
    lower = int(np.searchsorted(below, tail_frac, side="right"))
    upper = int(np.searchsorted(below, 1 - tail_frac, side="left")) + 1
    return lower, upper


def _binomial(n: int, p: float) -> NDArray[np.float64]:
    """Probabilities of 0 … n successes, by logarithms so that large n do not underflow."""
    log_factorial = np.array([math.lgamma(k + 1) for k in range(n + 1)])
    k = np.arange(n + 1)
    log_choose = log_factorial[n] - log_factorial - log_factorial[::-1]
    return np.asarray(np.exp(log_choose + k * math.log(p) + (n - k) * math.log1p(-p)))
