"""From a serving config to something that answers, by the code that profiling measured."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from planner.domain.profiling import TorchModel
from planner.specs.serving import ServingConfig
from profilers.backends import Backend, load_backend

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A loaded variant, and what one example of its input looks like."""

    backend: Backend
    sample_shape: tuple[int, ...]
    sample_dtype: np.dtype[np.generic]
    artifact_sha256: str


def load(config: ServingConfig, directory: Path) -> Served:
    """The config's variant, exported into `directory`, loaded and run once.

    Raises:
        ModelLoadError: Something of the model cannot be found, run or understood.
        ProfilingError: The variant is not possible for this model.
        MissingExtraError: torch or the runtime is not installed.
    """
    from profilers.models import build_module, load_model  # noqa: PLC0415 - torch is heavy
    from profilers.variants import export_variant  # noqa: PLC0415 - torch is heavy

    model = torch_model(config)
    loaded = load_model(model)
    variant = config.variant.variant()
    artifact = export_variant(loaded, variant, directory)
    backend = load_backend(
        variant.runtime,
        artifact.path,
        threads=config.threads,
        build=lambda: build_module(model),
    )
    example: NDArray[np.generic] = loaded.example.numpy()
    # The largest batch, so that no user pays for first allocations.
    backend.run(np.resize(example, (config.max_batch, *example.shape[1:])))
    return Served(
        backend=backend,
        sample_shape=tuple(example.shape[1:]),
        sample_dtype=example.dtype,
        artifact_sha256=artifact.sha256,
    )


def torch_model(config: ServingConfig) -> TorchModel:
    """Where the config's model lies."""
    model = config.model
    directory = Path(model.directory)
    return TorchModel(
        name=model.name,
        directory=directory,
        factory=model.factory,
        weights=None if model.weights is None else directory / model.weights,
        evaluation=model.evaluation,
        inputs=model.inputs,
    )
