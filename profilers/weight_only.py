"""Weights in few bits, activations in floating point: less to read, the same to compute.

torch: torchao's integer tensors, one scale an output (8 bits) or a group of 32 inputs
(4 bits; torchao 0.18 keeps each in a byte on a CPU, so memory falls no further than for
8 bits). onnxruntime: MatMulNBits, in blocks of 32; a constant product that the exporter
wrote as Gemm is rewritten as MatMul and Add for it. OpenVINO: NNCF's compression.

Convolutions stay as they are on torch and onnxruntime, and in torch's 4 bits every
layer whose inputs do not come in whole groups.
"""

import logging
from pathlib import Path
from typing import Any, Literal

from torch import nn

from planner.domain.variants import Precision
from planner.errors import ProfilingError
from profilers import openvino_files, torchao_tensors
from profilers.artifacts import replacing
from profilers.foreign import told_as
from profilers.models import LoadedModel, has_linears
from profilers.variants import fp32

GROUP = 32
Bits = Literal[4, 8]


def quantize(module: nn.Module, bits: Bits, name: str) -> nn.Module:
    """The module with its linear layers' weights in integers, in place.

    Raises:
        ProfilingError: It has no linear layers, or torchao refuses them.
        MissingExtraError: torchao is not installed.
    """
    if not has_linears(module):
        raise ProfilingError(
            f"weights in {bits} bits are not offered for model '{name}' on torch: it has "
            "no linear layers; openvino compresses convolutions too"
        )
    if bits == 8:
        return torchao_tensors.quantize(module, torchao_tensors.weights_in(8), name)
    return torchao_tensors.quantize(
        module, torchao_tensors.weights_in(4), name, inputs_in_groups_of=GROUP
    )


def write_onnx(model: LoadedModel, bits: Bits, path: Path) -> None:
    """Export in fp32, then pack the weights of matrix products.

    Raises:
        ProfilingError: The exporter or the quantizer refuses the model, or it has none.
    """
    import onnx  # noqa: PLC0415 - heavy

    with replacing(path) as temporary:
        full = temporary.with_name("full.onnx")
        fp32.write_onnx(model, full)
        with told_as(
            ProfilingError,
            f"packing the weights of model '{model.name}' in {bits} bits",
        ):
            packed = _packed(onnx.load(full), bits)
            if not any(n.op_type == "MatMulNBits" for n in packed.model.graph.node):
                raise ProfilingError(
                    f"weights in {bits} bits are not offered for model '{model.name}' on "
                    "onnxruntime: it has no products with constant matrices"
                )
            packed.save_model_to_file(str(temporary), use_external_data_format=False)


def _packed(graph: Any, bits: Bits) -> Any:  # noqa: ANN401 - a package without types
    from onnxruntime.quantization import matmul_nbits_quantizer as packing  # noqa: PLC0415 - heavy
    from onnxruntime.quantization.onnx_model import ONNXModel  # noqa: PLC0415 - heavy

    logging.getLogger(packing.__name__).setLevel(logging.ERROR)
    plain = ONNXModel(graph)
    plain.replace_gemm_with_matmul()
    packer = packing.MatMulNBitsQuantizer(
        plain.model, block_size=GROUP, is_symmetric=True, bits=bits
    )
    packer.process()
    return packer.model


def write_openvino(
    model: LoadedModel, precision: Precision, bits: Bits, path: Path
) -> None:
    """OpenVINO's graph with its weights compressed by NNCF.

    Raises:
        ProfilingError: The exporter or NNCF refuses the model.
        MissingExtraError: OpenVINO or NNCF is not installed.
    """

    def compressed(graph: Any, model: LoadedModel, onnx_path: Path) -> Any:  # noqa: ANN401, ARG001 - the family's signature
        nncf = openvino_files.nncf()
        modes = nncf.CompressWeightsMode
        if bits == 8:
            return nncf.compress_weights(graph, mode=modes.INT8_ASYM)
        return nncf.compress_weights(
            graph,
            mode=modes.INT4_SYM,
            group_size=GROUP,
            ratio=1.0,
            all_layers=True,
            advanced_parameters=nncf.AdvancedCompressionParameters(
                group_size_fallback_mode=nncf.GroupSizeFallbackMode.ADJUST
            ),
        )

    openvino_files.write(model, precision, path, change=compressed)
