"""Turns profiling jobs into trials, runs those not in the store, tells what they gave.

jobs ──► wanted (model, variant, device) ──► trials by content key     `asking`
──► stored? ──► else measured on the executor, stored as each comes
──► noisy ones once more ──► profiles, failures, warnings      `answering`
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from planner.domain.profiles import BatchProfile
from planner.domain.profiling import (
    PointsTimed,
    ProfilingJob,
    ProfilingOutcome,
    ProfilingProgress,
    UserModel,
)
from planner.ports import Planned
from profilers.answering import Answering, timed_here
from profilers.asking import Asking, asked
from profilers.deciding import Deciding
from profilers.demand import Demand, Settled
from profilers.emulators import calibration
from profilers.int8_ways import Int8Ways
from profilers.ports import Emulator, Executor
from profilers.running.limits import Limits
from profilers.running.process import resolve, utc_now
from profilers.running.session import OnProgress, Session
from profilers.store import ProfileStore
from profilers.trials import (
    LOCAL,
    Envelope,
    Failure,
    Measurement,
    Trial,
    TrialKey,
    TrialResult,
)

if TYPE_CHECKING:
    from planner.ports import Profiler


@dataclass(slots=True, kw_only=True)
class _Run:
    """One call of `profile`: what it knows by now, and how much of it it measured."""

    session: Session
    answering: Answering
    results: dict[TrialKey, TrialResult] = field(default_factory=dict)
    n_measured: int = 0

    def told(self, settled: Settled) -> ProfilingOutcome:
        """The outcome so far."""
        return replace(
            self.answering.outcome(settled),
            n_measured=self.n_measured,
            n_cached=len(self.results) - self.n_measured,
            environment=self.session.environment,
        )


class Profiling:
    """Implements `planner.ports.Profiler`.

    `identity` is "module:function", from a model to the hash of its content.
    With `retry_failed`, stored failures are measured anew; with `again` all that is stored,
    and what is found takes its place. A measurement for
    "local" has the room of `local_envelope`: one thread unless told otherwise,
    because more of them on a busy machine were seen to run 30 times slower.
    """

    def __init__(
        self,
        store: ProfileStore,
        executor: Executor,
        *,
        emulator: Emulator,
        identity: str = "profilers.worker:identity",
        retry_failed: bool = False,
        again: bool = False,
        local_envelope: Envelope = Envelope(),  # noqa: B008  # frozen
        limits: Limits = Limits(),  # noqa: B008  # frozen
        now: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        self._store = store
        self._executor = executor
        self._emulator = emulator
        self._identity = identity
        self._retry_failed = retry_failed
        self._again = again
        self._local_envelope = local_envelope
        self._limits = limits
        self._now = now

    def reachable_devices(self) -> Sequence[str]:
        """Catalogue names of the devices that take part or can be emulated.

        "local" is always reached.

        Raises:
            DeviceUnavailableError: The cluster does not answer.
        """
        there = self._executor.devices()
        return tuple(dict.fromkeys([*there, *self._emulator.devices()]))

    def references(self) -> Sequence[BatchProfile]:
        """Published models as they were timed here, in the room of a lone replica."""
        room = self._local_envelope
        asking = self._asking({LOCAL: self._executor.environment()})
        demand = asking.demand(calibration.jobs(((room.threads, room.replicas),)))
        return timed_here(demand, self._store.lookup(demand.trials))

    def profile(
        self,
        jobs: Sequence[ProfilingJob],
        *,
        on_progress: OnProgress,
        planned: Planned | None = None,
    ) -> ProfilingOutcome:
        """Profiles of every variant of every job; what is stored is not measured again.

        Where there is a `planned`, it is asked again and again about profiles that hold
        every batch size not timed at its fastest, and what no plan uses is not timed.

        Raises:
            ProfilingError: Nothing can be measured here at all.
        """
        environments = {
            LOCAL: self._executor.environment(),
            **{d: self._executor.environment(d) for d in self._executor.devices()},
        }
        demand = self._asking(environments).demand(jobs)
        answering = Answering(
            emulator=self._emulator, store=self._store, here=environments.keys()
        )
        with self._session(environments[LOCAL], on_progress) as session:
            run = _Run(session=session, answering=answering)
            settled, points = self._found(demand, run, planned)
        on_progress(_progress(settled.results, settled.demand, "mapping to devices"))
        found = {j.model.name: asked(partial(self._identify, j.model)) for j in jobs}
        return replace(
            run.told(settled),
            model_sha256={n: i for n, i in found.items() if isinstance(i, str)},
            points=points,
        )

    def _found(
        self, demand: Demand, run: _Run, planned: Planned | None
    ) -> tuple[Settled, PointsTimed | None]:
        """All of a demand, or as far as a plan hangs on it."""
        if planned is None:
            return self._settled(demand, run), None
        deciding = Deciding(
            demand=demand,
            settle=partial(self._settled, run=run),
            told=run.told,
            planned=planned,
        )
        return deciding.run(whole=self._known(demand))

    def _asking(self, environments: Mapping[str, Mapping[str, str]]) -> Asking:
        return Asking(
            emulator=self._emulator,
            environments=environments,
            identify=self._identify,
            cores=self._executor.cores,
            local_envelope=self._local_envelope,
            int8_way=Int8Ways(
                store=self._store,
                identify=self._identify,
                environment=environments[LOCAL],
                now=self._now,
            ).way,
        )

    def _identify(self, model: UserModel) -> str:
        return str(resolve(self._identity)(model))

    def _settled(self, demand: Demand, run: _Run) -> Settled:
        """What a demand's trials gave, devices that are cramped in their own rooms."""
        self._measure(demand, run)
        cramped = [
            w
            for w in demand.wanted
            if w.key and w.roomier and isinstance(run.results[w.key], Failure)
        ]
        if cramped:
            demand = demand.with_own_rooms(cramped)
            self._measure(demand, run)
        return Settled(
            demand=demand, results={k: run.results[k] for k in demand.trials}
        )

    def _measure(self, demand: Demand, run: _Run) -> None:
        """See to it that the run has a result of every trial of the demand."""

        def missing() -> dict[TrialKey, Trial]:
            new = replace(
                demand,
                trials={k: t for k, t in demand.trials.items() if k not in run.results},
            )
            run.results.update(self._known(new))
            return {k: t for k, t in new.trials.items() if k not in run.results}

        if not missing():
            return
        there = {k: run.results[k] for k in demand.trials if k in run.results}
        waiting = _progress(there, demand, "waiting for another run to measure")
        told = run.session.on_progress
        with self._store.exclusively(on_wait=lambda: told(waiting)):
            left = missing()  # the other run's are there now
            if left:
                n_known = len(demand.trials) - len(left)
                run.results.update(run.session.measure(left, n_known=n_known))
                run.n_measured += len(left)

    def _session(
        self, environment: Mapping[str, str], on_progress: OnProgress
    ) -> Session:
        return Session(
            store=self._store,
            executor=self._executor,
            limits=self._limits,
            environment=environment,
            now=self._now,
            on_progress=on_progress,
        )

    def _known(self, demand: Demand) -> Mapping[TrialKey, TrialResult]:
        if self._again:
            return {}
        found = dict(self._store.lookup(demand.trials))
        found |= self._found_otherwise(demand, found)
        known = {k: r for k, r in found.items() if _reaches(r, demand.trials[k])}
        if self._retry_failed:
            return {k: r for k, r in known.items() if isinstance(r, Measurement)}
        return {k: _dated(r) for k, r in known.items()}

    def _found_otherwise(
        self, demand: Demand, found: Mapping[TrialKey, TrialResult]
    ) -> dict[TrialKey, TrialResult]:
        """What is stored with more or fewer points timed, as far as it reaches."""
        keys = {
            key: other
            for w in demand.wanted
            if (key := w.key)
            and key in demand.trials
            and (other := w.otherwise_key)
            and not _reaches(found.get(key), w.trial)
        }
        stored = self._store.lookup(keys.values())
        return {
            key: stored[other]
            for key, other in keys.items()
            if other in stored and _reaches(stored[other], demand.trials[key])
        }


def _reaches(result: TrialResult | None, trial: Trial | None) -> bool:
    """Whether a stored result says all that the trial asks; a failure says it all."""
    if not isinstance(result, Measurement):
        return result is not None
    if not result.batch_grid or result.limit_s is None:
        return True
    limit_s = None if trial is None else trial.limit_s
    return limit_s is not None and limit_s <= result.limit_s


def _dated(result: TrialResult) -> TrialResult:
    """A stored failure says that it is one, so that nobody looks for it in this run."""
    if isinstance(result, Measurement):
        return result
    kept = f"(kept from {result.failed_at:%Y-%m-%d}, --retry-failed tries again)"
    return replace(result, reason=f"{result.reason} {kept}")


def _progress(
    results: Mapping[TrialKey, TrialResult], demand: Demand, what: str
) -> ProfilingProgress:
    return ProfilingProgress(done=len(results), total=len(demand.trials), what=what)


if TYPE_CHECKING:

    def _proof(store: ProfileStore, executor: Executor, emulator: Emulator) -> Profiler:
        return Profiling(store, executor, emulator=emulator)
