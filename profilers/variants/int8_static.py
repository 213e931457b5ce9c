"""Eight-bit integer weights and activations, whose ranges calibration samples give.

Activation ranges are calibrated on the model's example samples (no labels are seen),
weights are signed and per channel, activations unsigned. torch: FX graph mode for the
x86 engine (quantized::conv2d and ::linear, no compile step). onnxruntime: QDQ, u8
activations and s8 weights; s8/s8 was 2.5 x slower on a CNN. OpenVINO: NNCF.

Seven bits of the eight are used where the multiply-add of a CPU without VNNI
would saturate (`reduce_range`), so that the answers do not depend on the machine;
OpenVINO decides that itself.
"""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from planner.domain.variants import Precision, Runtime
from planner.errors import ProfilingError
from profilers.artifacts import exporting, openvino_files
from profilers.artifacts.artifact import replacing
from profilers.artifacts.onnx_files import input_names
from profilers.feeds import feeds
from profilers.foreign import deprecations_of_torch_hidden, told_as
from profilers.models import LoadedModel, has_convolutions, has_linears

if TYPE_CHECKING:
    from collections.abc import Iterator

PRECISION = Precision.INT8_STATIC
NOT_OFFERED = {
    Runtime.TORCH_CUDA: "torch's statically quantized modules call kernels of the CPU; "
    "int8-dynamic is offered",
}
CALIBRATION_BATCH = 16
ENGINE = "x86"
_FEATURES = frozenset({"Scaler", "Normalizer", "Imputer"})


def torch_imports(module: nn.Module) -> tuple[str, ...]:  # noqa: ARG001 - the family's signature
    """FX graph mode imports torch's compiler, 95 MiB of it (torch 2.13), unused."""
    return ("torch._dynamo",)


def transform(model: LoadedModel) -> nn.Module:
    """A quantized copy of the module, calibrated on the example samples.

    Raises:
        ProfilingError: Nothing in it can be quantized, or torch.fx cannot trace it.
    """
    way_out = _ways_out(model.module, is_causal=model.is_causal)
    module = copy.deepcopy(model.module)
    return _quantized(module, model.example, model.name, way_out)


def skeleton(module: nn.Module, sample: torch.Tensor) -> nn.Module:
    """The same modules with ranges still unknown, ready for saved weights.

    Raises:
        ProfilingError: As for `transform`.
    """
    return _quantized(module, sample, type(module).__name__)


def _ways_out(module: nn.Module, *, is_causal: bool) -> str:
    """What may still quantize a module that torch.fx cannot trace."""
    ways = ["a model must be traceable by torch.fx for static quantization"]
    if not is_causal:
        ways.append("onnxruntime, openvino and torch-compile trace it in another way")
    if has_linears(module):
        ways.append("int8-dynamic needs no tracing")
    return "; ".join(ways)


def _quantized(
    module: nn.Module, samples: torch.Tensor, name: str, way_out: str = ""
) -> nn.Module:
    require_quantizable(module, name)
    with (
        told_as(
            ProfilingError,
            f"quantizing model '{name}' to int8 for torch",
            way_out=way_out,
        ),
        deprecations_of_torch_hidden(),
    ):
        return _static(module, samples)


def require_quantizable(module: nn.Module, name: str) -> None:
    """Refuse a module with nothing to quantize.

    Raises:
        ProfilingError: It has neither convolutions nor linear layers.
    """
    if not has_convolutions(module) and not has_linears(module):
        if isinstance(module, torch.fx.GraphModule):
            raise ProfilingError(
                f"int8 is not offered for model '{name}' on this runtime: an exported "
                "program holds operators, not the layers that would be quantized; "
                "onnxruntime and openvino quantize operators, or give the model's factory"
            )
        raise ProfilingError(
            f"int8 is not offered for model '{name}': it has neither convolutions nor "
            "linear layers to quantize"
        )


def _static(module: nn.Module, samples: torch.Tensor) -> nn.Module:
    from torch.ao.quantization import get_default_qconfig_mapping  # noqa: PLC0415 - only here
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx  # noqa: PLC0415

    torch.backends.quantized.engine = ENGINE
    observed = prepare_fx(module, get_default_qconfig_mapping(ENGINE), (samples[:2],))
    with torch.inference_mode():
        for batch in torch.split(samples, CALIBRATION_BATCH):
            observed(batch)
    converted: nn.Module = convert_fx(observed)
    return converted


def write_onnx(model: LoadedModel, path: Path) -> None:
    """Export in fp32, then quantize the graph with onnxruntime's own tools.

    Raises:
        ProfilingError: The exporter or the quantizer refuses the model.
        MissingExtraError: onnxruntime is not installed.
    """
    quantized_onnx(
        model, path, lambda prepared, to: _write_static(prepared, to, model.example)
    )


