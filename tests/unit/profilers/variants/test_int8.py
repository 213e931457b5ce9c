"""int8 is really int8: in the file, in the graph, and in the operators that run."""

import copy
import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.profiler import ProfilerActivity, profile

from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import ProfilingError
from profilers.backends import load_backend
from profilers.conformance import small_convolutional, small_images, small_linear
from profilers.models import load_model
from profilers.variants import export_variant

ON_TORCH = Variant(precision=Precision.INT8, runtime=Runtime.TORCH)
ON_ONNX = Variant(precision=Precision.INT8, runtime=Runtime.ONNXRUNTIME)
pytestmark = pytest.mark.slow


def loaded(factory):
    return load_model(
        TorchModel(name="net", directory=Path(), factory=factory, inputs=small_images)
    )


def weights_of(model):
    return sorted(p.shape for p in model.module.parameters() if p.ndim > 1)


@pytest.mark.parametrize("factory", [small_convolutional, small_linear])
def test_the_torch_file_holds_every_weight_as_integers(tmp_path, factory):
    model = loaded(factory)

    artifact = export_variant(model, ON_TORCH, tmp_path)

    tensors = load_file(artifact.path)
    integers = [t for t in tensors.values() if t.dtype == torch.int8]
    assert sorted(t.shape for t in integers) == weights_of(model)
    assert all(t.unique().numel() > 10 for t in integers)
    assert not any(t.is_floating_point() and t.ndim > 1 for t in tensors.values())


@pytest.mark.parametrize(
    ("factory", "operators"),
    [
        (small_convolutional, {"quantized::conv2d_relu", "quantized::linear"}),
        (small_linear, {"quantized::linear_dynamic"}),
    ],
)
def test_torch_runs_quantized_operators_and_no_float_ones(tmp_path, factory, operators):
    model = loaded(factory)
    artifact = export_variant(model, ON_TORCH, tmp_path)
    backend = load_backend(
        Runtime.TORCH,
        artifact.path,
        threads=1,
        build=lambda: copy.deepcopy(model.module),
    )

    with profile(activities=[ProfilerActivity.CPU]) as seen:
        backend.run(model.example.numpy())

    ran = {event.key for event in seen.key_averages()}
    assert operators <= ran
    assert not ran & {"aten::conv2d", "aten::linear", "aten::addmm"}


def test_the_onnx_graph_of_a_cnn_has_u8_activations_and_s8_weights(tmp_path):
    model = loaded(small_convolutional)

    artifact = export_variant(model, ON_ONNX, tmp_path)

    graph = onnx.load(artifact.path).graph
    stored = {i.name: i for i in graph.initializer}
    integers = [i for i in stored.values() if i.data_type == onnx.TensorProto.INT8]
    assert sorted(tuple(i.dims) for i in integers if len(i.dims) > 1) == weights_of(
        model
    )
    zeros = {
        stored[n.input[2]].data_type
        for n in graph.node
        if n.op_type == "QuantizeLinear"
    }
    assert zeros == {onnx.TensorProto.UINT8}


def test_the_onnx_graph_of_linear_layers_multiplies_integers(tmp_path):
    artifact = export_variant(loaded(small_linear), ON_ONNX, tmp_path)

    operators = [node.op_type for node in onnx.load(artifact.path).graph.node]
    assert operators.count("MatMulInteger") == 2
    assert not {"Gemm", "MatMul"} & set(operators)


@pytest.mark.parametrize("variant", [ON_TORCH, ON_ONNX])
def test_a_file_written_twice_is_the_same_file(tmp_path, variant):
    model = loaded(small_convolutional)

    one = export_variant(model, variant, tmp_path / "one")
    two = export_variant(model, variant, tmp_path / "two")

    digest = hashlib.sha256(one.path.read_bytes()).hexdigest()
    assert one.sha256 == two.sha256 == digest
    assert one.size_bytes == one.path.stat().st_size


class Softened(nn.Module):
    def forward(self, x):
        return x.flatten(1).softmax(dim=1)


@pytest.mark.parametrize("variant", [ON_TORCH, ON_ONNX])
def test_a_model_with_nothing_to_quantize_is_refused(tmp_path, variant):
    with pytest.raises(ProfilingError, match="int8 is not offered for model 'net'"):
        export_variant(loaded(Softened), variant, tmp_path)


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 2, 3)

    def forward(self, x):
        answer = self.convolution(x).flatten(1)
        return answer if answer.sum() > 0 else -answer


def test_a_cnn_that_torch_fx_cannot_trace_is_refused_with_the_way_out(tmp_path):
    with pytest.raises(ProfilingError, match=r"must be traceable by torch\.fx"):
        export_variant(loaded(Branching), ON_TORCH, tmp_path)


def test_transforming_leaves_the_model_as_it_was(tmp_path):
    model = loaded(small_convolutional)
    before = model.module(model.example).numpy()

    export_variant(model, ON_TORCH, tmp_path)

    np.testing.assert_array_equal(model.module(model.example).numpy(), before)
