"""Full precision: the module as it is, and its ONNX graph from torch's exporter."""

from pathlib import Path

import torch
from torch import nn

from planner.domain.variants import Precision, Runtime
from profilers.artifacts import exporting, openvino_files
from profilers.models import LoadedModel

PRECISION = Precision.FP32
NOT_OFFERED: dict[Runtime, str] = {}


def torch_imports(module: nn.Module) -> tuple[str, ...]:  # noqa: ARG001 - the family's signature
    """Nothing beyond torch."""
    return ()


def transform(model: LoadedModel) -> nn.Module:
    """The module itself."""
    return model.module


def skeleton(module: nn.Module, sample: torch.Tensor) -> nn.Module:  # noqa: ARG001 - the family's signature
    """The module itself, ready for its weights."""
    return module


def write_onnx(model: LoadedModel, path: Path) -> None:
    """The graph that torch exports.

    Raises:
        ProfilingError: The exporter refuses the module, or the graph disagrees.
        MissingExtraError: onnxruntime is not installed.
    """
    exporting.write_onnx(model, path)


def write_openvino(model: LoadedModel, path: Path) -> None:
    """The same graph, in OpenVINO's own files.

    Raises:
        ProfilingError: The exporter or OpenVINO refuses the model.
        MissingExtraError: OpenVINO is not installed.
    """
    openvino_files.write(model, PRECISION, path, change=openvino_files.unchanged)
