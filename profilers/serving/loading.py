"""From a serving config to something that answers, by the code that profiling measured."""

import copy
import logging
import timeit
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from planner.domain.servers import HOLD_INTERPRETER
from planner.domain.variants import Runtime
from planner.errors import ModelLoadError
from planner.specs.models import ExportedSource
from planner.specs.serving import ServedModel, ServingConfig
from profilers.backends import Backend, load_backend, require_engine
from profilers.identity import identity
from profilers.measuring import allocator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from profilers.models import LoadedModel

# Engines that make code for each new size of batch, while its requests wait.
_COMPILE_BY_SIZE: Final = frozenset({Runtime.TORCH_COMPILE})
# A batch that takes less runs where requests are read, too: health checks, and whoever
# else asks meanwhile, wait no longer than that.
BRIEF_S: Final = 0.02
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A loaded variant, and what one example of its input looks like.

    `is_as_profiled` is whether its artefact is byte for byte the one that was
    profiled; None where nobody says which that was.
    """

    backend: Backend
    sample_shape: tuple[int, ...]
    sample_dtype: np.dtype[np.generic]
    artifact_sha256: str
    is_as_profiled: bool | None
    is_brief: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A loaded variant, the model it was made from, and its artefact's digest."""

    backend: Backend
    model: "LoadedModel"
    artifact_sha256: str
    is_as_profiled: bool | None


def load(config: ServingConfig, directory: Path) -> Served:
    """The config's variant, exported into `directory`, loaded and run once.

    Raises:
        ModelLoadError: Something of the model cannot be found, run, understood or
            trusted.
        ProfilingError: The variant is not possible for this model, or not here.
        MissingExtraError: torch or the runtime is not installed.
    """
    found = restored(config, directory)
    example: NDArray[np.generic] = found.model.example.numpy()
    _warm_up(found.backend, example, max_batch=config.max_batch)
    return Served(
        backend=found.backend,
        sample_shape=tuple(example.shape[1:]),
        sample_dtype=example.dtype,
        artifact_sha256=found.artifact_sha256,
        is_as_profiled=found.is_as_profiled,
        is_brief=_is_brief(found.backend, example, max_batch=config.max_batch),
    )


def restored(config: ServingConfig, directory: Path) -> Restored:
    """The config's variant, exported into `directory` and loaded.

    Raises:
        ModelLoadError: As for `load`.
        ProfilingError: The same.
        MissingExtraError: The same.
    """
    from profilers.models import load_model  # noqa: PLC0415 - torch is heavy
    from profilers.variants import export_variant  # noqa: PLC0415 - torch is heavy

    variant = config.variant.variant()
    require_engine(variant.runtime)
    _require_content(config.model)
    model = config.model.user_model()
    if model.inputs is not None:
        # Either gives an example, and this is the smaller of the two.
        model = replace(model, evaluation=None)
    loaded = load_model(model)
    artifact = export_variant(loaded, variant, directory)
    is_as_profiled = _compared(config, artifact.sha256)
    backend = load_backend(
        variant.runtime,
        artifact.path,
        threads=config.threads,
        build=lambda: copy.deepcopy(loaded.module),
    )
    allocator.give_back()  # what loading took beside the weights
    return Restored(
        backend=backend,
        model=loaded,
        artifact_sha256=artifact.sha256,
        is_as_profiled=is_as_profiled,
    )


def _require_content(model: ServedModel) -> None:
    """Of files that can run code, none but what the user trusted is opened.

    Raises:
        ModelLoadError: The model's files are others than those that were profiled.
    """
    if not isinstance(model.source, ExportedSource) or model.content_sha256 is None:
        return
    if identity(model.user_model()) != model.content_sha256:
        raise ModelLoadError(
            f"{model.source.file} of model '{model.name}' is not loaded: it, or code "
            "that goes with it, was changed after the plan was made, and 'trust: true' "
            "was said of what it was then; plan again if you know who changed it"
        )


def _compared(config: ServingConfig, sha256: str) -> bool | None:
    """Whether the artefact is the one that was profiled; None: nobody says.

    Raises:
        ModelLoadError: It is not, and its weights are not the user's own.
    """
    profiled = config.artifact_sha256
    if profiled is None or profiled == sha256:
        return None if profiled is None else True
    if config.variant.sparsity_frac and config.model.fine_tune is not None:
        raise ModelLoadError(
            f"fine-tuning the pruned model '{config.model.name}' gave other weights here "
            "than those whose quality was measured: let "
            f"'{config.model.fine_tune}' take its random numbers from a fixed seed, or "
            "plan without sparsities"
        )
    _log.warning(
        "model '%s': the artefact %.12s is not the profiled %.12s; other versions of "
        "torch or of the runtime, or changed files, give others",
        config.model.name,
        sha256,
        profiled,
    )
    return False


def set_threads(threads: int) -> None:
    """How many threads torch takes for what the calling thread asks of it."""
    import torch  # noqa: PLC0415 - torch is heavy

    torch.set_num_threads(threads)


def _warm_up(
    backend: Backend, example: "NDArray[np.generic]", *, max_batch: int
) -> None:
    """Run what no user is to wait for: first allocations, and code for each size.

    Sizes come in the order in which profiling ran them: one, the largest, any other.
    """
    sizes = [max_batch]
    if backend.runtime in _COMPILE_BY_SIZE:
        sizes = [1, max_batch, *range(2, max_batch)]
    for size in dict.fromkeys(sizes):
        backend.run(np.resize(example, (size, *example.shape[1:])))


def _is_brief(
    backend: Backend, example: "NDArray[np.generic]", *, max_batch: int
) -> bool:
    """Whether requests may wait at the door while one of them is answered."""
    if max_batch > 1 or backend.runtime not in HOLD_INTERPRETER:
        return False
    one = np.ascontiguousarray(example[:1])
    return min(timeit.repeat(lambda: backend.run(one), number=1, repeat=3)) <= BRIEF_S
