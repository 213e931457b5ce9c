"""Eight-bit integer weights and activations, in the way each runtime is fast at.

With convolutions: static quantization. Activation ranges are calibrated on the model's example
samples (no labels are seen), weights are signed and per channel, activations
unsigned. torch: FX graph mode for the x86 engine (quantized::conv2d and ::linear, no
compile step; the PT2E path is faster still, but compiles 5-45 s a shape). onnxruntime: QDQ,
u8 activations and s8 weights; s8/s8 was 2.5 x slower and dynamic 12 x slower on a CNN.

Without: linear layers only, activation scales taken per batch (dynamic), which was as
fast on an encoder at half the error.

Seven bits of the eight are used where the multiply-add of a CPU without VNNI
would saturate (`reduce_range`), so that the answers do not depend on the machine.
"""

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from planner.domain.variants import Precision, Runtime
from planner.errors import ProfilingError
from profilers.artifacts import replacing
from profilers.foreign import deprecations_of_torch_hidden, told_as
from profilers.models import LoadedModel
from profilers.variants import fp32

if TYPE_CHECKING:
    from collections.abc import Iterator

PRECISION = Precision.INT8
NOT_OFFERED: dict[Runtime, str] = {}
_CALIBRATION_BATCH = 16
_ENGINE = "x86"


def torch_imports(module: nn.Module) -> tuple[str, ...]:
    """FX graph mode imports torch's compiler, 95 MiB of it (torch 2.13), unused."""
    return ("torch._dynamo",) if _has_convolutions(module) else ()


def transform(model: LoadedModel) -> nn.Module:
    """A quantized copy of the module, calibrated on the example samples.

    Raises:
        ProfilingError: Nothing in it can be quantized, or torch.fx cannot trace it.
    """
    return _quantized(copy.deepcopy(model.module), model.example, model.name)


def skeleton(module: nn.Module, sample: torch.Tensor) -> nn.Module:
    """The same modules with ranges still unknown, ready for saved weights.

    Raises:
        ProfilingError: As for `transform`.
    """
    return _quantized(module, sample, type(module).__name__)


def _quantized(module: nn.Module, samples: torch.Tensor, name: str) -> nn.Module:
    convolutional = _has_convolutions(module)
    if not convolutional and not _has(module, nn.Linear):
        raise ProfilingError(
            f"int8 is not offered for model '{name}': it has neither convolutions nor "
            "linear layers to quantize"
        )
    with (
        told_as(
            ProfilingError,
            f"quantizing model '{name}' to int8 for torch",
            way_out="a model with convolutions must be traceable by torch.fx; "
            "onnxruntime may still offer int8",
        ),
        deprecations_of_torch_hidden(),
    ):
        return _static(module, samples) if convolutional else _dynamic(module)


def _static(module: nn.Module, samples: torch.Tensor) -> nn.Module:
    from torch.ao.quantization import get_default_qconfig_mapping  # noqa: PLC0415 - only here
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx  # noqa: PLC0415

    torch.backends.quantized.engine = _ENGINE
    observed = prepare_fx(module, get_default_qconfig_mapping(_ENGINE), (samples[:2],))
    with torch.inference_mode():
        for batch in torch.split(samples, _CALIBRATION_BATCH):
            observed(batch)
    converted: nn.Module = convert_fx(observed)
    return converted


def _dynamic(module: nn.Module) -> nn.Module:
    from torch.ao.quantization import quantize_dynamic  # noqa: PLC0415 - only here

    torch.backends.quantized.engine = _ENGINE
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
    with replacing(path) as temporary:
        full = temporary.with_name("full.onnx")
        prepared = temporary.with_name("prepared.onnx")
        fp32.write_onnx(model, full)
        with told_as(
            ProfilingError, f"quantizing model '{model.name}' to int8 for onnxruntime"
        ):
            _prepare(full, prepared)
            if _has_convolutions(model.module):
                _write_static(prepared, temporary, model.example)
            else:
                _write_dynamic(prepared, temporary)
        _require_int8(temporary, model.name)


def _prepare(full: Path, prepared: Path) -> None:
    from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415 - heavy

    # The exporter has already inferred shapes; the symbolic pass only costs time.
    quant_pre_process(full, prepared, skip_symbolic_shape=True)


def _write_static(prepared: Path, path: Path, samples: torch.Tensor) -> None:
    from onnxruntime.quantization import (  # noqa: PLC0415 - heavy
        QuantFormat,
        QuantType,
        quantize_static,
    )

    quantize_static(
        prepared,
        path,
        _Calibration(samples),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
    )


def _write_dynamic(prepared: Path, path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415 - heavy

    quantize_dynamic(
        prepared, path, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True
    )


class _Calibration:
    """What onnxruntime asks for as a CalibrationDataReader."""

    def __init__(self, samples: torch.Tensor) -> None:
        self._feeds: Iterator[dict[str, Any]] = (
            {fp32.INPUT: batch.numpy()}
            for batch in torch.split(samples, _CALIBRATION_BATCH)
        )

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)


def _require_int8(path: Path, name: str) -> None:
    import onnx  # noqa: PLC0415 - heavy

    graph = onnx.load(path).graph
    # onnxruntime leaves a graph as it is where it finds nothing to quantize.
    if not any(i.data_type == onnx.TensorProto.INT8 for i in graph.initializer):
        raise ProfilingError(
            f"int8 is not offered for model '{name}': onnxruntime found no weights to "
            "quantize"
        )


def _has_convolutions(module: nn.Module) -> bool:
    return _has(module, _ConvNd)


def _has(module: nn.Module, kind: type[nn.Module]) -> bool:
    return any(isinstance(part, kind) for part in module.modules())
