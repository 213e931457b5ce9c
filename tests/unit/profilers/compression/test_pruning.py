"""Pruned models have the zeros they say, keep them while trained, and gain nothing."""

from pathlib import Path

import pytest
import torch
from torch import nn

from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, SparsityPattern, Variant
from planner.errors import ProfilingError
from profilers.compression import pruning
from profilers.conformance import small_convolutional, small_images, small_linear
from profilers.models import load_model
from profilers.variants import export_variant


def loaded(factory=small_convolutional, **more):
    return load_model(
        TorchModel(
            name="net", directory=Path(), factory=factory, inputs=small_images, **more
        )
    )


def sparse(share_frac, pattern=SparsityPattern.UNSTRUCTURED):
    return Variant(
        precision=Precision.FP32,
        runtime=Runtime.TORCH,
        sparsity_frac=share_frac,
        sparsity_pattern=pattern,
    )


TWO_OF_FOUR = sparse(0.5, SparsityPattern.TWO_OF_FOUR)


@pytest.mark.parametrize("share_frac", [0.25, 0.5, 0.9])
def test_the_share_asked_for_is_zero_and_it_is_the_smallest(share_frac):
    model = loaded(small_linear)

    pruned = pruning.pruned(model, sparse(share_frac)).module

    assert pruning.zero_frac(pruned) == pytest.approx(share_frac, abs=0.01)
    for before, after in zip(model.module, pruned, strict=True):
        if isinstance(before, nn.Linear):
            kept = after.weight != 0
            assert before.weight[~kept].abs().max() <= before.weight[kept].abs().min()
            assert torch.equal(before.weight[kept], after.weight[kept])


def test_two_of_every_four_along_the_inputs_are_zero():
    pruned = pruning.pruned(loaded(small_linear), TWO_OF_FOUR).module

    for layer in (pruned[1], pruned[3]):
        zeros = (layer.weight.reshape(-1, 4) == 0).sum(dim=1)
        assert zeros.unique().tolist() == [2]


def test_layers_that_do_not_come_in_fours_stay_dense():
    pruned = pruning.pruned(loaded(), TWO_OF_FOUR).module

    assert (pruned[0].weight != 0).all()  # nine weights an output
    assert (pruned[3].weight == 0).double().mean() == 0.5


def test_a_model_without_fours_is_refused():
    with pytest.raises(ProfilingError, match="no layer has weights in groups of 4"):
        pruning.pruned(loaded(lambda: nn.Sequential(nn.Conv2d(1, 2, 3))), TWO_OF_FOUR)


def test_fine_tuning_trains_what_is_left_and_zeros_stay_zero():
    def tune(module):
        optimizer = torch.optim.SGD(module.parameters(), lr=0.5)
        for _ in range(3):
            optimizer.zero_grad()
            module(small_images()).square().mean().backward()
            optimizer.step()

    bare = pruning.pruned(loaded(small_linear), sparse(0.5)).module
    tuned = pruning.pruned(loaded(small_linear, fine_tune=tune), sparse(0.5)).module

    assert torch.equal(bare[1].weight == 0, tuned[1].weight == 0)
    assert not torch.allclose(bare[1].weight, tuned[1].weight)
    assert not any(p.requires_grad for p in tuned.parameters())
    assert not tuned.training


def test_zeros_take_the_room_of_numbers(tmp_path):
    model = loaded(small_linear)
    dense = export_variant(model, sparse(0.0), tmp_path / "dense")

    pruned = export_variant(model, sparse(0.5), tmp_path / "sparse")

    assert pruned.size_bytes == dense.size_bytes
    assert pruned.sha256 != dense.sha256


def test_the_model_itself_is_left_as_it_was():
    model = loaded(small_linear)
    before = {k: v.clone() for k, v in model.module.state_dict().items()}

    pruning.pruned(model, sparse(0.5))

    assert before.keys() == model.module.state_dict().keys()
    assert all(torch.equal(v, before[k]) for k, v in model.module.state_dict().items())
