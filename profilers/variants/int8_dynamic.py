"""Eight-bit integer weights, and activations quantized batch by batch as they come.

torch and onnxruntime: linear layers only; onnxruntime also takes convolutions, and was
12 x slower for it than static int8 on a CNN. torch.compile and CUDA: torchao
(`torchao_int8`).
"""

import copy
from pathlib import Path

import torch
from torch import nn

from planner.domain.variants import Precision, Runtime
from planner.errors import ProfilingError
from profilers.foreign import deprecations_of_torch_hidden, told_as
from profilers.models import LoadedModel, has_linears
from profilers.variants import int8_static

PRECISION = Precision.INT8_DYNAMIC
NOT_OFFERED = {
    Runtime.OPENVINO: "OpenVINO quantizes activations by calibration: ask for int8-static",
}


def torch_imports(module: nn.Module) -> tuple[str, ...]:  # noqa: ARG001 - the family's signature
    """Nothing beyond torch."""
    return ()


def transform(model: LoadedModel) -> nn.Module:
    """A copy of the module with dynamic linear layers.

    Raises:
        ProfilingError: It has none.
    """
    return _quantized(copy.deepcopy(model.module), model.name)


def skeleton(module: nn.Module, sample: torch.Tensor) -> nn.Module:  # noqa: ARG001 - the family's signature
    """The same modules, ready for saved weights.

    Raises:
        ProfilingError: As for `transform`.
    """
    return _quantized(module, type(module).__name__)


def _quantized(module: nn.Module, name: str) -> nn.Module:
    int8_static.require_quantizable(module, name)
    if not has_linears(module):
        raise ProfilingError(
            f"int8-dynamic is not offered for model '{name}' on torch: it has no linear "
            "layers; int8-static takes convolutions"
        )
    from torch.ao.quantization import quantize_dynamic  # noqa: PLC0415 - only here

    with (
        told_as(ProfilingError, f"quantizing model '{name}' to int8 for torch"),
        deprecations_of_torch_hidden(),
    ):
        torch.backends.quantized.engine = int8_static.ENGINE
        quantized: nn.Module = quantize_dynamic(  # type: ignore[no-untyped-call]  # torch leaves it untyped
            module, {nn.Linear}, dtype=torch.qint8
        )
    return quantized


def write_onnx(model: LoadedModel, path: Path) -> None:
    """Export in fp32, then quantize the graph with onnxruntime's own tools.

    Raises:
        ProfilingError: The exporter or the quantizer refuses the model.
        MissingExtraError: onnxruntime is not installed.
    """
    int8_static.quantized_onnx(model, path, _write_dynamic)


def _write_dynamic(prepared: Path, path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415 - heavy

    quantize_dynamic(
        prepared,
        path,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
    )


def write_openvino(model: LoadedModel, path: Path) -> None:  # noqa: ARG001 - the family's signature
    """Never offered: see `NOT_OFFERED`.

    Raises:
        ProfilingError: Always.
    """
    raise ProfilingError(NOT_OFFERED[Runtime.OPENVINO])
