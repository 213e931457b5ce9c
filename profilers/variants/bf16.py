"""Weights and activations in bfloat16; inputs and answers stay float32 outside."""

import copy
from pathlib import Path

import torch
from torch import nn

from planner.domain.variants import Precision, Runtime
from planner.errors import ProfilingError
from profilers.artifacts import openvino_files
from profilers.models import LoadedModel

PRECISION = Precision.BF16
NOT_OFFERED = {
    # onnxruntime 1.32's CPU provider has no bfloat16 Conv, Gemm or MatMul kernels.
    Runtime.ONNXRUNTIME: "its CPU provider has no bfloat16 kernels for convolutions "
    "and matrix products",
}


def torch_imports(module: nn.Module) -> tuple[str, ...]:  # noqa: ARG001 - the family's signature
    """Nothing beyond torch."""
    return ()


def transform(model: LoadedModel) -> nn.Module:
    """A copy of the module in bfloat16."""
    return skeleton(copy.deepcopy(model.module), model.example)


def skeleton(module: nn.Module, sample: torch.Tensor) -> nn.Module:  # noqa: ARG001 - the family's signature
    """The module, cast."""
    return module.to(torch.bfloat16)


def write_onnx(model: LoadedModel, path: Path) -> None:  # noqa: ARG001 - the family's signature
    """Never offered: see `NOT_OFFERED`.

    Raises:
        ProfilingError: Always.
    """
    raise ProfilingError(NOT_OFFERED[Runtime.ONNXRUNTIME])


def write_openvino(model: LoadedModel, path: Path) -> None:
    """The fp32 graph; the engine is told which precision to compute in."""
    openvino_files.write(model, PRECISION, path, change=openvino_files.unchanged)
