"""torch in eager mode on the CPU: the user's module in the variant's precision."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import ProfilingError
from profilers.artifacts import weights
from profilers.foreign import deprecations_of_torch_hidden, told_as
from profilers.models import in_evaluation
from profilers.variants import transformation

if TYPE_CHECKING:
    from profilers.backends import Backend

_IMAGE_DIMENSIONS = 4  # n, channels, height, width
FLOATING = frozenset({Precision.FP32, Precision.BF16, Precision.FP16})
COMPUTED_IN = {Precision.BF16: torch.bfloat16, Precision.FP16: torch.float16}


class TorchBackend:
    """A module in one precision; batches of images are laid out channels-last.

    Channels-last took 36 % off fp32 and 38 % off bf16 at batch 32 of a small CNN (torch 2.13,
    one thread, medians of 300), and costs 13 % at batch 1.
    """

    runtime = Runtime.TORCH

    def __init__(
        self, module: nn.Module, *, precision: Precision, images: bool, threads: int
    ) -> None:
        # torch has one pool a process: a second backend changes the first one's.
        torch.set_num_threads(threads)
        self._number = COMPUTED_IN.get(precision)
        self._images = images
        if images and precision in FLOATING:
            module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
        self._module = module

    @property
    def module(self) -> nn.Module:
        """What runs."""
        return self._module

    @property
    def threads(self) -> int:
        """Threads of the process's pool."""
        return torch.get_num_threads()

    def run(self, inputs: NDArray[np.generic]) -> NDArray[np.float32]:
        """Answers to a batch.

        Raises:
            ProfilingError: The module refuses the batch.
        """
        with (
            told_as(
                ProfilingError, f"running a batch of shape {inputs.shape} on torch"
            ),
            torch.inference_mode(),
        ):
            batch = torch.from_numpy(inputs)
            if self._number is not None and batch.is_floating_point():
                batch = batch.to(self._number)
            if self._images:
                batch = batch.contiguous(memory_format=torch.channels_last)
            answers = self._module(batch)
            if answers.dtype is not torch.float32:
                answers = answers.float()
            told: NDArray[np.float32] = answers.numpy()
        return told


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """The user's module with an artefact's weights, and how a sample looks."""

    module: nn.Module
    precision: Precision
    images: bool


def restored(artifact: Path, build: Callable[[], nn.Module] | None) -> Restored:
    """Put an artefact's weights into the user's module.

    Raises:
        ProfilingError: No factory was given, or it does not fit the artefact.
    """
    if build is None:
        raise ProfilingError(
            f"the torch artefact {artifact} holds weights, not code: "
            "give the model's factory to load it"
        )
    header = weights.read_header(artifact)
    how = transformation(Variant(precision=header.precision, runtime=header.runtime))
    sample = torch.zeros(
        (1, *header.sample_shape), dtype=getattr(torch, header.input_dtype)
    )
    with deprecations_of_torch_hidden():
        module = how.skeleton(build(), sample)
        # Filled in place: quantized modules read their version from its metadata.
        state = module.state_dict()
        state.update(weights.read(artifact, state))
        with told_as(ProfilingError, f"loading {artifact}"):
            # Tensors of torchao's cannot be copied into: they take the others' place.
            module.load_state_dict(state, assign=wraps_tensors(state))
    return Restored(
        module=in_evaluation(module),
        precision=header.precision,
        images=sample.ndim == _IMAGE_DIMENSIONS,
    )


def wraps_tensors(state: Mapping[str, object]) -> bool:
    """Whether a state dict holds tensors that are made of others."""
    return any(is_traceable_wrapper_subclass(value) for value in state.values())


def load(
    artifact: Path, *, threads: int, build: Callable[[], nn.Module] | None = None
) -> "Backend":
    """The user's module with the artefact's weights.

    Raises:
        ProfilingError: No factory was given, or it does not fit the artefact.
    """
    found = restored(artifact, build)
    return TorchBackend(
        found.module, precision=found.precision, images=found.images, threads=threads
    )
