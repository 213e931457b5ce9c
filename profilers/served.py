"""Profiles of models that our server will serve: what serving costs goes with them.

A port `planner.ports.Profiler` around another one: its batch profiles of models that
our server serves get a `ServerCost`, from what is stored, or is measured now where a
`weigh` is given. Without either they stay the model's alone, and the plan says so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from typing import TypeGuard

from planner.domain.profiles import BatchProfile, Profile
from planner.domain.profiling import (
    ProfilingJob,
    ProfilingOutcome,
    ProfilingProgress,
    UserModel,
)
from planner.domain.servers import SERVED_HERE, ServerCost
from planner.domain.variants import Precision, Variant
from planner.errors import ProfilingError
from planner.ports import Planned, Profiler
from profilers import servers
from profilers.emulators.calibration import RUNTIME
from profilers.identity import identity, runtime_versions
from profilers.keys import OF_GPUS, server_key, server_seen_key
from profilers.measuring import machine
from profilers.ports import Emulator
from profilers.running.session import OnProgress
from profilers.servers import OWN_PORT, ServerMeasured
from profilers.store import ProfileStore
from profilers.trials import LOCAL, MeasuredPoint, Measurement, Trial

Weigh = Callable[[UserModel], ServerMeasured]


def server_environment() -> Mapping[str, str]:
    """What the cost of a request depends on besides the request."""
    found = {k: v for k, v in runtime_versions().items() if k not in OF_GPUS}
    for package in ("ray", "uvicorn"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _is_served_here(profile: Profile) -> TypeGuard[BatchProfile]:
    return isinstance(profile, BatchProfile) and profile.variant.runtime in SERVED_HERE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A model's content, and what its requests cost a server here; None: not known."""

    identity: str | None
    here: ServerMeasured | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedProfiling:
    """What `inner` profiles, with what serving it costs.

    `emulator` is the one that `inner` has calibrated by then. `cores` are those of this
    machine, `cores_of` a device's, None where nobody states them.
    """

    inner: Profiler
    store: ProfileStore
    emulator: Emulator
    cores_of: Callable[[str], int | None]
    weigh: Weigh | None = None
    identify: Callable[[UserModel], str] = identity
    local_threads: int = 1
    cores: int = field(default_factory=machine.cores)

    def reachable_devices(self) -> Sequence[str]:
        """Those of `inner`."""
        return self.inner.reachable_devices()

    def references(self) -> Sequence[BatchProfile]:
        """Those of `inner`: published models are not served."""
        return self.inner.references()

    def profile(
        self,
        jobs: Sequence[ProfilingJob],
        *,
        on_progress: OnProgress,
        planned: Planned | None = None,
    ) -> ProfilingOutcome:
        """Profiles of every variant of every job; what is stored is not measured again.

        A `planned` is asked about profiles that hold what serving costs, too.

        Raises:
            ProfilingError: Nothing can be measured here at all.
        """
        known: dict[str, _Known] = {}
        warnings: list[str] = []

        def with_servers(outcome: ProfilingOutcome) -> ProfilingOutcome:
            ours = {p.model for p in outcome.profiles if _is_served_here(p)}
            asked = {j.model.name: j for j in jobs if j.model.name in ours}
            for name, job in asked.items():
                if name not in known:
                    known[name] = self._measured(job.model, warnings, on_progress)
            return replace(
                outcome,
                profiles=tuple(
                    self._served(p, asked[p.model], known[p.model])
                    if _is_served_here(p)
                    else p
                    for p in outcome.profiles
                ),
                warnings=(*outcome.warnings, *dict.fromkeys(warnings)),
            )

        asks = planned and (lambda hoped: planned(with_servers(hoped)))
        return with_servers(
            self.inner.profile(jobs, on_progress=on_progress, planned=asks)
        )

    def _measured(
        self, model: UserModel, warnings: list[str], on_progress: OnProgress
    ) -> _Known:
        """What is stored of the model's requests, or measured now."""
        identity = None
        try:
            identity = self.identify(model)
            key = server_key(
                identity=identity,
                server=OWN_PORT,
                environment=server_environment(),
            )
            found = self.store.servers([key]).get(key)
            if found is None and self.weigh is not None:
                what = f"serving {model.name}"
                on_progress(ProfilingProgress(done=0, total=1, what=what))
                found = self.weigh(model)
                self.store.keep_server(key, model.name, found)
        except ProfilingError as error:
            warnings.append(f"{model.name}: {error}")
            return _Known(identity=identity, here=None)
        return _Known(identity=identity, here=found)

    def _served(
        self, profile: BatchProfile, job: ProfilingJob, known: _Known
    ) -> BatchProfile:
        cost = None if known.here is None else self._known(profile, job, known.here)
        if known.identity is not None:
            key = server_seen_key(identity=known.identity, device=profile.device)
            seen = self.store.servers_seen([key]).get(key)
            cost = cost if seen is None else servers.seen_there(seen, cost)
        return profile if cost is None else replace(profile, server=cost)

    def _known(
        self, profile: BatchProfile, job: ProfilingJob, measured: ServerMeasured
    ) -> ServerCost | None:
        """What was measured on this machine, as it is there."""
        if profile.device == LOCAL:
            # A profile does not say its room: the fullest of them leaves least.
            busy = max((t * r for t, r in job.rooms), default=self.local_threads)
            return servers.here(
                measured,
                runtime=profile.variant.runtime,
                threads=busy,
                cores=self.cores,
                model_rested_s=profile.rested_s,
            )
        return self._scaled(profile, job, measured)

    def _scaled(
        self, profile: BatchProfile, job: ProfilingJob, measured: ServerMeasured
    ) -> ServerCost | None:
        """As the emulator maps a model's time of that length; None where it cannot."""
        device = profile.device
        cores = self.cores_of(device)
        if cores is None:
            return None
        point = MeasuredPoint(
            batch=1,
            p50_s=measured.processor_s,
            p50_low_s=measured.processor_low_s,
            p50_high_s=measured.processor_high_s,
            mean_s=measured.processor_s,
            p90_s=measured.processor_high_s,
            p95_s=measured.processor_high_s,
            p99_s=measured.processor_high_s,
            n_samples=measured.n_requests,
            is_noisy=False,
        )
        try:
            trial = Trial(
                model=job.model,
                variant=Variant(precision=Precision.FP32, runtime=RUNTIME),
                envelope=self.emulator.envelope(device),
                batches=(1,),
            )
            mapped = self.emulator.profile(
                Measurement(
                    points=(point,),
                    memory_bytes=0.0,
                    artifact_bytes=0.0,
                    artifact_sha256="",
                    error_frac=measured.error_frac,
                    measured_at=measured.measured_at,
                ),
                trial,
                device,
            )
        except ProfilingError:
            return None
        ratio = mapped.points[0].p50_s / measured.processor_s
        return servers.there(
            measured,
            ratio=ratio,
            model_rested_s=profile.rested_s / ratio,
            error_frac=mapped.evidence.error_frac,
            cores=cores,
        )
