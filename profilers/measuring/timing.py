"""Times a trial's batch sizes: all of them, or those that the others cannot be read off.

All are timed in turns (`profilers.measuring.measure`). With `fewer_points` the smallest and the
largest are timed together, then one by one whichever `profilers.points` asks for, until
the rest is known as well as a repetition would tell it, or of no use.

Where a part of the curve was timed earlier, what was calm then is not timed again, but for
the smallest of it: beside what is new, it shows whether the machine is still as
fast as it was, within the bands of its two timings. If not, all is timed anew.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from profilers.measuring import machine, measure
from profilers.measuring.measure import Clock, Timing
from profilers.measuring.watch import Watch
from profilers.points import Curve, completed
from profilers.trials import Trial

Measured = Callable[[Sequence[int]], tuple[Timing, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Timings by batch, ascending; the grid, where not all of it was timed."""

    timings: tuple[Timing, ...]
    error_frac: float
    rested_s: float
    batch_grid: tuple[int, ...] = ()

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
        nonlocal rule
        # What follows finds the machine hot.
        asked, rule = rule, replace(rule, soak_s=0.0)
        return measure.measure_batches(
            run,
            batches,
            clock=clock,
            stolen_frac=machine.StolenTime(),
            rule=asked,
            energy_j=watch.meter.energy_j,
            on_block=watch.note,
        )

    grid: tuple[int, ...] = ()
    if trial.fewer_points:
        timings, grid = _fewer(measured, trial), trial.batches
    else:
        timings = part(measured, trial.batches, earlier)
    return Timed(
        timings=timings,
        error_frac=measure.error_band_frac(timings),
        rested_s=measure.rested_s(run, timings[0].point, clock=clock)
        if earlier is None
        else earlier.rested_s,
        batch_grid=tuple(sorted(set(grid))),
    )


def _fewer(measured: Measured, trial: Trial) -> tuple[Timing, ...]:
    """Those that the others can be read off from."""
    known: dict[int, Timing] = {}

    def seconds(batches: Sequence[int]) -> dict[int, float]:
        found = _by_batch(measured(batches))
        known.update(found)
        return {batch: t.point.p50_s for batch, t in found.items()}

    completed(Curve.unknown(trial.batches, limit_s=trial.limit_s), seconds)
    return _ascending(known)


def part(
    measured: Measured, batches: Sequence[int], earlier: Timed | None
) -> tuple[Timing, ...]:
    """All of these batch sizes, those of `earlier` included that still hold."""
    known = {
        batch: timing
        for batch, timing in _by_batch(earlier.timings if earlier else ()).items()
        if batch in batches and not timing.point.is_noisy
    }
    new = [batch for batch in batches if batch not in known]
    if not known or not new:
        return _ascending({**known, **_by_batch(measured(new) if new else ())})
    smallest = min(known)
    found = _by_batch(measured((smallest, *new)))
    before_s, now_s = (k[smallest].point.p50_s for k in (known, found))
    most = 1 + measure.error_band_frac((known[smallest], found[smallest]))
    if max(now_s / before_s, before_s / now_s) > most:
        rest = [batch for batch in known if batch != smallest]
        known = _by_batch(measured(rest) if rest else ())
    return _ascending({**known, **found})


def _ascending(timings: Mapping[int, Timing]) -> tuple[Timing, ...]:
    return tuple(timings[batch] for batch in sorted(timings))


def _by_batch(timings: Sequence[Timing]) -> dict[int, Timing]:
    return {t.point.batch: t for t in timings}
