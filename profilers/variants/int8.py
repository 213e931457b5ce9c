"""Eight-bit integer weights and activations, in the way each runtime is fast at.

With convolutions: static quantization (`int8_static`). Dynamic was 12 x slower on a CNN
with onnxruntime. Without: linear layers only, activation scales taken per batch
(`int8_dynamic`), which was as fast on an encoder at half the error. OpenVINO: always
static. torch.compile and CUDA have one way, the dynamic one.
"""

from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from planner.domain.variants import Precision, Runtime
from profilers.models import LoadedModel, has_convolutions
from profilers.variants import int8_dynamic, int8_static

PRECISION = Precision.INT8
NOT_OFFERED: dict[Runtime, str] = {}


def torch_imports(module: nn.Module) -> tuple[str, ...]:
    """What the way chosen imports."""
    imports: tuple[str, ...] = _way(
        convolutional=has_convolutions(module)
    ).torch_imports(module)
    return imports


def transform(model: LoadedModel) -> nn.Module:
    """A quantized copy of the module.

    Raises:
        ProfilingError: Nothing in it can be quantized, or torch.fx cannot trace it.
    """
    module: nn.Module = _way(convolutional=model.has_convolutions).transform(model)
    return module


def skeleton(module: nn.Module, sample: torch.Tensor) -> nn.Module:
    """The same modules with ranges still unknown, ready for saved weights.

    Raises:
        ProfilingError: As for `transform`.
    """
    way = _way(convolutional=has_convolutions(module))
    quantized: nn.Module = way.skeleton(module, sample)
    return quantized


def write_onnx(model: LoadedModel, path: Path) -> None:
    """Export in fp32, then quantize the graph with onnxruntime's own tools.

    Raises:
        ProfilingError: The exporter or the quantizer refuses the model.
        MissingExtraError: onnxruntime is not installed.
    """
    _way(convolutional=model.has_convolutions).write_onnx(model, path)


def write_openvino(model: LoadedModel, path: Path) -> None:
    """Quantized statically by NNCF.

    Raises:
        ProfilingError: The exporter or NNCF refuses the model.
        MissingExtraError: OpenVINO or NNCF is not installed.
    """
    int8_static.write_openvino(model, path)


def _way(*, convolutional: bool) -> ModuleType:
    return int8_static if convolutional else int8_dynamic
