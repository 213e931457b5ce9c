"""torch on an NVIDIA GPU, each batch size recorded once as a CUDA graph and replayed.

At small batches a GPU waits for the processor to launch kernels one by one; a graph
launches all at once. Inputs are copied to the device and answers back within the time
measured, as a service must. Memory is what torch's allocator held of the device's at
its peak.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from planner.domain.variants import Runtime
from planner.errors import DeviceUnavailableError, ProfilingError
from profilers.backends.torch import COMPUTED_IN, Restored, restored
from profilers.foreign import told_as

if TYPE_CHECKING:
    from profilers.backends import Backend

# torch's own advice before a capture: let libraries choose their kernels first.
_WARM_UPS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recorded:
    graph: torch.cuda.CUDAGraph
    inputs: torch.Tensor
    answers: torch.Tensor


class CudaBackend:
    """A module on the GPU, with a graph for each shape of batch that came."""

    runtime = Runtime.TORCH_CUDA

    def __init__(self, found: Restored, *, threads: int) -> None:
        torch.set_num_threads(threads)
        torch.cuda.reset_peak_memory_stats()
        self._module = found.module.to("cuda")
        self._number = COMPUTED_IN.get(found.precision)
        self._recorded: dict[tuple[int, ...], _Recorded] = {}

    @property
    def threads(self) -> int:
        """Threads of the process's pool."""
        return torch.get_num_threads()

    def device_memory_bytes(self) -> float:
        """The most that was held of the device's memory."""
        return float(torch.cuda.max_memory_allocated())

    def run(self, inputs: NDArray[np.generic]) -> NDArray[np.float32]:
        """Answers to a batch.

        Raises:
            ProfilingError: The module refuses the batch.
        """
        with (
            told_as(ProfilingError, f"running a batch of shape {inputs.shape} on CUDA"),
            torch.inference_mode(),
        ):
            batch = torch.from_numpy(inputs)
            recorded = self._recorded.get(inputs.shape)
            if recorded is None:
                recorded = self._recorded[inputs.shape] = self._record(batch)
            recorded.inputs.copy_(batch)
            recorded.graph.replay()
            answer: NDArray[np.float32] = recorded.answers.float().cpu().numpy()
        return answer

    def _record(self, batch: torch.Tensor) -> _Recorded:
        inputs = batch.to("cuda")
        if self._number is not None and inputs.is_floating_point():
            inputs = inputs.to(self._number)
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UPS):
                self._module(inputs)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            answers = self._module(inputs)
        return _Recorded(graph=graph, inputs=inputs, answers=answers)


def require_device() -> None:
    """Refuse where torch sees no GPU.

    Raises:
        DeviceUnavailableError: There is none, or this torch is built without CUDA.
    """
    if torch.cuda.is_available():
        return
    built = torch.version.cuda
    why = "is built without CUDA" if built is None else f"(CUDA {built}) sees no GPU"
    raise DeviceUnavailableError(
        f"torch-cuda cannot run here: torch {torch.__version__} {why}; profile on a "
        "machine with an NVIDIA GPU and torch's CUDA build"
    )


def load(
    artifact: Path, *, threads: int, build: Callable[[], nn.Module] | None = None
) -> "Backend":
    """The user's module with the artefact's weights, on the GPU.

    Raises:
        DeviceUnavailableError: torch sees no GPU.
        ProfilingError: No factory was given, or it does not fit the artefact.
    """
    require_device()
    return CudaBackend(restored(artifact, build), threads=threads)
