"""Turns profiling jobs into trials, runs those not in the store, maps results to devices.

    jobs ──► wanted (model, variant, device) ──► trials by content key
         ──► stored? ──► else measured on the executor, stored as each comes
         ──► noisy ones once more ──► profiles, failures, warnings

Devices whose envelopes differ only in memory share the measurement in the tightest
of them; where that fails, each is measured in its own.

A device named "local" is the machine that measures; its profile is `measured`. So is
that of a device which takes part in the cluster, measured on itself with all its cores.
Every other device is the emulator's: it says in which envelope to measure, may
ask for trials of models with published profiles, and maps the measurement. What a
deployment on a device was seen to do under load (`planner verify --store`) goes
before both.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, TypeVar

from planner.domain.profiles import BatchProfile, TokenRates
from planner.domain.profiling import (
    ProfilingFailure,
    ProfilingJob,
    ProfilingOutcome,
    ProfilingProgress,
    UserModel,
)
from planner.domain.variants import Runtime, Variant
from planner.errors import ProfilingError
from planner.ports import Planned
from profilers.deciding import Deciding, Settled
from profilers.demand import Demand, Wanted
from profilers.ports import Emulator, Executor
from profilers.process import resolve, utc_now
from profilers.profiles import deployed_profile, measured_profile
from profilers.schedule import (
    Limits,
    TrialKey,
)
from profilers.session import OnProgress, Session
from profilers.store import ProfileStore, deployed_key, describe, trial_key
from profilers.trials import (
    LOCAL,
    Deployed,
    Envelope,
    Failure,
    Measurement,
    Trial,
    TrialResult,
)

if TYPE_CHECKING:
    from planner.ports import Profiler

Answer = TypeVar("Answer")
Answered = BatchProfile | TokenRates | str


@dataclass(slots=True, kw_only=True)
class _Run:
    """One call of `profile`: what it knows by now, and how much of it it measured."""

    environment: Mapping[str, str]
    on_progress: OnProgress
    results: dict[TrialKey, TrialResult] = field(default_factory=dict)
    n_measured: int = 0


class Profiling:
    """Implements `planner.ports.Profiler`.

    `identity` is "module:function", from a model to the hash of its content.
    With `retry_failed`, stored failures are measured anew. A measurement for
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
        local_envelope: Envelope = Envelope(),  # noqa: B008  # frozen
        limits: Limits = Limits(),  # noqa: B008  # frozen
        now: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        self._store = store
        self._executor = executor
        self._emulator = emulator
        self._identity = identity
        self._retry_failed = retry_failed
        self._local_envelope = local_envelope
        self._limits = limits
        self._now = now
        self._environments: Mapping[str, Mapping[str, str]] = {}

    def reachable_devices(self) -> Sequence[str]:
        """Catalogue names of the devices that take part or can be emulated.

        "local" is always reached.

        Raises:
            DeviceUnavailableError: The cluster does not answer.
        """
        there = self._executor.devices()
        return tuple(dict.fromkeys([*there, *self._emulator.devices()]))

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
        environment = self._executor.environment()
        self._environments = {
            LOCAL: environment,
            **{d: self._executor.environment(d) for d in self._executor.devices()},
        }
        run = _Run(environment=environment, on_progress=on_progress)
        demand = self._demand(jobs, environment)
        points = None
        if planned is None:
            settled = self._settled(demand, run)
        else:
            deciding = Deciding(
                demand=demand,
                settle=partial(self._settled, run=run),
                told=partial(self._outcome, run=run),
                planned=planned,
            )
            settled, points = deciding.run(whole=self._known(demand))
        on_progress(_progress(settled.results, settled.demand, "mapping to devices"))
        found = {j.model.name: _asked(partial(self._identify, j.model)) for j in jobs}
        return replace(
            self._outcome(settled, run),
            model_sha256={n: i for n, i in found.items() if isinstance(i, str)},
            points=points,
        )

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
        with self._store.exclusively(on_wait=lambda: run.on_progress(waiting)):
            left = missing()  # the other run's are there now
            if left:
                n_known = len(demand.trials) - len(left)
                session = self._session(run.environment, run.on_progress, n_known)
                run.results.update(session.measure(left))
                run.n_measured += len(left)

    def _session(
        self, environment: Mapping[str, str], on_progress: OnProgress, n_known: int
    ) -> Session:
        return Session(
            store=self._store,
            executor=self._executor,
            limits=self._limits,
            environment=environment,
            now=self._now,
            on_progress=on_progress,
            n_known=n_known,
        )

    def _known(self, demand: Demand) -> Mapping[TrialKey, TrialResult]:
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

    def _demand(
        self, jobs: Sequence[ProfilingJob], environment: Mapping[str, str]
    ) -> Demand:
        wanted = tuple(w for job in jobs for w in self._wanted(job))
        emulated = dict.fromkeys(
            w.device
            for w in wanted
            if w.trial is not None and w.device not in self._environments
        )
        calibrating = (
            self._emulator.calibration_trials(tuple(emulated)) if emulated else ()
        )
        identities = {m: self._identify(m) for m in {t.model for t in calibrating}}
        calibration = {
            trial_key(t, identity=identities[t.model], environment=environment): t
            for t in calibrating
        }
        return Demand.of(wanted, calibration)

    def _wanted(self, job: ProfilingJob) -> Iterator[Wanted]:
        """A refusal of the model or of a device leaves the others standing."""
        identity = _asked(lambda: self._identify(job.model))
        rooms = [
            (device, envelope)
            for device in job.devices
            for envelope in self._rooms(device, job)
        ]
        envelopes = [e for _, e in rooms if isinstance(e, Envelope)]
        for (device, envelope), variant in product(rooms, _variants(job)):
            bare = Wanted(model=job.model.name, variant=variant, device=device)
            if isinstance(identity, ProfilingError):
                yield replace(bare, refusal=str(identity))
            elif isinstance(envelope, ProfilingError):
                yield replace(bare, refusal=str(envelope))
            elif not self._maps(variant, device):
                yield replace(bare, refusal=_unmapped(variant))
            else:
                there = device if device in self._environments else LOCAL
                own = Trial(
                    model=job.model,
                    variant=variant,
                    envelope=envelope,
                    batches=job.batches,
                    device=there,
                    percentile_frac=job.percentile_frac,
                    fewer_points=job.fewer_points,
                    # Elsewhere the same batch may take less than it does here.
                    limit_s=job.limit_s if device in self._environments else None,
                )
                tight = replace(own, envelope=_tightest(envelope, envelopes))
                yield replace(
                    bare,
                    trial=tight,
                    roomier=own if tight != own else None,
                    keyed=partial(
                        trial_key,
                        identity=identity,
                        environment=self._environments[there],
                    ),
                    deployed_key=deployed_key(
                        identity=identity,
                        variant=variant,
                        device=device,
                        threads=envelope.threads,
                    ),
                )

    def _rooms(
        self, device: str, job: ProfilingJob
    ) -> Iterator[Envelope | ProfilingError]:
        """The room, or the rooms asked for on this machine, or why there is none."""
        if device != LOCAL or not (job.rooms or job.local):
            yield _asked(lambda: self._envelope(device))
            return
        here = self._local_envelope
        limits = {} if job.local is None else asdict(job.local)
        for threads, replicas in job.rooms or ((here.threads, here.replicas),):
            yield replace(here, threads=threads, replicas=replicas, **limits)

    def _maps(self, variant: Variant, device: str) -> bool:
        return device in self._environments or (
            variant.runtime is not Runtime.TORCH_CUDA
            and variant.precision in self._emulator.precisions(device)
        )

    def _envelope(self, device: str) -> Envelope:
        if device == LOCAL:
            return self._local_envelope
        if device in self._environments:
            return Envelope(threads=self._executor.cores(device))
        return self._emulator.envelope(device)

    def _identify(self, model: UserModel) -> str:
        return str(resolve(self._identity)(model))

    def _outcome(self, settled: Settled, run: _Run) -> ProfilingOutcome:
        demand, results = settled.demand, settled.results
        if demand.calibration:
            self._emulator.calibrate(
                {t: results[k] for k, t in demand.calibration.items()}
            )
        deployed = self._store.deployed(
            [w.deployed_key for w in demand.wanted if w.deployed_key]
        )
        answers = [
            (w, self._best(self._answer(w, results), w, deployed))
            for w in demand.wanted
        ]
        return ProfilingOutcome(
            profiles=tuple(
                a for _, a in answers if isinstance(a, BatchProfile | TokenRates)
            ),
            failures=tuple(
                ProfilingFailure(
                    model=w.model, variant=w.variant, device=w.device, reason=a
                )
                for w, a in answers
                if isinstance(a, str)
            ),
            warnings=_warnings(demand, results),
            n_measured=run.n_measured,
            n_cached=len(run.results) - run.n_measured,
            environment=run.environment,
        )

    def _best(
        self,
        answer: Answered,
        wanted: Wanted,
        deployed: Mapping[TrialKey, Deployed],
    ) -> Answered:
        """What a deployment on that device was seen to do, where there was one."""
        seen = deployed.get(wanted.deployed_key) if wanted.deployed_key else None
        if seen is None:
            return answer
        otherwise = answer if isinstance(answer, BatchProfile) else None
        return deployed_profile(seen, name=wanted.model, otherwise=otherwise)

    def _answer(
        self, wanted: Wanted, results: Mapping[TrialKey, TrialResult]
    ) -> Answered:
        """The profile wanted, or why there is none."""
        if wanted.trial is None or wanted.key is None:
            return wanted.refusal
        result = results[wanted.key]
        if isinstance(result, Failure):
            return result.reason
        if wanted.device in self._environments:
            return measured_profile(result, wanted.trial)
        if result.tokens:
            return (
                "a language model is not mapped from this machine to another device: "
                "measure it there, with --device local"
            )
        trial, device = wanted.trial, wanted.device
        profile = _asked(lambda: self._emulator.profile(result, trial, device))
        return str(profile) if isinstance(profile, ProfilingError) else profile


