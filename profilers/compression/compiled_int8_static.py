"""Eight bits with calibrated ranges for a compiler: torch.export's program, by torchao's PT2E.

Products and convolutions between quantize and dequantize steps; torch.compile makes one
oneDNN kernel of each such group (3 x faster than compiled fp32 on a CNN, torch 2.13 on
AMD EPYC with VNNI). Weights are integers in the file; the scales of activations, which
a program holds as numbers in its code, are written beside them.
"""

import copy
from typing import Any

import torch
from torch import nn

from planner.domain.variants import Precision, Runtime
from planner.errors import ProfilingError
from profilers.compression import torchao_tensors
from profilers.foreign import deprecations_of_torch_hidden, told_as
from profilers.models import LoadedModel
from profilers.variants import int8_static

PRECISION = Precision.INT8_STATIC
NOT_OFFERED: dict[Runtime, str] = {}


def torch_imports(module: nn.Module) -> tuple[str, ...]:  # noqa: ARG001 - the family's signature
    """What quantizes the skeleton, and teaches the compiler such programs."""
    return ("torchao.quantization.pt2e.quantizer.x86_inductor_quantizer",)


def transform(model: LoadedModel) -> nn.Module:
    """A program of a copy of the module, calibrated on the example samples.

    Raises:
        ProfilingError: Nothing in it can be quantized, or torch.export refuses it.
        MissingExtraError: torchao is not installed.
    """
    return _quantized(copy.deepcopy(model.module), model.example, model.name)


def skeleton(module: nn.Module, sample: torch.Tensor) -> nn.Module:
    """The same program with ranges still unknown, ready for saved weights.

    Raises:
        ProfilingError: As for `transform`.
        MissingExtraError: torchao is not installed.
    """
    return _quantized(module, sample, type(module).__name__)


class CalibratedProgram(nn.Module):
    """A quantized program whose activation scales are part of its state."""

    scales: torch.Tensor
    zero_points: torch.Tensor

    def __init__(self, program: torch.fx.GraphModule) -> None:
        super().__init__()
        self.program = program
        scales = [step.args[1] for step in self._steps()]
        zeros = [step.args[2] for step in self._steps()]
        self.register_buffer("scales", torch.tensor(scales, dtype=torch.float64))
        self.register_buffer("zero_points", torch.tensor(zeros, dtype=torch.int64))
        self.register_load_state_dict_post_hook(_with_loaded_scales)  # type: ignore[no-untyped-call]  # torch leaves it untyped

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Answers to a batch."""
        answers: torch.Tensor = self.program(inputs)
        return answers

    def take_scales(self) -> None:
        """Put the scales of the state into the program's code."""
        loaded = zip(self.scales.tolist(), self.zero_points.tolist(), strict=True)
        for step, (scale, zero) in zip(self._steps(), loaded, strict=True):
            step.args = (step.args[0], scale, zero, *step.args[3:])
        self.program.recompile()

    def _steps(self) -> list[torch.fx.Node]:
        """Where activations become integers, and floating point again."""
        decomposed = torch.ops.quantized_decomposed
        kinds = (
            decomposed.quantize_per_tensor.default,
            decomposed.dequantize_per_tensor.default,
        )
        return [node for node in self.program.graph.nodes if node.target in kinds]


def _with_loaded_scales(module: nn.Module, _: object) -> None:
    if isinstance(module, CalibratedProgram):
        module.take_scales()


def _quantized(
    module: nn.Module, samples: torch.Tensor, name: str
) -> CalibratedProgram:
    int8_static.require_quantizable(module, name)
    torchao_tensors.torchao_quantization()
    with (
        told_as(
            ProfilingError,
            f"quantizing model '{name}' to int8 for torch-compile",
            way_out="torch.export must understand its forward for any batch size; "
            "int8-dynamic needs no export",
        ),
        deprecations_of_torch_hidden(),
    ):
        program = _calibrated(module, samples)
        _drop_replaced_weights(program)
    if not any(b.dtype == torch.int8 for b in program.buffers()):
        raise ProfilingError(
            f"int8-static is not offered for model '{name}' on torch-compile: torchao "
            "found no layer that it quantizes"
        )
    return CalibratedProgram(program)


def _calibrated(module: nn.Module, samples: torch.Tensor) -> Any:  # noqa: ANN401 - a package without types
    from torchao.quantization.pt2e import quantize_pt2e  # noqa: PLC0415 - an extra, and heavy

    # A batch of one would be taken for a constant.
    few = samples[:1].repeat(2, *[1] * (samples.ndim - 1))
    batch = torch.export.Dim("batch", min=1)
    exported = torch.export.export(module, (few,), dynamic_shapes=({0: batch},))
    observed = quantize_pt2e.prepare_pt2e(exported.module(), _quantizer(module))
    with torch.no_grad():
        for some in torch.split(samples, int8_static.CALIBRATION_BATCH):
            observed(some)
    return quantize_pt2e.convert_pt2e(observed)


def _quantizer(module: nn.Module) -> Any:  # noqa: ANN401 - a package without types
    from torchao.quantization.pt2e.quantizer import (  # noqa: PLC0415 - an extra, and heavy
        x86_inductor_quantizer as x86,
    )

    configuration = x86.get_default_x86_inductor_quantization_config(reduce_range=True)
    quantizer = x86.X86InductorQuantizer().set_global(configuration)
    # torch 2.13 compiles integer convolutions along one axis, and of one channel, to
    # kernels whose answers have another shape or order than it counts on, and stops.
    quantizer.set_function_type_qconfig(nn.functional.conv1d, None)
    for name, part in module.named_modules():
        if isinstance(part, nn.Conv2d) and part.in_channels == 1:
            quantizer.set_module_name_qconfig(name, None)
    return quantizer


def _drop_replaced_weights(program: torch.fx.GraphModule) -> None:
    """Floating-point weights stay in the module, where nothing reads them any more."""
    read = {node.target for node in program.graph.nodes if node.op == "get_attr"}
    held = [
        *program.named_parameters(remove_duplicate=False),
        *program.named_buffers(remove_duplicate=False),
    ]
    for name, _ in held:
        if name not in read:
            owner, _, leaf = name.rpartition(".")
            delattr(program.get_submodule(owner), leaf)


# Never asked for here: these runtimes have a way of their own.
write_onnx, write_openvino = int8_static.write_onnx, int8_static.write_openvino
