"""Engines that run a variant's artefact, one file each.

What is profiled is loaded by `load_backend`; a server that loads by it, too, runs what
was measured.
"""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from planner.domain.variants import Runtime
from planner.errors import MissingExtraError, ProfilingError

if TYPE_CHECKING:
    from torch import nn


class Backend(Protocol):
    """A loaded variant."""

    @property
    def runtime(self) -> Runtime:
        """The engine."""
        ...

    @property
    def threads(self) -> int:
        """Threads that the engine itself says it uses for one batch."""
        ...

    def run(self, inputs: NDArray[np.generic]) -> NDArray[np.float32]:
        """Answers (n, …) to a batch (n, …), in float32."""
        ...


BACKENDS: Mapping[Runtime, str] = {
    Runtime.TORCH: "profilers.backends.torch",
    Runtime.TORCH_COMPILE: "profilers.backends.torch_compile",
    Runtime.TORCH_CUDA: "profilers.backends.torch_cuda",
    Runtime.ONNXRUNTIME: "profilers.backends.onnxruntime",
    Runtime.OPENVINO: "profilers.backends.openvino",
}
_EXTRAS: Mapping[Runtime, str] = {Runtime.OPENVINO: "openvino"}


def require_engine(runtime: Runtime) -> None:
    """Refuse at once what this machine cannot run, before a model is exported for it.

    Raises:
        ProfilingError: No such engine, or none of what it runs on: a GPU, a compiler.
        MissingExtraError: The engine is not installed.
    """
    module = _module(runtime)
    for name in ("require_device", "require_compiler"):
        getattr(module, name, _nothing)()


def _nothing() -> None:
    return


def load_backend(
    runtime: Runtime,
    artifact: Path,
    *,
    threads: int,
    build: "Callable[[], nn.Module] | None" = None,
) -> Backend:
    """Load an artefact that `profilers.variants.export_variant` wrote.

    Args:
        runtime: The engine.
        artifact: The file.
        threads: Threads for one batch; torch's are those of the whole process.
        build: Makes the module without weights; needed by torch, whose artefacts hold no code.

    Raises:
        ProfilingError: No such engine here, or it refuses the file.
        MissingExtraError: The engine is not installed.
    """
    module = _module(runtime)
    if not artifact.is_file():
        raise ProfilingError(f"the artefact {artifact} does not exist: export it first")
    backend: Backend = module.load(artifact, threads=threads, build=build)
    return backend


def _module(runtime: Runtime) -> ModuleType:
    if runtime not in BACKENDS:
        raise ProfilingError(
            f"the runtime {runtime} is not offered: choose {', '.join(BACKENDS)}"
        )
    try:
        return importlib.import_module(BACKENDS[runtime])
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            str(missing.name),
            _EXTRAS.get(runtime, "profile"),
            f"running models on {runtime}",
        ) from missing
