"""Weights in few bits take less of the file and of the memory; products stay products."""

import copy
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import ProfilingError
from profilers.backends import load_backend
from profilers.measuring.memory import PeakMemory, ReplicaMemory
from profilers.models import load_model
from profilers.variants import export_variant

pytestmark = pytest.mark.slow
SIDE = 1024
FP32_BYTES = 4 * SIDE * SIDE * 4
ENGINES = [Runtime.TORCH, Runtime.ONNXRUNTIME, Runtime.OPENVINO]


def wide():
    torch.manual_seed(5)
    layers = [nn.Linear(SIDE, SIDE, bias=False) for _ in range(4)]
    return nn.Sequential(*layers)


@pytest.fixture(scope="module")
def model():
    return load_model(
        TorchModel(
            name="wide",
            directory=Path(),
            factory=wide,
            inputs=lambda: torch.rand(2, SIDE),
        )
    )


def exported(model, precision, runtime, folder):
    return export_variant(model, Variant(precision=precision, runtime=runtime), folder)


@pytest.mark.parametrize("runtime", ENGINES)
def test_files_and_memory_shrink(model, tmp_path, runtime):
    def size_and_memory(precision):
        artifact = exported(model, precision, runtime, tmp_path)
        memory = PeakMemory()
        backend = load_backend(
            runtime,
            artifact.path,
            threads=1,
            build=lambda: copy.deepcopy(model.module),
        )
        backend.run(model.example.numpy())
        return artifact.size_bytes, memory.held_bytes()

    full_file_bytes, full_bytes = size_and_memory(Precision.FP32)
    file_bytes, held_bytes = size_and_memory(Precision.INT8_WEIGHT_ONLY)

    assert full_file_bytes == pytest.approx(FP32_BYTES, rel=0.05)
    assert file_bytes == pytest.approx(FP32_BYTES / 4, rel=0.15)
    assert held_bytes < 0.7 * full_bytes


# Of fp32's bytes: torchao keeps four bits in a byte, with a scale of four bytes and a
# zero point of one for each 32 weights.
SHARES = {Precision.INT8_WEIGHT_ONLY: 1 / 4, Precision.INT4: (1 + 5 / 32) / 4}


@pytest.mark.parametrize(("precision", "share"), SHARES.items())
def test_weights_are_weighed_when_they_are_loaded(model, tmp_path, precision, share):
    artifact = exported(model, precision, Runtime.TORCH, tmp_path)
    memory = ReplicaMemory(0.0)

    backend = load_backend(
        Runtime.TORCH,
        artifact.path,
        threads=1,
        build=lambda: copy.deepcopy(model.module),
    )
    memory.loaded()

    assert memory.parts().weights_bytes == pytest.approx(share * FP32_BYTES, rel=0.1)
    assert backend.threads == 1


@pytest.mark.parametrize("runtime", [Runtime.ONNXRUNTIME, Runtime.OPENVINO])
def test_four_bits_are_half_of_eight(model, tmp_path, runtime):
    eight = exported(model, Precision.INT8_WEIGHT_ONLY, runtime, tmp_path)
    four = exported(model, Precision.INT4, runtime, tmp_path)

    assert four.size_bytes == pytest.approx(eight.size_bytes / 2, rel=0.15)


def test_a_product_that_was_written_as_gemm_is_packed_too(model, tmp_path):
    artifact = exported(model, Precision.INT4, Runtime.ONNXRUNTIME, tmp_path)

    nodes = onnx.load(artifact.path).graph.node
    kinds = [node.op_type for node in nodes]
    assert kinds.count("MatMulNBits") == 4
    assert not {"Gemm", "MatMul"} & set(kinds)
    # Without it, there is no kernel for eight bits.
    levels = [a.i for n in nodes for a in n.attribute if a.name == "accuracy_level"]
    assert levels == [4] * 4


def test_a_model_of_convolutions_alone_has_nothing_to_pack(tmp_path):
    model = load_model(
        TorchModel(
            name="net",
            directory=Path(),
            factory=lambda: nn.Sequential(nn.Conv2d(1, 4, 3)),
            inputs=lambda: torch.rand(2, 1, 8, 8),
        )
    )

    for runtime in (Runtime.TORCH, Runtime.ONNXRUNTIME):
        with pytest.raises(ProfilingError, match="weights in 8 bits are not offered"):
            exported(model, Precision.INT8_WEIGHT_ONLY, runtime, tmp_path)
