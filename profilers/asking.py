"""What jobs ask for: each (model, variant, device), its trial and its room, or why none.

Devices whose envelopes differ only in memory share the measurement in the tightest
of them; where that fails, each is measured in its own.

A device named "local" is the machine that measures, one that takes part in the cluster is
measured on itself with all its cores. Every other device is the emulator's: it says in
which envelope to measure, and may ask for trials of models with published profiles.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from typing import TypeVar

from planner.domain.profiling import ProfilingJob, UserModel
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import ProfilingError
from profilers.demand import Demand, Wanted
from profilers.keys import deployed_key, trial_key
from profilers.ports import Emulator
from profilers.trials import LOCAL, Envelope, Trial

Answer = TypeVar("Answer")
_NAMED_WAYS = frozenset({Precision.INT8_STATIC, Precision.INT8_DYNAMIC})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """`environments` are those of the devices that are measured on themselves.

    `identify` gives the hash of a model's content, `cores` those of such a device. A
    measurement for "local" has the room of `local_envelope`, unless the job names rooms.
    `int8_way` says what `int8` is another name of, for a model on a runtime.
    """

    emulator: Emulator
    environments: Mapping[str, Mapping[str, str]]
    identify: Callable[[UserModel], str]
    cores: Callable[[str], int]
    local_envelope: Envelope
    int8_way: Callable[[UserModel, Runtime], Precision | None]

    def demand(self, jobs: Sequence[ProfilingJob]) -> Demand:
        """Every profile that the jobs ask for, and what the emulator learns from."""
        jobs_variants = [(job, *self._variants(job)) for job in jobs]
        wanted = tuple(
            w for job, variants, _ in jobs_variants for w in self._wanted(job, variants)
        )
        emulated = dict.fromkeys(
            w.device
            for w in wanted
            if w.trial is not None and w.device not in self.environments
        )
        calibrating = (
            self.emulator.calibration_trials(tuple(emulated)) if emulated else ()
        )
        identities = {m: self.identify(m) for m in {t.model for t in calibrating}}
        calibration = {
            trial_key(
                t, identity=identities[t.model], environment=self.environments[LOCAL]
            ): t
            for t in calibrating
        }
        notes = tuple(note for _, _, told in jobs_variants for note in told)
        return Demand.of(wanted, calibration, notes)

    def _variants(
        self, job: ProfilingJob
    ) -> tuple[tuple[Variant, ...], tuple[str, ...]]:
        """Each once, and which of their names were left out as another's."""
        same: dict[Precision, list[Runtime]] = {}
        if Precision.INT8 in job.precisions and _NAMED_WAYS & set(job.precisions):
            for runtime in job.runtimes:
                way = self.int8_way(job.model, runtime)
                if way in job.precisions and way is not None:
                    same.setdefault(way, []).append(runtime)
        variants = tuple(
            v for v in _variants(job) if v.runtime not in same.get(v.precision, ())
        )
        notes = tuple(
            f"{job.model.name}: int8 is {way} on {', '.join(runtimes)}: measured once, as int8"
            for way, runtimes in same.items()
        )
        return variants, notes

    def _wanted(
        self, job: ProfilingJob, variants: Sequence[Variant]
    ) -> Iterator[Wanted]:
        """A refusal of the model or of a device leaves the others standing."""
        identity = asked(lambda: self.identify(job.model))
        rooms = [
            (device, envelope)
            for device in job.devices
            for envelope in self._rooms(device, job)
        ]
        envelopes = [e for _, e in rooms if isinstance(e, Envelope)]
        for (device, envelope), variant in product(rooms, variants):
            bare = Wanted(model=job.model.name, variant=variant, device=device)
            if isinstance(identity, ProfilingError):
                yield replace(bare, refusal=str(identity))
            elif isinstance(envelope, ProfilingError):
                yield replace(bare, refusal=str(envelope))
            elif not self._maps(variant, device):
                yield replace(bare, refusal=_unmapped(variant))
            else:
                there = device if device in self.environments else LOCAL
                own = Trial(
                    model=job.model,
                    variant=variant,
                    envelope=envelope,
                    batches=job.batches,
                    device=there,
                    percentile_frac=job.percentile_frac,
                    fewer_points=job.fewer_points,
                    # Elsewhere the same batch may take less than it does here.
                    limit_s=job.limit_s if device in self.environments else None,
                )
                tight = replace(own, envelope=_tightest(envelope, envelopes))
                yield replace(
                    bare,
                    trial=tight,
                    roomier=own if tight != own else None,
                    keyed=partial(
                        trial_key,
                        identity=identity,
                        environment=self.environments[there],
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
            yield asked(lambda: self._envelope(device))
            return
        here = self.local_envelope
        limits = {} if job.local is None else asdict(job.local)
        for threads, replicas in job.rooms or ((here.threads, here.replicas),):
            yield replace(here, threads=threads, replicas=replicas, **limits)

    def _maps(self, variant: Variant, device: str) -> bool:
        return device in self.environments or (
            variant.runtime is not Runtime.TORCH_CUDA
            and variant.precision in self.emulator.precisions(device)
        )

    def _envelope(self, device: str) -> Envelope:
        if device == LOCAL:
            return self.local_envelope
        if device in self.environments:
            return Envelope(threads=self.cores(device))
        return self.emulator.envelope(device)


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


def asked(question: Callable[[], Answer]) -> Answer | ProfilingError:
    """The answer, or the refusal as a value, so that the other variants go on."""
    try:
        return question()
    except ProfilingError as error:
        return error
