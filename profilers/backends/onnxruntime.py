"""onnxruntime on the CPU."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from planner.domain.variants import Runtime
from planner.errors import ProfilingError
from profilers.feeds import feeds
from profilers.foreign import told_as

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from profilers.backends import Backend

# onnxruntime's own scale: 3 is "error"; its warnings are about graph clean-up.
_ERRORS_ONLY = 3


class OnnxBackend:
    """An inference session over one ONNX file."""

    runtime = Runtime.ONNXRUNTIME

    def __init__(self, graph: Path | bytes, *, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        # Idle threads that spin take the cores of whatever else the device runs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        with told_as(
            ProfilingError,
            f"loading {graph if isinstance(graph, Path) else 'a graph'}",
            way_out="is it a whole ONNX file?",
        ):
            self._session = onnxruntime.InferenceSession(
                graph, options, providers=["CPUExecutionProvider"]
            )
        self._names = [given.name for given in self._session.get_inputs()]

    @property
    def threads(self) -> int:
        """Threads of the session's own pool."""
        threads: int = self._session.get_session_options().intra_op_num_threads
        return threads

    def run(self, inputs: NDArray[np.generic]) -> NDArray[np.float32]:
        """Answers to a batch.

        Raises:
            ProfilingError: The engine refuses the batch.
        """
        with told_as(
            ProfilingError, f"running a batch of shape {inputs.shape} on onnxruntime"
        ):
            answer = self._session.run(None, feeds(self._names, inputs))[0]
        return np.asarray(answer, dtype=np.float32)


def load(
    artifact: Path,
    *,
    threads: int,
    build: "Callable[[], nn.Module] | None" = None,  # noqa: ARG001 - an ONNX file holds its graph
) -> "Backend":
    """The session of an ONNX file.

    Raises:
        ProfilingError: onnxruntime refuses the file.
    """
    return OnnxBackend(artifact, threads=threads)
