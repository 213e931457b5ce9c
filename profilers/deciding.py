"""Measures curves no farther than the plan hangs on, asking whoever plans in between.

    smallest batch of each ──► profiles, other batches at their fastest ──► plan
              ▲                                                              │
              └──── of each curve what the plan uses, where that is not ◄────┘
                    timed; else it is over

(`profilers.points`). A curve is what one trial would tell of its whole grid; devices that
share the trial share what is known of it. What is stored of the whole grid counts as known.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from planner.domain.profiles import ProfileKey
from planner.domain.profiling import PointsTimed, ProfilingOutcome
from planner.ports import Planned
from profilers.demand import Demand, Settled, Wanted
from profilers.points import Reach, at_their_fastest, until_decided
from profilers.trials import Failure, Measurement, TrialKey, TrialResult


@dataclass(slots=True, kw_only=True)
class Deciding:
    """`settle` measures what a demand lacks, `told` makes profiles of what it found."""

    demand: Demand
    settle: Callable[[Demand], Settled]
    told: Callable[[Settled], ProfilingOutcome]
    planned: Planned
    n_plans: int = 0

    def run(self, whole: Collection[TrialKey]) -> tuple[Settled, PointsTimed]:
        """What was measured in the end; `whole` curves are known before."""
        reaches = {
            key: replace(reach, timed=frozenset(reach.grid)) if key in whole else reach
            for key, reach in self.demand.reaches().items()
        }
        known = until_decided(reaches, timed=self._failed, planned=self._used)
        settled = self.settle(self.demand.known(known))
        sure = {
            w.key: _sure(settled.results[w.key], known[w.curve])
            for w in settled.demand.wanted
            if w.key and w.curve
        }
        told = replace(settled, results={**settled.results, **sure})
        return told, self._points(told, known)

    def _failed(self, wanted: Mapping[TrialKey, Reach]) -> Collection[TrialKey]:
        """Make these known so far; the curves that no device has a result of."""
        found = _by_curve(self.settle(self.demand.known(wanted)))
        return {key for key in wanted if key not in found}

    def _used(self, known: Mapping[TrialKey, Reach]) -> Mapping[TrialKey, int]:
        """How far the best plan uses each curve."""
        self.n_plans += 1
        settled = self.settle(self.demand.known(known))
        hoped = {
            w.key: _hoped(settled.results[w.key], known[w.curve])
            for w in settled.demand.wanted
            if w.key and w.curve
        }
        results = {**settled.results, **hoped}
        used = self.planned(self.told(replace(settled, results=results)))
        farthest: dict[TrialKey, int] = {}
        for w in settled.demand.wanted:
            batch = used.get(_profile_key(w), 0)
            if w.curve and batch:
                farthest[w.curve] = max(batch, farthest.get(w.curve, 0))
        return farthest

    def _points(self, settled: Settled, known: Mapping[TrialKey, Reach]) -> PointsTimed:
        grids = self.demand.reaches()
        found = _by_curve(settled)
        timed = {key: _timed(measurement) for key, measurement in found.items()}
        return PointsTimed(
            n_curves=len(found),
            n_grid=sum(len(grids[key].grid) for key in found),
            n_timed=sum(len(batches) for batches in timed.values()),
            n_read_off=sum(
                len(set(known[key].known) - batches) for key, batches in timed.items()
            ),
            n_plans=self.n_plans,
        )


def _profile_key(wanted: Wanted) -> ProfileKey:
    return ProfileKey(
        model=wanted.model,
        device=wanted.device,
        device_count=1,
        variant=wanted.variant,
    )


def _by_curve(settled: Settled) -> dict[TrialKey, Measurement]:
    return {
        w.curve: result
        for w in settled.demand.wanted
        if w.key
        and w.curve
        and isinstance(result := settled.results[w.key], Measurement)
    }


def _hoped(result: TrialResult, reach: Reach) -> TrialResult:
    """The result as a plan may at best find it at batch sizes that are not known."""
    if isinstance(result, Failure) or not result.points:
        return result
    points = at_their_fastest(result.points, reach)
    return replace(result, points=points, batch_grid=reach.grid)


def _sure(result: TrialResult, reach: Reach) -> TrialResult:
    """The result for plans that use what is known alone."""
    if isinstance(result, Failure) or not result.points or reach.known == reach.grid:
        return result
    return replace(result, batch_grid=reach.known)


def _timed(measurement: Measurement) -> set[int]:
    """The batch sizes that were; a language model's are told by its tokens."""
    timed = {p.batch for p in measurement.points}
    return timed | {p.batch for p in measurement.tokens}
