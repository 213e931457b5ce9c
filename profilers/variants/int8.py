"""Eight-bit integer weights and activations, in the way each runtime is fast at.

With convolutions: static quantization. Dynamic was 12 x slower on a CNN with
onnxruntime. Without: linear layers only, activation scales taken per batch, which was
as fast on an encoder at half the error. OpenVINO: always static. CUDA has one way, the
dynamic one.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from torch import nn

from planner.domain.variants import Precision, Runtime
from profilers.models import LoadedModel, has_convolutions
from profilers.variants import int8_dynamic, int8_static

if TYPE_CHECKING:
    from profilers.variants import Transformation


class EightBits:
    """One of two ways, by what the model is made of."""

    PRECISION = Precision.INT8

    def __init__(self, *, static: "Transformation", dynamic: "Transformation") -> None:
        self.NOT_OFFERED: dict[Runtime, str] = {}
        self._static, self._dynamic = static, dynamic

    def torch_imports(self, module: nn.Module) -> tuple[str, ...]:
        """What the way chosen imports."""
        way = self._way(convolutional=has_convolutions(module))
        return way.torch_imports(module)

    def transform(self, model: LoadedModel) -> nn.Module:
        """A quantized copy of the module.

        Raises:
            ProfilingError: Nothing in it can be quantized, or it cannot be traced.
        """
        return self._way(convolutional=model.has_convolutions).transform(model)

    def skeleton(self, module: nn.Module, sample: torch.Tensor) -> nn.Module:
        """The same modules with ranges still unknown, ready for saved weights.

        Raises:
            ProfilingError: As for `transform`.
        """
        way = self._way(convolutional=has_convolutions(module))
        return way.skeleton(module, sample)

    def write_onnx(self, model: LoadedModel, path: Path) -> None:
        """Export in fp32, then quantize the graph with onnxruntime's own tools.

        Raises:
            ProfilingError: The exporter or the quantizer refuses the model.
            MissingExtraError: onnxruntime is not installed.
        """
        self._way(convolutional=model.has_convolutions).write_onnx(model, path)

    def write_openvino(self, model: LoadedModel, path: Path) -> None:
        """Quantized statically by NNCF.

        Raises:
            ProfilingError: The exporter or NNCF refuses the model.
            MissingExtraError: OpenVINO or NNCF is not installed.
        """
        self._static.write_openvino(model, path)

    def _way(self, *, convolutional: bool) -> "Transformation":
        return self._static if convolutional else self._dynamic


TRANSFORMATION: Final = EightBits(static=int8_static, dynamic=int8_dynamic)
