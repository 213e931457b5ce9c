"""Counts what a model asks of any device: products, parameters, and numbers that move.

A torch module is run once on one sample, and each operator that torch's own table knows
the operations of (`torch.utils.flop_counter`) is counted as it runs; an ONNX graph by
its nodes (`profilers.onnx_counts`). Only convolutions and matrix products count, and what they
read and write beside weights: engines fuse what lies between, each in its own way.

"No" is an answer: an operator that reads a weight matrix and is in no table makes the
count unknown, never too small.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from planner.domain.operations import Operations
from planner.errors import ProfilingError
from profilers import onnx_counts
from profilers.foreign import told_as
from profilers.models import LoadedModel

# Reads a table of weights row by row, or normalizes by them: no matrix product.
_NO_PRODUCTS = frozenset(
    {
        "aten.embedding",
        "aten.index",
        "aten.index_select",
        "aten.gather",
        "aten.native_layer_norm",
        "aten.native_group_norm",
        "aten.native_batch_norm",
        "aten._native_batch_norm_legit_no_training",
        "aten.cat",
        "aten.stack",
        "aten.clone",
        "aten.copy_",
        "aten._to_copy",
        "aten.constant_pad_nd",
    }
)


def counted(model: LoadedModel) -> Operations | str:
    """What a loaded model takes for one item, or why nobody can say.

    A causal language model is not counted: it has no one item.
    """
    if model.is_causal:
        return "a causal language model's operations go by prompt and answer"
    if model.graph is not None:
        return onnx_counts.counted(model.name, model.graph, model.example[:1].numpy())
    return of_module(model.name, model.module, model.example[:1])


def of_module(name: str, module: nn.Module, sample: torch.Tensor) -> Operations | str:
    """Operations of a module for the one item that `sample` (1, …) holds."""
    parameters = list(module.parameters())
    mode = _Counting(parameters)
    try:
        with told_as(ProfilingError, "counting"), _in_the_open(), torch.no_grad(), mode:
            module(sample)
    except ProfilingError as refusal:
        return str(refusal)
    if mode.unknown:
        return f"nobody knows how many operations {', '.join(mode.unknown)} takes"
    macs, n_parameters = mode.flop // 2, sum(p.numel() for p in parameters)
    if not macs or not n_parameters:
        return "it has no convolution or matrix product with weights"
    return Operations(
        model=name,
        parameters=n_parameters,
        macs=macs,
        activation_values=mode.activation_values,
        source="counted while the module ran on one sample",
    )


@contextmanager
def _in_the_open() -> Iterator[None]:
    """Nothing runs fused where the table would not see its products."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(value=False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(value=fast)


def _storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _of_recurrent(
    steps: torch.Tensor, weights: torch.Tensor, recurrent: torch.Tensor, *_: object,
    out_val: object,  # noqa: ARG001 - the table's signature
) -> int:  # fmt: skip
    """All gates of a layer, once a step of each sequence: twice a multiply-accumulate."""
    return 2 * steps.shape[0] * steps.shape[1] * (weights.numel() + recurrent.numel())


# oneDNN runs a layer of an LSTM as one operator, which torch's table has not.
_OF_ONEDNN = {torch.ops.aten.mkldnn_rnn_layer: _of_recurrent}


class _Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own
    """Sees every operator of a module with these parameters on its way."""

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's own
        self.flop = 0
        self.activation_values = 0
        self.unknown: list[str] = []
        self._weights = {_storage(p) for p in parameters}
        self._matrices = {_storage(p) for p in parameters if p.ndim > 1}

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 - torch's operators have no public type
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        given = dict(kwargs or {})
        out = func(*args, **given)
        packet = func.overloadpacket
        count: Callable[..., int] | None = _OF_ONEDNN.get(
            packet, flop_registry.get(packet)
        )
        name = str(func.overloadpacket)
        if count is not None:
            self.flop += count(*args, **given, out_val=out)
            self.activation_values += sum(
                tensor.numel()
                for tensor in _tensors([*args, given, out])
                if _storage(tensor) not in self._weights
            )
        elif (
            self._may_multiply(func, name, [*args, given]) and name not in self.unknown
        ):
            self.unknown.append(name)
        return out

    def _may_multiply(self, func: Any, name: str, given: Sequence[object]) -> bool:  # noqa: ANN401 - as above
        if torch.Tag.pointwise in func.tags or func.is_view or name in _NO_PRODUCTS:
            return False
        return not name.startswith("aten.") or any(
            _storage(tensor) in self._matrices for tensor in _tensors(given)
        )


def _tensors(given: object) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(given) if isinstance(leaf, torch.Tensor)]
