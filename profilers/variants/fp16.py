"""Weights and activations in IEEE half precision; inputs and answers stay float32 outside.

Few CPUs compute in it: torch then converts at every step, and was 4 times slower than
fp32 on a CNN (torch 2.13, AMD EPYC, 2026-11). It is for GPUs; a CPU that is asked
shows what it costs.
"""

import copy
from pathlib import Path

import torch
from torch import nn

from planner.domain.variants import Precision, Runtime
from planner.errors import ProfilingError
from profilers.artifacts import exporting, openvino_files
from profilers.artifacts.artifact import replacing
from profilers.foreign import told_as
from profilers.models import LoadedModel

PRECISION = Precision.FP16
NOT_OFFERED: dict[Runtime, str] = {}


def torch_imports(module: nn.Module) -> tuple[str, ...]:  # noqa: ARG001 - the family's signature
    """Nothing beyond torch."""
    return ()


def transform(model: LoadedModel) -> nn.Module:
    """A copy of the module in float16."""
    return skeleton(copy.deepcopy(model.module), model.example)


def skeleton(module: nn.Module, sample: torch.Tensor) -> nn.Module:  # noqa: ARG001 - the family's signature
    """The module, cast."""
    return module.to(torch.float16)


def write_onnx(model: LoadedModel, path: Path) -> None:
    """The fp32 graph, converted by onnxruntime's own tool.

    Raises:
        ProfilingError: The exporter or the converter refuses the model.
    """
    import onnx  # noqa: PLC0415 - heavy

    with replacing(path) as temporary:
        full = temporary.with_name("full.onnx")
        exporting.write_onnx(model, full)
        with told_as(ProfilingError, f"converting model '{model.name}' to fp16"):
            from onnxruntime.transformers.float16 import (  # noqa: PLC0415 - heavy
                convert_float_to_float16,
            )

            onnx.save(
                convert_float_to_float16(onnx.load(full), keep_io_types=True), temporary
            )


def write_openvino(model: LoadedModel, path: Path) -> None:
    """The fp32 graph; the engine is told which precision to compute in."""
    openvino_files.write(model, PRECISION, path, change=openvino_files.unchanged)
