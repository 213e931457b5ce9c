"""OpenVINO on the CPU, in the precision that the variant says and no other.

Left alone, OpenVINO computes in bf16 where the processor can; it is told what to do, and
refused where it then does something else.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import openvino
from numpy.typing import NDArray

from planner.domain.variants import Precision, Runtime
from planner.errors import ProfilingError
from profilers.artifacts import openvino_files
from profilers.feeds import feeds
from profilers.foreign import told_as

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from profilers.backends import Backend

_HINTS = {Precision.BF16: openvino.Type.bf16, Precision.FP16: openvino.Type.f16}


class OpenvinoBackend:
    """A compiled graph, one stream of it."""

    runtime = Runtime.OPENVINO

    def __init__(self, path: Path, *, threads: int) -> None:
        packed = openvino_files.read(path)
        hint = _HINTS.get(packed.precision, openvino.Type.f32)
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": hint,
        }
        with told_as(ProfilingError, f"loading {path} on openvino"):
            weights = openvino.Tensor(np.frombuffer(packed.weights, np.uint8))
            core = openvino.Core()
            graph = core.read_model(packed.graph, weights)
            self._names = [port.get_any_name() for port in graph.inputs]
            self._compiled = core.compile_model(graph, "CPU", settings)
        computed = self._compiled.get_property("INFERENCE_PRECISION_HINT")
        if computed != hint:
            raise ProfilingError(
                f"{packed.precision} on openvino is not possible here: the engine computes "
                f"in {computed.get_type_name()}, because this processor has no "
                f"instructions for {packed.precision}"
            )

    @property
    def threads(self) -> int:
        """Threads of the engine's stream."""
        return int(self._compiled.get_property("INFERENCE_NUM_THREADS"))

    def run(self, inputs: NDArray[np.generic]) -> NDArray[np.float32]:
        """Answers to a batch.

        Raises:
            ProfilingError: The engine refuses the batch.
        """
        with told_as(
            ProfilingError, f"running a batch of shape {inputs.shape} on openvino"
        ):
            answers = self._compiled(feeds(self._names, inputs))[0]
        # The engine may write its next answers over these.
        return np.array(answers, dtype=np.float32)


def load(
    artifact: Path,
    *,
    threads: int,
    build: "Callable[[], nn.Module] | None" = None,  # noqa: ARG001 - the file holds its graph
) -> "Backend":
    """The engine with the file's graph.

    Raises:
        ProfilingError: OpenVINO refuses the file, or computes in another precision.
    """
    return OpenvinoBackend(artifact, threads=threads)
