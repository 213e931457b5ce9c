"""Weights in few bits, activations in floating point: less to read, the same to compute.

torch: torchao's integer tensors, one scale an output (8 bits) or a group of 32 inputs
(4 bits; torchao 0.18 keeps each in a byte on a CPU, so memory falls no further than for
8 bits). On a CPU each product first unpacks its whole matrix in fp32, which takes longer
than the product saves, and unevenly, by where malloc finds the room: 2 to 7 x slower
than fp32 on wide layers. torch's packed kernels are no way out: 2 to 30 x slower still
at fp32 inputs, fast at bf16 ones alone (torch 2.13, AMD EPYC, 2026-11). onnxruntime:
MatMulNBits, in blocks of 32; a constant product that the exporter wrote as Gemm is
rewritten as MatMul and Add for it. OpenVINO: NNCF's compression.

Convolutions stay as they are on torch and onnxruntime, and in torch's 4 bits every
layer whose inputs do not come in whole groups.
"""

import copy
import logging
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from planner.domain.variants import Precision, Runtime
from planner.errors import ProfilingError
from profilers.artifacts import exporting, openvino_files
from profilers.artifacts.artifact import replacing
from profilers.compression import torchao_tensors
from profilers.foreign import told_as
from profilers.models import LoadedModel, has_linears

GROUP = 32
# onnxruntime's fastest: inputs are rounded to 8 bits, block by block, within the product.
# Without, 8 bits have no kernel of their own and were unpacked at each call: 11 x slower
# than fp32 on wide layers, now 8 x faster; 4 bits 6 x faster than without (onnxruntime
# 1.32, AMD EPYC with VNNI, 2026-11).
_INTEGER_PRODUCTS = 4
Bits = Literal[4, 8]


class WeightOnly:
    """The transformation to weights of so many bits."""

    def __init__(self, precision: Precision, bits: Bits) -> None:
        self.PRECISION = precision
        self.NOT_OFFERED: dict[Runtime, str] = {}
        self._bits = bits

    def torch_imports(self, module: nn.Module) -> tuple[str, ...]:  # noqa: ARG002 - the family's signature
        """Weights are tensors of torchao's own."""
        return ("torchao.quantization",)

    def transform(self, model: LoadedModel) -> nn.Module:
        """A copy of the module with its linear layers' weights in integers.

        Raises:
            ProfilingError: It has none.
            MissingExtraError: torchao is not installed.
        """
        return quantize(copy.deepcopy(model.module), self._bits, model.name)

    def skeleton(self, module: nn.Module, sample: torch.Tensor) -> nn.Module:  # noqa: ARG002 - the family's signature
        """The same modules, ready for saved weights.

        Raises:
            ProfilingError: As for `transform`.
            MissingExtraError: torchao is not installed.
        """
        return quantize(module, self._bits, type(module).__name__)

    def write_onnx(self, model: LoadedModel, path: Path) -> None:
        """The fp32 graph with the weights of its matrix products packed.

        Raises:
            ProfilingError: It has none, or a tool refuses the model.
        """
        write_onnx(model, self._bits, path)

    def write_openvino(self, model: LoadedModel, path: Path) -> None:
        """OpenVINO's graph with compressed weights.

        Raises:
            ProfilingError: A tool refuses the model.
            MissingExtraError: OpenVINO or NNCF is not installed.
        """
        write_openvino(model, self.PRECISION, self._bits, path)


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
        exporting.write_onnx(model, full)
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
        plain.model,
        block_size=GROUP,
        is_symmetric=True,
        bits=bits,
        accuracy_level=_INTEGER_PRODUCTS,
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
