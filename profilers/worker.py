"""Carry out a trial in this process: load, transform, check, time, weigh, grade.

Another part of the same curve goes on with the engine as it is, but where the variant was
graded: that left more behind than serving does, so the engine is loaded and weighed anew.

Memory is what a replica holds (`profilers.measuring.memory`), on a GPU what the engine held of the
device's.
"""

import contextlib
import copy
import datetime as dt
import importlib.util
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from planner.domain.conditions import Conditions
from planner.domain.operations import Operations
from planner.domain.profiles import MemoryParts, Quality
from planner.domain.variants import Runtime
from planner.errors import MissingExtraError, ProfilingError
from profilers import cautions
from profilers.backends import Backend, load_backend, require_engine
from profilers.identity import environment, identity, runtime_versions
from profilers.measuring import control_groups, neighbours
from profilers.measuring.energy import gpu_meter, processor_meter
from profilers.measuring.measure import Clock
from profilers.measuring.memory import ImportedMemory, ReplicaMemory
from profilers.measuring.timing import Timed, timed
from profilers.measuring.watch import Watch, sentences, together
from profilers.quality.grading import Samples, graded
from profilers.running.warm import Begun
from profilers.trials import Measurement, Trial

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from profilers.artifacts.artifact import Artifact
    from profilers.models import EvaluationSet, LoadedModel

__all__ = ["begin_trial", "identity", "measure_trial", "runtime_versions"]


def begin_trial(
    trial: Trial, *, scratch: Path, clock: Clock, now: Callable[[], dt.datetime]
) -> Begun:
    """Measure the trial's variant here, with the envelope's number of threads.

    It is written to `scratch`, and may be read from there until all is closed.

    Limits of memory and processor time are the business of whoever started this
    process. torch's number of threads is changed for the whole of it.

    Raises:
        ProfilingError: The model cannot be loaded, the variant is not offered or not
            possible, or its answers are useless.
        MissingExtraError: What profiling needs is not installed.
    """
    _require_packages(trial.variant.runtime)
    require_engine(trial.variant.runtime)
    import torch  # noqa: PLC0415 - heavy, and only a worker needs it

    from profilers.counting import counted  # noqa: PLC0415 - imports torch
    from profilers.models import load_model  # noqa: PLC0415 - imports torch
    from profilers.variants import (  # noqa: PLC0415 - imports torch
        export_variant,
        replica_imports,
        transformation,
    )

    transformation(trial.variant)
    torch.set_num_threads(trial.envelope.threads)
    model = load_model(trial.model)
    operations = counted(model)
    with contextlib.ExitStack() as kept:
        imported = kept.enter_context(
            ImportedMemory(replica_imports(model, trial.variant), trial.envelope)
        )
        artifact = export_variant(model, trial.variant, scratch)
        floor_bytes = imported.resident_bytes()
        if model.contexts:
            from profilers.language import tokens  # noqa: PLC0415 - imports torch

            told = tokens.measured(
                trial, model, artifact, floor_bytes, clock=clock, now=now
            )
            return Begun(measurement=told)
        loaded = _Loaded(
            model=model,
            artifact=artifact,
            floor_bytes=floor_bytes,
            operations=operations,
            clock=clock,
            now=now,
        )
        told = loaded.measured(trial)
        if not _can_go_on(trial):
            return Begun(measurement=told)
        return Begun(
            measurement=told, go_on=loaded.measured, close=kept.pop_all().close
        )


def measure_trial(
    trial: Trial, *, clock: Clock, now: Callable[[], dt.datetime]
) -> Measurement:
    """What `begin_trial` gives, and nothing is kept.

    Raises:
        ProfilingError: As there.
        MissingExtraError: As there.
    """
    with tempfile.TemporaryDirectory(prefix="variant-") as scratch:
        begun = begin_trial(trial, scratch=Path(scratch), clock=clock, now=now)
        begun.close()
    return begun.measurement


def _can_go_on(trial: Trial) -> bool:
    """Whether nothing runs, heats or fills a GPU's memory while it waits to go on."""
    return (
        trial.envelope.replicas == 1
        and not trial.envelope.soak_s
        and trial.variant.runtime is not Runtime.TORCH_CUDA
    )


def _require_packages(runtime: Runtime) -> None:
    needed = ["torch", "safetensors"]
    if runtime in {Runtime.ONNXRUNTIME, Runtime.OPENVINO}:
        needed += ["onnx", "onnxscript", "onnxruntime"]
    for package in needed:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "profile", "profiling a torch model")


