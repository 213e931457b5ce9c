"""Weights in four bits, activations as they were: see `profilers.weight_only`."""

import copy
from pathlib import Path
from typing import Final

import torch
from torch import nn

from planner.domain.variants import Precision, Runtime
from profilers import weight_only
from profilers.models import LoadedModel

PRECISION = Precision.INT4
NOT_OFFERED: dict[Runtime, str] = {}
_BITS: Final = 4


def torch_imports(module: nn.Module) -> tuple[str, ...]:  # noqa: ARG001 - the family's signature
    """Weights are tensors of torchao's own."""
    return ("torchao.quantization",)


def transform(model: LoadedModel) -> nn.Module:
    """A copy of the module with its linear layers' weights in integers.

    Raises:
        ProfilingError: It has none.
        MissingExtraError: torchao is not installed.
    """
    return weight_only.quantize(copy.deepcopy(model.module), _BITS, model.name)


def skeleton(module: nn.Module, sample: torch.Tensor) -> nn.Module:  # noqa: ARG001 - the family's signature
    """The same modules, ready for saved weights.

    Raises:
        ProfilingError: As for `transform`.
        MissingExtraError: torchao is not installed.
    """
    return weight_only.quantize(module, _BITS, type(module).__name__)


def write_onnx(model: LoadedModel, path: Path) -> None:
    """The fp32 graph with the weights of its matrix products packed.

    Raises:
        ProfilingError: It has none, or a tool refuses the model.
    """
    weight_only.write_onnx(model, _BITS, path)


def write_openvino(model: LoadedModel, path: Path) -> None:
    """OpenVINO's graph with compressed weights.

    Raises:
        ProfilingError: A tool refuses the model.
        MissingExtraError: OpenVINO or NNCF is not installed.
    """
    weight_only.write_openvino(model, PRECISION, _BITS, path)
