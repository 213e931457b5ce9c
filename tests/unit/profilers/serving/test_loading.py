"""What is served is what was profiled."""

from pathlib import Path

import numpy as np
import pytest

from planner.domain.variants import Precision, Runtime
from planner.errors import ModelLoadError
from planner.specs.placements import PlanVariant
from planner.specs.serving import ServedModel, ServingConfig
from profilers.serving.loading import load

pytestmark = pytest.mark.slow

MODEL = """
import torch
from torch import nn


def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 3))


def inputs():
    return torch.linspace(-1, 1, 128).reshape(8, 1, 4, 4)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A spec's folder: the model's code and its trained weights."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(3)
    weights = {"1.weight": torch.randn(3, 16), "1.bias": torch.randn(3)}
    save_file(weights, tmp_path / "weights.safetensors")
    (tmp_path / "served_model.py").write_text(MODEL, encoding="utf-8")
    return tmp_path


def config(folder: Path, precision: Precision, runtime: Runtime) -> ServingConfig:
    return ServingConfig(
        model=ServedModel(
            name="m",
            directory=str(folder),
            factory="served_model:build",
            weights="weights.safetensors",
            inputs="served_model:inputs",
        ),
        variant=PlanVariant(precision=precision, sparsity_frac=0.0, runtime=runtime),
        max_batch=4,
        max_wait_ms=1.0,
    )


@pytest.mark.parametrize(
    ("precision", "runtime", "tolerance"),
    [
        (Precision.FP32, Runtime.TORCH, 1e-5),
        (Precision.INT8, Runtime.TORCH, 0.2),
        (Precision.FP32, Runtime.ONNXRUNTIME, 1e-5),
    ],
)
def test_a_variant_answers_like_its_weights(
    folder: Path,
    tmp_path: Path,
    precision: Precision,
    runtime: Runtime,
    tolerance: float,
):
    from safetensors.numpy import load_file

    served = load(config(folder, precision, runtime), tmp_path)

    weights = load_file(folder / "weights.safetensors")
    batch = np.linspace(-1, 1, 32, dtype=np.float32).reshape(2, 1, 4, 4)
    expected = batch.reshape(2, 16) @ weights["1.weight"].T + weights["1.bias"]
    np.testing.assert_allclose(served.backend.run(batch), expected, atol=tolerance)
    assert served.sample_shape == (1, 4, 4)
    assert served.sample_dtype == np.float32
    assert served.backend.runtime is runtime


def test_a_folder_without_the_model_is_one_sentence(tmp_path: Path):
    with pytest.raises(ModelLoadError, match=r"served_model\.py"):
        load(config(tmp_path, Precision.FP32, Runtime.TORCH), tmp_path)