def quantized_onnx(
    model: LoadedModel, path: Path, quantize: Callable[[Path, Path], None]
) -> None:
    """Export in fp32, prepare the graph, and have it quantized from one file to the other.

    Raises:
        ProfilingError: The exporter or the quantizer refuses the model.
        MissingExtraError: onnxruntime is not installed.
    """
    with replacing(path) as temporary:
        full = temporary.with_name("full.onnx")
        prepared = temporary.with_name("prepared.onnx")
        exporting.write_onnx(model, full)
        _require_network(full, model.name)
        with told_as(
            ProfilingError, f"quantizing model '{model.name}' to int8 for onnxruntime"
        ):
            _prepare(full, prepared)
            quantize(prepared, temporary)
        _require_int8(temporary, model.name)


def _require_network(path: Path, name: str) -> None:
    import onnx  # noqa: PLC0415 - heavy

    graph = onnx.load(path, load_external_data=False)
    if not any(node.domain in ("", "ai.onnx") for node in graph.graph.node):
        raise ProfilingError(
            f"int8 is not offered for model '{name}': its graph holds no operator of a "
            "neural network, such as trees do not; choose fp32"
        )


def _prepare(full: Path, prepared: Path) -> None:
    """Infer shapes and fold constants, as onnxruntime's quantizers want it."""
    import onnx  # noqa: PLC0415 - heavy
    from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415 - heavy

    # The exporter has already inferred shapes; the symbolic pass only costs time.
    quant_pre_process(full, prepared, skip_symbolic_shape=True)
    graph = onnx.load(prepared)
    _flatten_biases(graph)
    _type_features(graph)
    onnx.save(onnx.shape_inference.infer_shapes(graph), prepared)


def _type_features(graph: Any) -> None:  # noqa: ANN401 - onnx has no types
    """What scikit-learn's scalers give is float32: onnx does not infer it, nor what follows."""
    import onnx  # noqa: PLC0415 - heavy

    for node in graph.graph.node:
        if node.op_type in _FEATURES:
            graph.graph.value_info.append(
                onnx.helper.make_tensor_value_info(
                    node.output[0], onnx.TensorProto.FLOAT, None
                )
            )


def _flatten_biases(graph: Any) -> None:  # noqa: ANN401 - onnx has no types
    """A bias of one row becomes a vector: onnxruntime 1.32's quantizer fails at a row.

    Such are scikit-learn's, once a product and the sum behind it are one Gemm.
    """
    biases = {n.input[2] for n in graph.graph.node if n.op_type == "Gemm" and len(n.input) > 2}  # fmt: skip
    rows = [
        i
        for i in graph.graph.initializer
        if i.name in biases and len(i.dims) == 2 and i.dims[0] == 1
    ]
    for row in rows:
        del row.dims[0]


def _write_static(prepared: Path, path: Path, samples: torch.Tensor) -> None:
    from onnxruntime.quantization import (  # noqa: PLC0415 - heavy
        QuantFormat,
        QuantType,
        quantize_static,
    )

    quantize_static(
        prepared,
        path,
        _Calibration(prepared, samples),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
    )


class _Calibration:
    """What onnxruntime asks for as a CalibrationDataReader."""

    def __init__(self, graph: Path, samples: torch.Tensor) -> None:
        names = input_names(graph)
        self._feeds: Iterator[dict[str, Any]] = (
            feeds(names, batch.numpy())
            for batch in torch.split(samples, CALIBRATION_BATCH)
        )

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)


def _require_int8(path: Path, name: str) -> None:
    """Refuse a graph that the quantizer left as it was.

    Raises:
        ProfilingError: It holds no integer weights.
    """
    import onnx  # noqa: PLC0415 - heavy

    graph = onnx.load(path).graph
    # onnxruntime leaves a graph as it is where it finds nothing to quantize.
    if not any(i.data_type == onnx.TensorProto.INT8 for i in graph.initializer):
        raise ProfilingError(
            f"int8 is not offered for model '{name}': onnxruntime found no weights to "
            "quantize"
        )


def write_openvino(model: LoadedModel, path: Path) -> None:
    """Calibrate and quantize OpenVINO's graph with NNCF.

    Raises:
        ProfilingError: The exporter or NNCF refuses the model.
        MissingExtraError: OpenVINO or NNCF is not installed.
    """
    openvino_files.write(model, PRECISION, path, change=_calibrated)


def _calibrated(graph: Any, model: LoadedModel, onnx_path: Path) -> Any:  # noqa: ANN401 - OpenVINO's own type
    nncf = openvino_files.nncf()
    names = input_names(onnx_path)
    batches = [feeds(names, b.numpy()) for b in torch.split(model.example, 1)]
    # Seven bits of a weight's eight where pairs of products would overflow 16 bits, on
    # any machine: without it a CPU that has no VNNI was 23 % off on a small CNN.
    careful = nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE)
    quantized = nncf.quantize(
        graph,
        nncf.Dataset(batches),
        subset_size=len(batches),
        advanced_parameters=careful,
    )
    if not any(op.get_type_name() == "FakeQuantize" for op in quantized.get_ops()):
        raise ProfilingError(
            f"int8 is not offered for model '{model.name}': NNCF found nothing to quantize"
        )
    return quantized