def _tightest(envelope: Envelope, rooms: Sequence[Envelope]) -> Envelope:
    """The least memory among envelopes that are alike in all that takes time."""
    limits = [
        e.memory_bytes
        for e in rooms
        if replace(e, memory_bytes=None) == replace(envelope, memory_bytes=None)
        and e.memory_bytes is not None
    ]
    return replace(envelope, memory_bytes=min(limits, default=None))


def _variants(job: ProfilingJob) -> Iterator[Variant]:
    for precision, runtime, sparsity in product(
        job.precisions, job.runtimes, job.sparsities
    ):
        yield Variant(
            precision=precision,
            runtime=runtime,
            sparsity_frac=sparsity.share_frac,
            sparsity_pattern=sparsity.pattern,
        )


def _unmapped(variant: Variant) -> str:
    if variant.runtime is Runtime.TORCH_CUDA:
        return (
            "what this machine's GPU does says nothing of that device: measure there, "
            "with --device local"
        )
    precision = variant.precision
    return (
        f"too few known models are published there at {precision} to map it; measure "
        "another precision, or the device itself"
    )


def _asked(question: Callable[[], Answer]) -> Answer | ProfilingError:
    """The answer, or the refusal as a value, so that the other variants go on."""
    try:
        return question()
    except ProfilingError as error:
        return error


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
    kept = f"(kept from {result.failed_at:%Y-%m-%d}, not tried again unless asked)"
    return replace(result, reason=f"{result.reason} {kept}")


def _progress(
    results: Mapping[TrialKey, TrialResult], demand: Demand, what: str
) -> ProfilingProgress:
    return ProfilingProgress(done=len(results), total=len(demand.trials), what=what)


def _warnings(
    demand: Demand, results: Mapping[TrialKey, TrialResult]
) -> tuple[str, ...]:
    """What users must know of the measurements behind the profiles, once each."""
    said = [
        f"{trial.model.name} {describe(trial)}: {warning}"
        for key, trial in demand.trials.items()
        for warning in getattr(results[key], "warnings", ())
    ]
    failed = [
        f"calibration with {trial.model.name} {describe(trial)} failed: {result.reason}"
        for key, trial in demand.calibration.items()
        if isinstance(result := results[key], Failure)
    ]
    return tuple(dict.fromkeys([*said, *failed]))


if TYPE_CHECKING:

    def _proof(store: ProfileStore, executor: Executor, emulator: Emulator) -> Profiler:
        return Profiling(store, executor, emulator=emulator)
