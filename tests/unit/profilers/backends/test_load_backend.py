"""What cannot be loaded is told in one sentence."""

from pathlib import Path

import numpy as np
import pytest
from torch import nn

from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import ProfilingError
from profilers.backends import load_backend
from profilers.conformance import small_images, small_linear
from profilers.models import load_model
from profilers.variants import export_variant


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    model = load_model(
        TorchModel(
            name="net", directory=Path(), factory=small_linear, inputs=small_images
        )
    )
    variant = Variant(precision=Precision.FP32, runtime=Runtime.TORCH)
    return export_variant(model, variant, tmp_path_factory.mktemp("a")).path


def test_an_engine_that_is_not_there_is_refused(artifact):
    with pytest.raises(ProfilingError, match="choose torch, torch-compile"):
        load_backend(Runtime.TFLITE, artifact, threads=1)


def test_an_absent_file_is_told(tmp_path):
    with pytest.raises(ProfilingError, match="does not exist"):
        load_backend(Runtime.ONNXRUNTIME, tmp_path / "absent.onnx", threads=1)


@pytest.mark.parametrize("runtime", [Runtime.TORCH, Runtime.ONNXRUNTIME])
def test_a_broken_file_is_told(tmp_path, runtime):
    broken = tmp_path / "broken"
    broken.write_bytes(b"x" * 100)

    with pytest.raises(ProfilingError, match="broken failed: ") as caught:
        load_backend(runtime, broken, threads=1, build=small_linear)

    assert "\n" not in str(caught.value)


def test_torch_needs_the_factory(artifact):
    with pytest.raises(ProfilingError, match="holds weights, not code"):
        load_backend(Runtime.TORCH, artifact, threads=1)


def test_another_factory_does_not_fit_the_file(artifact):
    with pytest.raises(ProfilingError, match="was the artefact made from this factory"):
        load_backend(
            Runtime.TORCH,
            artifact,
            threads=1,
            build=lambda: nn.Sequential(nn.Flatten(), nn.Identity(), nn.Linear(64, 2)),
        )


def test_a_batch_of_another_shape_is_told(artifact):
    backend = load_backend(Runtime.TORCH, artifact, threads=1, build=small_linear)

    with pytest.raises(
        ProfilingError, match=r"batch of shape \(2, 5\) on torch failed"
    ):
        backend.run(np.ones((2, 5), np.float32))
