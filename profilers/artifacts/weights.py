"""A torch variant's file: its weights in their own precision, as safetensors.

Integers stay integers: a quantized tensor is written as its int8 values, scales and
zero points, a tensor that wraps others (torchao's) as those. The metadata names the precision and the shape of a sample. There is no
code in the file, so loading it needs the user's factory.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from planner.domain.variants import Precision, Runtime
from planner.errors import ProfilingError
from profilers.artifacts.artifact import replacing
from profilers.foreign import told_as

# Parts of a quantized tensor, as suffixes of its name in the file.
_VALUES, _SCALES, _ZEROS = "#int8", "#scales", "#zero_points"
_BIAS = "#bias"
_HEADER = "variant"


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchHeader:
    """What a torch artefact says of itself."""

    precision: Precision
    runtime: Runtime
    sample_shape: tuple[int, ...]
    input_dtype: str


def write(state: Mapping[str, object], header: TorchHeader, path: Path) -> None:
    """Write a state dict, quantized tensors taken apart into plain ones."""
    tensors: dict[str, torch.Tensor] = {}
    for name, value in state.items():
        tensors.update(_flattened(name, value))
    # One key: safetensors writes several in an order of its own, and the digest with it.
    metadata = {_HEADER: json.dumps(asdict(header))}
    # Tied weights share memory, which safetensors refuses: each gets its own copy.
    own = {name: t.detach().clone().contiguous() for name, t in tensors.items()}
    with replacing(path) as temporary:
        save_file(own, temporary, metadata)


def read_header(path: Path) -> TorchHeader:
    """What the artefact is.

    Raises:
        ProfilingError: Not a torch artefact of this product.
    """
    with (
        told_as(ProfilingError, f"reading {path}", way_out="is it a torch artefact?"),
        safe_open(path, framework="pt") as file,
    ):
        told = json.loads((file.metadata() or {})[_HEADER])
        return TorchHeader(
            precision=Precision(told["precision"]),
            runtime=Runtime(told["runtime"]),
            sample_shape=tuple(told["sample_shape"]),
            input_dtype=told["input_dtype"],
        )


def read(path: Path, skeleton: Mapping[str, object]) -> dict[str, object]:
    """The state dict of the file, put together again after the skeleton's own types.

    Raises:
        ProfilingError: The file lacks what the skeleton has.
    """
    with told_as(
        ProfilingError,
        f"loading {path} into the factory's module",
        way_out="was the artefact made from this factory?",
    ):
        tensors = load_file(path)
        return {name: _restored(name, like, tensors) for name, like in skeleton.items()}


def _flattened(name: str, value: object) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, tuple):  # packed parameters of a linear layer: weight, bias
        weight, bias = value
        yield from _flattened(name, weight)
        if bias is not None:
            yield name + _BIAS, bias
    elif is_traceable_wrapper_subclass(value):
        # torch's own protocol for taking such tensors apart, the one its compiler uses.
        for part in value.__tensor_flatten__()[0]:
            yield from _flattened(f"{name}#{part}", getattr(value, part))
    elif isinstance(value, torch.Tensor) and value.is_quantized:
        per_channel = value.qscheme() == torch.per_channel_affine
        yield name + _VALUES, value.int_repr()
        yield (
            name + _SCALES,
            value.q_per_channel_scales()
            if per_channel
            else torch.tensor([value.q_scale()], dtype=torch.float64),
        )
        yield (
            name + _ZEROS,
            value.q_per_channel_zero_points()
            if per_channel
            else torch.tensor([value.q_zero_point()]),
        )
    elif isinstance(value, torch.Tensor):
        yield name, value


def _restored(name: str, like: object, tensors: Mapping[str, torch.Tensor]) -> object:
    if isinstance(like, tuple):
        weight, bias = like
        restored = _restored(name, weight, tensors)
        return restored, None if bias is None else tensors[name + _BIAS]
    if is_traceable_wrapper_subclass(like):
        return _rewrapped(name, like, tensors)
    if not isinstance(like, torch.Tensor):
        return like  # a dtype that the skeleton fixes
    return _requantized(name, like, tensors) if like.is_quantized else tensors[name]


def _requantized(
    name: str, like: torch.Tensor, tensors: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    scales, zeros = tensors[name + _SCALES], tensors[name + _ZEROS]
    values = tensors[name + _VALUES]
    if like.qscheme() == torch.per_channel_affine:
        return torch._make_per_channel_quantized_tensor(
            values, scales, zeros, like.q_per_channel_axis()
        )
    return torch._make_per_tensor_quantized_tensor(
        values, scales.item(), int(zeros.item())
    )


def _rewrapped(
    name: str,
    like: Any,  # noqa: ANN401 - torch's protocol, not its type
    tensors: Mapping[str, torch.Tensor],
) -> object:
    parts, meaning = like.__tensor_flatten__()
    restored = {
        part: _held(_restored(f"{name}#{part}", getattr(like, part), tensors))
        for part in parts
    }
    return type(like).__tensor_unflatten__(
        restored, meaning, like.size(), like.stride()
    )


def _held(part: object) -> object:
    """Memory of this process; what safetensors gives is a view of the mapped file.

    It takes the skeleton's place as it is, and would be read, weighed and held to a
    memory limit only when it is first used, or never.
    """
    return part.clone() if isinstance(part, torch.Tensor) else part
