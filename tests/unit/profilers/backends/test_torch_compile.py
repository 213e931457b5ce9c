"""What torch.compile makes of weights: constants of the code, unless they are in few bits."""

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


@pytest.mark.parametrize(
    ("precision", "is_frozen"),
    [(Precision.FP32, True), (Precision.INT8_WEIGHT_ONLY, False)],
)
def test_weights_are_frozen_where_that_costs_no_memory(tmp_path, precision, is_frozen):
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

    with torch.no_grad():
        for weight in (p for p in backend.module.parameters() if p.ndim > 1):
            held = weight.qdata if hasattr(weight, "qdata") else weight
            held.zero_()

    after = backend.run(model.example.numpy())
    assert np.array_equal(before, after) is is_frozen
