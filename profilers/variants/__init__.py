"""Ways to transform a model, one file each: fp32, bf16, int8.

`export_variant` writes what a runtime loads; `profilers.backends.load_backend` loads it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import ProfilingError
from profilers import artifacts, weights
from profilers.artifacts import Artifact
from profilers.foreign import told_as
from profilers.models import LoadedModel
from profilers.variants import bf16, fp32, int8


class Transformation(Protocol):
    """What each file of this folder offers."""

    PRECISION: Precision
    # Runtimes it cannot serve, each with the reason.
    NOT_OFFERED: dict[Runtime, str]

    def torch_imports(self, module: nn.Module) -> tuple[str, ...]:
        """What a torch replica imports besides torch to load this precision."""
        ...

    def transform(self, model: LoadedModel) -> nn.Module:
        """The module in this precision; the model's own is left as it is."""
        ...

    def skeleton(self, module: nn.Module, sample: torch.Tensor) -> nn.Module:
        """The module's structure in this precision, ready for saved weights."""
        ...

    def write_onnx(self, model: LoadedModel, path: Path) -> None:
        """The model in this precision as an ONNX file."""
        ...


TRANSFORMATIONS: Mapping[Precision, Transformation] = {
    Precision.FP32: fp32,
    Precision.BF16: bf16,
    Precision.INT8: int8,
}
SUFFIXES: Mapping[Runtime, str] = {
    Runtime.TORCH: ".safetensors",
    Runtime.ONNXRUNTIME: ".onnx",
}


def transformation(variant: Variant) -> Transformation:
    """How to make this variant.

    Raises:
        ProfilingError: It is not offered, and why.
    """
    found = TRANSFORMATIONS.get(variant.precision)
    if found is None or variant.runtime not in SUFFIXES or variant.sparsity_frac:
        raise ProfilingError(
            f"{variant} is not offered for profiling: choose among "
            f"{', '.join(TRANSFORMATIONS)} (dense) on {' and '.join(SUFFIXES)}"
        )
    if variant.runtime in found.NOT_OFFERED:
        reason = found.NOT_OFFERED[variant.runtime]
        raise ProfilingError(f"{variant} is not offered: {reason}")
    return found


def replica_imports(model: LoadedModel, variant: Variant) -> tuple[str, ...]:
    """What a replica of the variant imports before it loads the artefact.

    Raises:
        ProfilingError: The variant is not offered.
    """
    how = transformation(variant)
    if variant.runtime is Runtime.ONNXRUNTIME:
        return ("numpy", "onnxruntime")
    return ("numpy", "torch", *how.torch_imports(model.module))


def export_variant(model: LoadedModel, variant: Variant, directory: Path) -> Artifact:
    """Write the variant's file into the directory.

    Raises:
        ProfilingError: The variant is not offered, or not possible for this model.
        MissingExtraError: The runtime is not installed.
    """
    how = transformation(variant)
    path = (
        directory / f"{variant.precision}-{variant.runtime}{SUFFIXES[variant.runtime]}"
    )
    if variant.runtime is Runtime.ONNXRUNTIME:
        how.write_onnx(model, path)
    else:
        _write_torch(how, model, path)
    return artifacts.described(path)


def _write_torch(how: Transformation, model: LoadedModel, path: Path) -> None:
    header = weights.TorchHeader(
        precision=how.PRECISION,
        sample_shape=tuple(model.example.shape[1:]),
        input_dtype=str(model.example.dtype).removeprefix("torch."),
    )
    with told_as(ProfilingError, f"writing model '{model.name}' as {how.PRECISION}"):
        weights.write(how.transform(model).state_dict(), header, path)
