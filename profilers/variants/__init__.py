"""Ways to transform a model, one file a precision.

`export_variant` writes what a runtime loads; `profilers.backends.load_backend` loads it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import ProfilingError
from profilers.artifacts import artifact, weights
from profilers.artifacts.artifact import Artifact
from profilers.compression import compiled_int8, compiled_int8_static
from profilers.compression.pruning import pruned
from profilers.foreign import told_as
from profilers.models import LoadedModel
from profilers.variants import (
    bf16,
    fp16,
    fp32,
    int4,
    int8,
    int8_dynamic,
    int8_static,
    int8_weight_only,
)


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

    def write_openvino(self, model: LoadedModel, path: Path) -> None:
        """The model in this precision as OpenVINO's files in one."""
        ...


TRANSFORMATIONS: Mapping[Precision, Transformation] = {
    Precision.FP32: fp32,
    Precision.BF16: bf16,
    Precision.FP16: fp16,
    Precision.INT8: int8.TRANSFORMATION,
    Precision.INT8_STATIC: int8_static,
    Precision.INT8_DYNAMIC: int8_dynamic,
    Precision.INT8_WEIGHT_ONLY: int8_weight_only.TRANSFORMATION,
    Precision.INT4: int4.TRANSFORMATION,
}
# Engines that cannot see into torch's quantized modules have their own ways.
_OWN_WAYS: Mapping[Runtime, Mapping[Precision, Transformation]] = {
    Runtime.TORCH_COMPILE: {
        Precision.INT8: int8.EightBits(
            static=compiled_int8_static, dynamic=compiled_int8
        ),
        Precision.INT8_STATIC: compiled_int8_static,
        Precision.INT8_DYNAMIC: compiled_int8,
    },
    Runtime.TORCH_CUDA: dict.fromkeys(
        (Precision.INT8, Precision.INT8_DYNAMIC), compiled_int8
    ),
}
SUFFIXES: Mapping[Runtime, str] = {
    Runtime.TORCH: ".safetensors",
    Runtime.TORCH_COMPILE: ".safetensors",
    Runtime.TORCH_CUDA: ".safetensors",
    Runtime.ONNXRUNTIME: ".onnx",
    Runtime.OPENVINO: ".openvino",
}


def transformation(variant: Variant) -> Transformation:
    """How to make this variant.

    Raises:
        ProfilingError: It is not offered, and why.
    """
    own = _OWN_WAYS.get(variant.runtime, {})
    found = own.get(variant.precision) or TRANSFORMATIONS.get(variant.precision)
    if found is None or variant.runtime not in SUFFIXES:
        raise ProfilingError(
            f"{variant} is not offered for profiling: choose among "
            f"{', '.join(TRANSFORMATIONS)} on {', '.join(SUFFIXES)}"
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
    if variant.runtime is Runtime.OPENVINO:
        return ("numpy", "openvino")
    compiler = ("torch._dynamo",) if variant.runtime is Runtime.TORCH_COMPILE else ()
    return ("numpy", "torch", *compiler, *how.torch_imports(model.module))


def export_variant(model: LoadedModel, variant: Variant, directory: Path) -> Artifact:
    """Write the variant's file into the directory.

    Raises:
        ProfilingError: The variant is not offered, or not possible for this model.
        MissingExtraError: The runtime is not installed.
    """
    how = transformation(variant)
    _require_cache(model, variant.runtime)
    model = pruned(model, variant)
    path = (
        directory / f"{variant.precision}-{variant.runtime}{SUFFIXES[variant.runtime]}"
    )
    if variant.runtime is Runtime.ONNXRUNTIME:
        how.write_onnx(model, path)
    elif variant.runtime is Runtime.OPENVINO:
        how.write_openvino(model, path)
    else:
        _write_torch(how, model, variant, path)
    return artifact.described(path)


def _require_cache(model: LoadedModel, runtime: Runtime) -> None:
    if model.is_causal and runtime is not Runtime.TORCH:
        raise ProfilingError(
            f"a causal language model is measured on torch alone, where its cache can be "
            f"held between steps; {runtime} is not offered for '{model.name}'"
        )


def _write_torch(
    how: Transformation, model: LoadedModel, variant: Variant, path: Path
) -> None:
    header = weights.TorchHeader(
        precision=variant.precision,
        runtime=variant.runtime,
        sample_shape=tuple(model.example.shape[1:]),
        input_dtype=str(model.example.dtype).removeprefix("torch."),
    )
    with told_as(
        ProfilingError, f"writing model '{model.name}' as {variant.precision}"
    ):
        weights.write(how.transform(model).state_dict(), header, path)
