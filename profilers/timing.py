"""Times a trial's batch sizes: all of them, or those that the others cannot be read off.

All are timed in turns (`profilers.measure`). With `fewer_points` the smallest and the
largest are timed together, then one by one whichever `profilers.points` asks for, until
the rest is known as well as a repetition would tell it, or of no use.

Where a part of the curve was timed earlier, what was calm then is not timed again, but for
the smallest of it: beside the first that is new, it shows whether the machine is still as
fast as it was, within the bands of its two timings. If not, all is timed anew.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from profilers import machine, measure
from profilers.measure import Clock, Timing
from profilers.points import Curve, completed
from profilers.trials import Trial
from profilers.watch import Watch

Measured = Callable[[Sequence[int]], tuple[Timing, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Timings by batch, ascending; the grid, where not all of it was timed.

    `foreseen_frac` is the curve's (`profilers.points`).
    """

    timings: tuple[Timing, ...]
    error_frac: float
    rested_s: float
    batch_grid: tuple[int, ...] = ()
    foreseen_frac: Mapping[int, float] = field(default_factory=dict)

    @property
    def drift_ratio(self) -> float:
        """The worst of them."""
        return max(t.drift_ratio for t in self.timings)


def timed(
    run: Callable[[int], object],
    trial: Trial,
    *,
    clock: Clock,
    watch: Watch,
    rule: measure.SamplingRule = measure.DEFAULT_RULE,
    earlier: Timed | None = None,
) -> Timed:
    """What `run(batch)` takes at the trial's batch sizes; `earlier` is of the same curve."""
    soak_s = trial.envelope.soak_s
    rule = replace(rule, percentile_frac=trial.percentile_frac, soak_s=soak_s)

    def measured(batches: Sequence[int]) -> tuple[Timing, ...]:
        return measure.measure_batches(
            run,
            batches,
            clock=clock,
            stolen_frac=machine.StolenTime(),
            rule=rule,
            energy_j=watch.meter.energy_j,
            on_block=watch.note,
        )

    curve = None
    if trial.fewer_points:
        timings, curve = fewer(measured, trial, earlier)
    else:
        timings = measured(trial.batches)
    return Timed(
        timings=timings,
        error_frac=measure.error_band_frac(timings),
        rested_s=measure.rested_s(run, timings[0].point, clock=clock)
        if earlier is None
        else earlier.rested_s,
        batch_grid=curve.grid if curve else (),
        foreseen_frac=curve.foreseen_frac if curve else {},
    )


def fewer(
    measured: Measured, trial: Trial, earlier: Timed | None
) -> tuple[tuple[Timing, ...], Curve]:
    """Timings, and the curve that they stand for."""
    curve = Curve.unknown(trial.batches, limit_s=trial.limit_s)
    known: dict[int, Timing] = {}
    if earlier is not None:
        curve, known = _gone_on(curve, earlier, measured)

    def seconds(batches: Sequence[int]) -> dict[int, float]:
        found = _by_batch(measured(batches))
        known.update(found)
        return {batch: t.point.p50_s for batch, t in found.items()}

    curve = completed(curve, seconds)
    return tuple(known[batch] for batch in sorted(known)), curve


def _gone_on(
    unknown: Curve, earlier: Timed, measured: Measured
) -> tuple[Curve, dict[int, Timing]]:
    """The curve with what is known of it and with what is new, or with that alone."""
    known = {
        batch: timing
        for batch, timing in _by_batch(earlier.timings).items()
        if batch in unknown.grid and not timing.point.is_noisy
    }
    if not known:
        return unknown, known
    foreseen = {b: f for b, f in earlier.foreseen_frac.items() if b in known}
    curve = replace(_with(unknown, known), foreseen_frac=foreseen)
    new = curve.next_batches()
    if not new:
        return curve, known
    smallest = min(known)
    found = _by_batch(measured((smallest, *new)))
    before_s, now_s = (k[smallest].point.p50_s for k in (known, found))
    most = 1 + measure.error_band_frac((known[smallest], found[smallest]))
    if max(now_s / before_s, before_s / now_s) > most:
        return _with(unknown, found), found
    return _with(curve, found), {**known, **found}


def _with(curve: Curve, found: Mapping[int, Timing]) -> Curve:
    for batch, timing in found.items():
        curve = curve.with_timed(batch, timing.point.p50_s)
    return curve


def _by_batch(timings: Sequence[Timing]) -> dict[int, Timing]:
    return {t.point.batch: t for t in timings}
