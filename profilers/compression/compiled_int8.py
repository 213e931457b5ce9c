"""Integer weights and activations for a compiler: torchao's tensors in linear layers.

torch's own dynamic linear layers are kernels that a compiler cannot see into; torchao's
are plain products with scales, which it fuses. Eager, they are slower than torch's own.
"""

import copy
from pathlib import Path

import torch
from torch import nn

from planner.domain.variants import Precision, Runtime
from planner.errors import ProfilingError
from profilers.compression import torchao_tensors
from profilers.models import LoadedModel, has_linears

PRECISION = Precision.INT8_DYNAMIC
NOT_OFFERED: dict[Runtime, str] = {}


def torch_imports(module: nn.Module) -> tuple[str, ...]:  # noqa: ARG001 - the family's signature
    """Weights are tensors of torchao's own."""
    return ("torchao.quantization",)


def transform(model: LoadedModel) -> nn.Module:
    """A copy of the module with integer linear layers.

    Raises:
        ProfilingError: It has none.
        MissingExtraError: torchao is not installed.
    """
    return _quantized(copy.deepcopy(model.module), model.name)


def skeleton(module: nn.Module, sample: torch.Tensor) -> nn.Module:  # noqa: ARG001 - the family's signature
    """The same modules, ready for saved weights.

    Raises:
        ProfilingError: As for `transform`.
        MissingExtraError: torchao is not installed.
    """
    return _quantized(module, type(module).__name__)


def _quantized(module: nn.Module, name: str) -> nn.Module:
    if not has_linears(module):
        raise ProfilingError(
            f"int8-dynamic is not offered for model '{name}' under a compiler: it has no "
            "linear layers; int8-static on torch-compile takes convolutions"
        )
    return torchao_tensors.quantize(module, torchao_tensors.dynamic_int8(), name)


def write_onnx(model: LoadedModel, path: Path) -> None:  # noqa: ARG001 - the family's signature
    """Never asked for: the compiler runs modules.

    Raises:
        ProfilingError: Always.
    """
    raise ProfilingError("torchao's tensors have no ONNX form: ask for int8-dynamic")


def write_openvino(model: LoadedModel, path: Path) -> None:
    """Never asked for: see `write_onnx`.

    Raises:
        ProfilingError: Always.
    """
    write_onnx(model, path)
