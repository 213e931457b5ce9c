"""The exported graph takes any batch and computes what the module does."""

from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import ProfilingError
from profilers.artifacts.exporting import require_same_answers, write_onnx
from profilers.conformance import small_convolutional, small_images
from profilers.models import load_model
from profilers.variants import export_variant

FP32_ONNX = Variant(precision=Precision.FP32, runtime=Runtime.ONNXRUNTIME)
pytestmark = pytest.mark.slow


def loaded(factory):
    return load_model(
        TorchModel(name="net", directory=Path(), factory=factory, inputs=small_images)
    )


def test_the_graph_is_whole_in_one_file_with_a_symbolic_batch(tmp_path):
    artifact = export_variant(loaded(small_convolutional), FP32_ONNX, tmp_path)

    graph = onnx.load(artifact.path).graph
    onnx.checker.check_model(str(artifact.path))
    shape = graph.input[0].type.tensor_type.shape.dim
    assert shape[0].dim_param == "batch"
    assert [d.dim_value for d in shape[1:]] == [1, 8, 8]
    assert [p.name for p in tmp_path.iterdir()] == [artifact.path.name]


class Branching(nn.Module):
    def forward(self, x):
        return x.flatten(1) if x.sum() > 0 else -x.flatten(1)


def test_a_module_that_no_graph_can_hold_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(ProfilingError, match="exporting model 'net' to ONNX") as caught:
        export_variant(loaded(Branching), FP32_ONNX, tmp_path)

    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_answers_something_else_is_refused(tmp_path):
    model = loaded(small_convolutional)
    path = tmp_path / "fp32.onnx"
    write_onnx(model, path)
    with torch.no_grad():
        model.module[-1].bias += 1.0

    with pytest.raises(ProfilingError, match="of its output range off"):
        require_same_answers(model, path)
