"""Make weights zero: the smallest of a layer, or the two smallest of every four.

Magnitude pruning (Han et al., NeurIPS 2015) of each convolution and linear layer, by
torch.nn.utils.prune. The 2:4 pattern (Mishra et al., arXiv:2104.08378) runs along a
layer's inputs, and is what NVIDIA's sparse tensor cores read. The user's `fine_tune` is
called with the pruned module; masks hold the zeros while it trains.

The result is a dense tensor with zeros in it. No engine here has kernels that leave
zeros out, so nothing is faster or smaller for it; what is measured shows that.
"""

import copy
from dataclasses import replace

import torch
from torch import nn
from torch.nn.utils import prune

from planner.domain.variants import SparsityPattern, Variant
from planner.errors import ModelLoadError, ProfilingError
from profilers.foreign import told_as
from profilers.models import LoadedModel, layers_with_weights

_FOUR, _KEPT = 4, 2
NO_GAIN = (
    "its zeros are multiplied like any number: dense kernels gain nothing from sparsity, "
    "in time or in memory; only what fine-tuning leaves of the accuracy is different"
)


def pruned(model: LoadedModel, variant: Variant) -> LoadedModel:
    """The model with the variant's share of zeros; itself where that is none.

    Raises:
        ProfilingError: No layer has weights that can be pruned so.
        ModelLoadError: The user's fine-tuning fails.
    """
    if not variant.sparsity_frac:
        return model
    module = copy.deepcopy(model.module)
    layers = [
        layer
        for layer in layers_with_weights(module)
        if variant.sparsity_pattern is SparsityPattern.UNSTRUCTURED or _in_fours(layer)
    ]
    if not layers:
        raise ProfilingError(
            f"{variant.sparsity_pattern} sparsity is not offered for model "
            f"'{model.name}': no layer has weights in groups of {_FOUR}"
        )
    for layer in layers:
        _mask(layer, variant)
    if model.fine_tune is not None:
        with told_as(ModelLoadError, f"fine-tuning the pruned model '{model.name}'"):
            module.requires_grad_(requires_grad=True)
            model.fine_tune(module)
    for layer in layers:
        prune.remove(layer, "weight")  # type: ignore[no-untyped-call]  # torch leaves it untyped
    module.eval().requires_grad_(requires_grad=False)
    return replace(model, network=module)


def zero_frac(module: nn.Module) -> float:
    """The share of zeros among the weights of convolutions and linear layers."""
    weights = [_weight(layer) for layer in layers_with_weights(module)]
    n_zeros = sum(int((w == 0).sum()) for w in weights)
    return n_zeros / max(1, sum(w.numel() for w in weights))


def _weight(layer: nn.Module) -> torch.Tensor:
    weight = layer.weight
    if not isinstance(weight, torch.Tensor):
        raise AssertionError("convolutions and linear layers have a weight")  # noqa: TRY004 - a bug
    return weight


def _mask(layer: nn.Module, variant: Variant) -> None:
    if variant.sparsity_pattern is SparsityPattern.TWO_OF_FOUR:
        mask = two_of_four(_weight(layer))
        prune.custom_from_mask(layer, "weight", mask)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    else:
        prune.l1_unstructured(layer, "weight", variant.sparsity_frac)  # type: ignore[no-untyped-call]  # the same


def _in_fours(layer: nn.Module) -> bool:
    return _weight(layer)[0].numel() % _FOUR == 0


def two_of_four(weight: torch.Tensor) -> torch.Tensor:
    """A mask of ones over the two largest of every four weights of an output.

    Example:
        >>> two_of_four(torch.tensor([[1.0, -3.0, 2.0, 0.5]])).tolist()
        [[0.0, 1.0, 1.0, 0.0]]
    """
    fours = weight.detach().abs().reshape(-1, _FOUR)
    mask = torch.zeros_like(fours)
    mask.scatter_(1, fours.topk(_KEPT, dim=1).indices, 1.0)
    return mask.reshape(weight.shape)
