"""Drives a schedule on an executor, stores each result as it comes, repeats noisy ones.

A session lasts as long as its run, which may measure again and again, as a plan comes to
hang on more: the workers, and what they have loaded, wait for it in between.

A noisy measurement is made once more after all others, when what disturbed it
may be over. The two runs are then merged by `settled`.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Self

from planner.domain.profiling import ProfilingProgress
from profilers.encoding import encode
from profilers.measuring.out_of_memory import told_with_limit
from profilers.ports import Executor
from profilers.running.events import KeepFailure, KeepMeasurement, RunTrial, Ticked
from profilers.running.limits import Limits
from profilers.running.schedule import Schedule
from profilers.store import ProfileStore, describe
from profilers.trials import Failure, Measurement, Trial, TrialKey, TrialResult

OnProgress = Callable[[ProfilingProgress], None]
# Fewer measurements say nothing of how long the others will take.
_LEAST_FOR_SPEED: Final = 3
Kept = KeepMeasurement | KeepFailure


def drive(
    schedule: Schedule,
    executor: Executor,
    trials: Mapping[TrialKey, Trial],
    *,
    on_start: Callable[[TrialKey], None],
    on_kept: Callable[[Kept], None],
) -> None:
    """Carry the schedule's instructions out until each of the trials is settled."""
    todo = schedule.begin(trials, at_s=executor.at_s())
    while True:
        for instruction in todo:
            if isinstance(instruction, KeepMeasurement | KeepFailure):
                on_kept(instruction)
                continue
            if isinstance(instruction, RunTrial):
                on_start(instruction.key)
            executor.execute(instruction)
        if schedule.is_finished:
            return
        due_s = schedule.next_deadline_s
        left_s = None if due_s is None else max(0.0, due_s - executor.at_s())
        events = [*executor.wait(timeout_s=left_s), Ticked(at_s=executor.at_s())]
        todo = tuple(i for event in events for i in schedule.handle(event))


def is_noisy(result: TrialResult | None) -> bool:
    """Whether any of its points is."""
    return isinstance(result, Measurement) and any(p.is_noisy for p in result.points)


def settled(first: Measurement, second: TrialResult) -> Measurement:
    """What two runs of a noisy trial say together.

    The second where it is calm. Else the one with the narrower band, widened by
    how far the medians of the two runs lie apart: the machine's noise between
    runs is not in either run's own spread.
    """
    if isinstance(second, Failure):
        return _warned(first, f"noisy; measured again it failed: {second.reason}")
    if not is_noisy(second):
        return _warned(second, "noisy at first, calm when measured again")
    calmer = min(first, second, key=lambda m: m.error_frac)
    others = {p.batch: p.p50_s for p in first.points}
    ratios = [p.p50_s / others[p.batch] for p in second.points if others.get(p.batch)]
    apart_ratio = max((max(r, 1 / r) for r in ratios if r > 0), default=1.0)
    widened = replace(calmer, error_frac=(1 + calmer.error_frac) * apart_ratio - 1)
    return _warned(
        widened,
        "noisy, and noisy again when measured a second time: medians up to"
        f" {apart_ratio - 1:.0%} apart, error band widened to {widened.error_frac:.0%}",
    )


def _warned(measurement: Measurement, warning: str) -> Measurement:
    return replace(measurement, warnings=(*measurement.warnings, warning))


@dataclass(slots=True, kw_only=True)
class Session:
    """Measures trials for one run, as a context: workers end with it.

    `n_known` counts what is known of the present lot without this session.
    """

    store: ProfileStore
    executor: Executor
    limits: Limits
    environment: Mapping[str, str]
    now: Callable[[], dt.datetime]
    on_progress: OnProgress
    results: dict[TrialKey, TrialResult] = field(default_factory=dict)
    n_known: int = 0
    schedule: Schedule | None = None  # None before anything was to be measured
    began_s: float = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.schedule is not None:
            self.executor.close()

    def measure(
        self, trials: Mapping[TrialKey, Trial], *, n_known: int
    ) -> Mapping[TrialKey, TrialResult]:
        """Every trial's result, each stored as soon as it is there.

        Noisy ones are measured once more, unless most are: then the machine is
        busy all the time, and again would only be twice as long.

        Raises:
            ProfilingError: Nothing can be run there, or nothing stored.
        """
        schedule = self._opened()
        self.results, self.n_known = {}, n_known
        self.began_s = self.executor.at_s()
        self._run(schedule, trials, n_total=n_known + len(trials), note="")
        noisy = {k: t for k, t in trials.items() if is_noisy(self.results[k])}
        if 0 < len(noisy) <= max(2, len(trials) // 2):
            note = ", once more because it was noisy"
            self._run(schedule, noisy, n_total=n_known + len(trials), note=note)
        return self.results

    def _opened(self) -> Schedule:
        if self.schedule is None:
            slots = self.executor.open()
            devices = {slot: self.executor.device_of(slot) for slot in slots}
            self.schedule = Schedule(slots, self.limits, devices)
        return self.schedule

    def _run(
        self,
        schedule: Schedule,
        trials: Mapping[TrialKey, Trial],
        *,
        n_total: int,
        note: str,
    ) -> None:
        def tell(trial: Trial) -> None:
            self.on_progress(
                ProfilingProgress(
                    done=self.n_known + len(self.results),
                    total=n_total,
                    what=f"{trial.model.name} {describe(trial)}{note}",
                    done_per_s=self._done_per_s(),
                )
            )

        def start(key: TrialKey) -> None:
            to_start.discard(key)
            tell(trials[key])

        def keep(kept: Kept) -> None:
            to_start.discard(kept.key)
            self._keep(kept, trials[kept.key])
            # Else what starts next on its slot tells.
            if not to_start:
                tell(trials[kept.key])

        to_start = set(trials)
        drive(schedule, self.executor, trials, on_start=start, on_kept=keep)

    def _done_per_s(self) -> float | None:
        """Of this run's own; None as long as they are few."""
        took_s = self.executor.at_s() - self.began_s
        if len(self.results) < _LEAST_FOR_SPEED or took_s <= 0:
            return None
        return len(self.results) / took_s

    def _keep(self, kept: Kept, trial: Trial) -> None:
        result = self._result(kept, trial)
        earlier = self.results.get(kept.key)
        if isinstance(earlier, Measurement):
            result = settled(earlier, result)
        self.store.keep(kept.key, trial, result)
        self.results[kept.key] = result

    def _result(self, kept: Kept, trial: Trial) -> TrialResult:
        if isinstance(kept, KeepFailure):
            return self._failure(
                told_with_limit(kept.reason, trial.envelope.memory_bytes)
            )
        try:
            encode(kept.measurement)
        except ValueError:
            return self._failure("it gave a figure that is infinite or not a number")
        return kept.measurement

    def _failure(self, reason: str) -> Failure:
        return Failure(
            reason=reason, failed_at=self.now(), environment=self.environment
        )