@dataclass(slots=True, kw_only=True)
class _Loaded:
    """A variant in this process, and what was seen of it so far.

    `backend` is None before it is loaded, and again once the variant was graded with it.
    `operations` are the model's, or why nobody can count them.
    """

    model: "LoadedModel"
    artifact: "Artifact"
    floor_bytes: float
    operations: Operations | str
    clock: Clock
    now: Callable[[], dt.datetime]
    backend: Backend | None = None
    memory: ReplicaMemory = field(init=False)
    took: Timed | None = None
    mapped_bytes: float = 0.0
    heaviest: MemoryParts | None = None
    peak_bytes: float = 0.0
    quality: Quality | None = None
    conditions: Conditions | None = None

    def measured(self, trial: Trial) -> Measurement:
        """Another part of the curve, or the first."""
        batches = _batches(self.model.example.numpy(), trial.batches)
        with neighbours.busy(partial(self._another, trial, batches), trial.envelope):
            cold_start_s = None
            backend = self.backend
            if backend is None:
                backend, cold_start_s = self._started(trial, batches)
            _require_finite(backend, batches[max(batches)], trial)
            watch = _watch(trial.variant.runtime)
            took = timed(
                lambda batch: backend.run(batches[batch]),
                trial,
                clock=self.clock,
                watch=watch,
                earlier=self.took,
            )
            conditions = watch.told(
                cold_start_s=cold_start_s,
                drift_ratio=took.drift_ratio,
                rested_s=took.rested_s,
            )
        self.took = took
        self.conditions = together(self.conditions, conditions)
        self._weigh(backend)
        self._grade(backend)
        return self._told(trial, backend)

    def _load(self, trial: Trial) -> Backend:
        return load_backend(
            trial.variant.runtime,
            self.artifact.path,
            threads=trial.envelope.threads,
            build=lambda: copy.deepcopy(self.model.module),
        )

    def _another(
        self, trial: Trial, batches: "Mapping[int, NDArray[np.generic]]"
    ) -> Callable[[], object]:
        return partial(self._load(trial).run, batches[max(batches)])

    def _started(
        self, trial: Trial, batches: "Mapping[int, NDArray[np.generic]]"
    ) -> tuple[Backend, float]:
        """The engine, and how long it took until its first answer."""
        self.memory = ReplicaMemory(self.floor_bytes, found_bytes=self.mapped_bytes)
        began_s = self.clock()
        backend = self._load(trial)
        self.memory.loaded()
        backend.run(batches[min(batches)])
        return backend, self.clock() - began_s

    def _weigh(self, backend: Backend) -> None:
        """Keep the most that any part took."""
        peak_bytes = _memory_bytes(backend, self.memory)
        if self.heaviest is None:
            self.mapped_bytes = self.memory.mapped_bytes()
        if self.heaviest is None or peak_bytes > self.peak_bytes:
            self.heaviest, self.peak_bytes = self.memory.parts(), peak_bytes

    def _grade(self, backend: Backend) -> None:
        if self.model.evaluation is None:
            self.backend = backend
        elif self.quality is None:
            self.quality = _quality(backend, self.model)

    def _told(self, trial: Trial, backend: Backend) -> Measurement:
        took, conditions = self.took, self.conditions
        assert took is not None
        assert conditions is not None
        return Measurement(
            points=tuple(timing.point for timing in took.timings),
            memory_bytes=self.peak_bytes,
            artifact_bytes=float(self.artifact.size_bytes),
            artifact_sha256=self.artifact.sha256,
            error_frac=took.error_frac,
            measured_at=self.now(),
            quality=self.quality,
            warnings=(
                *cautions.of_timings(took.timings, trial),
                *_ungraded(self.model),
                *_uncounted(self.model, self.operations),
                *sentences(conditions),
            ),
            environment=environment(threads=backend.threads),
            memory_parts=self.heaviest,
            conditions=conditions,
            batch_grid=took.batch_grid,
            limit_s=trial.limit_s if took.batch_grid else None,
            operations=None if isinstance(self.operations, str) else self.operations,
            percentile_frac=trial.percentile_frac,
        )


def _watch(runtime: Runtime) -> Watch:
    """What looks on while the engine is timed, with the meter of what it runs on."""
    meter = gpu_meter() if runtime is Runtime.TORCH_CUDA else processor_meter()
    return Watch(meter=meter, group_stat=control_groups.own_cpu_stat)


def _memory_bytes(backend: Backend, memory: ReplicaMemory) -> float:
    on_device = getattr(backend, "device_memory_bytes", None)
    return memory.peak_bytes() if on_device is None else float(on_device())


def _batches(
    samples: "NDArray[np.generic]", batches: Sequence[int]
) -> "dict[int, NDArray[np.generic]]":
    """Real samples, repeated as often as the largest batch needs."""
    repeated = np.resize(samples, (max(batches), *samples.shape[1:]))
    return {batch: np.ascontiguousarray(repeated[:batch]) for batch in batches}


def _require_finite(
    backend: Backend, batch: "NDArray[np.generic]", trial: Trial
) -> None:
    if not np.isfinite(backend.run(batch)).all():
        raise ProfilingError(
            f"{trial.variant} of model '{trial.model.name}' answers with NaN or "
            "infinity: its numbers outgrow this precision"
        )


def _quality(backend: Backend, model: "LoadedModel") -> Quality | None:
    """How good the variant is on the evaluation set; causal language models have none."""
    if model.evaluation is None:
        return None
    from profilers.models import original  # noqa: PLC0415 - imports torch

    return graded(
        backend.run,
        _samples(model.evaluation),
        original=original(model),
        shifted={name: _samples(s) for name, s in model.evaluation.shifted.items()},
    )


def _samples(given: "EvaluationSet") -> Samples:
    return Samples(
        inputs=given.inputs.numpy(), labels=given.labels.numpy(), slices=given.slices
    )


def _ungraded(model: "LoadedModel") -> Sequence[str]:
    if model.evaluation is not None:
        return ()
    unknown = (
        f"model '{model.name}' has no evaluation set: what this precision does to its "
        "answers is unknown"
    )
    return [unknown]


def _uncounted(model: "LoadedModel", operations: Operations | str) -> Sequence[str]:
    if isinstance(operations, Operations):
        return ()
    unknown = (
        f"the operations of model '{model.name}' are not known ({operations}): on other "
        "devices it is predicted by its times alone"
    )
    return [unknown]
