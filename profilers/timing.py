"""Times a trial's batch sizes: all of them, or those that the others cannot be read off.

All are timed in turns (`profilers.measure`). With `fewer_points` the smallest and the
largest are timed together, then one by one whichever `profilers.points` asks for, until
the rest is as well known as those, or of no use.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from profilers import machine, measure
from profilers.measure import Clock, Timing
from profilers.points import Curve, completed
from profilers.trials import Trial
from profilers.watch import Watch


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
) -> Timed:
    """What `run(batch)` takes at the trial's batch sizes."""
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

    if trial.fewer_points:
        timings, grid = _fewer(measured, trial)
    else:
        timings, grid = measured(trial.batches), ()
    return Timed(
        timings=timings,
        error_frac=measure.error_band_frac(timings),
        rested_s=measure.rested_s(run, timings[0].point, clock=clock),
        batch_grid=grid,
    )


def _fewer(
    measured: Callable[[Sequence[int]], tuple[Timing, ...]], trial: Trial
) -> tuple[tuple[Timing, ...], tuple[int, ...]]:
    """Timings, and the grid that they stand for."""
    known: dict[int, Timing] = {}

    def seconds(batches: Sequence[int]) -> dict[int, float]:
        found = {t.point.batch: t for t in measured(batches)}
        known.update(found)
        return {batch: t.point.p50_s for batch, t in found.items()}

    def every() -> tuple[Timing, ...]:
        return tuple(known[batch] for batch in sorted(known))

    curve = completed(
        Curve.unknown(trial.batches, limit_s=trial.limit_s),
        seconds,
        band_frac=lambda: measure.error_band_frac(every()),
    )
    return every(), curve.grid
