"""What torch.compile makes of weights: constants of the code where products are of integers."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from profilers.backends import load_backend
from profilers.models import load_model
from profilers.variants import export_variant

pytestmark = pytest.mark.slow
WIDTH = 64


def two_layers():
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))


def weights_of(module):
    """The tensors that hold integers, of whatever kind of module."""
    state = module.state_dict(keep_vars=True).values()
    held = [getattr(tensor, "qdata", tensor) for tensor in state]
    return [tensor for tensor in held if tensor.dtype == torch.int8]


@pytest.mark.parametrize(
    ("precision", "is_frozen"),
    [(Precision.INT8_STATIC, True), (Precision.INT8_WEIGHT_ONLY, False)],
)
def test_weights_are_frozen_for_integer_products_alone(tmp_path, precision, is_frozen):
    model = load_model(
        TorchModel(
            name="net",
            directory=Path(),
            factory=two_layers,
            inputs=lambda: torch.rand(4, WIDTH),
        )
    )
    variant = Variant(precision=precision, runtime=Runtime.TORCH_COMPILE)
    backend = load_backend(
        Runtime.TORCH_COMPILE,
        export_variant(model, variant, tmp_path).path,
        threads=1,
        build=lambda: copy.deepcopy(model.module),
    )
    before = backend.run(model.example.numpy())

    weights = weights_of(backend.module)
    with torch.no_grad():
        for weight in weights:
            weight.zero_()

    assert len(weights) == 2
    after = backend.run(model.example.numpy())
    assert np.array_equal(before, after) is is_frozen


def test_integer_products_do_not_overflow_on_this_processor(tmp_path):
    model = load_model(
        TorchModel(
            name="net",
            directory=Path(),
            factory=two_layers,
            inputs=lambda: torch.rand(4, WIDTH),
        )
    )
    variant = Variant(precision=Precision.INT8_DYNAMIC, runtime=Runtime.TORCH_COMPILE)
    backend = load_backend(
        Runtime.TORCH_COMPILE,
        export_variant(model, variant, tmp_path).path,
        threads=1,
        build=lambda: copy.deepcopy(model.module),
    )
    with torch.inference_mode():
        expected = model.module(model.example).numpy()

    answers = backend.run(model.example.numpy())

    assert np.abs(answers - expected).max() <= 0.03 * np.abs(expected).max()
