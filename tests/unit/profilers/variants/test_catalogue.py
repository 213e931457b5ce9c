"""The catalogue is the folder, and what is not offered says why."""

import pkgutil
from pathlib import Path

import pytest

from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import ProfilingError
from profilers import backends, variants
from profilers.conformance import small_images, small_linear
from profilers.models import load_model


@pytest.fixture(scope="module")
def model():
    return load_model(
        TorchModel(
            name="linear", directory=Path(), factory=small_linear, inputs=small_images
        )
    )


def names_in(package):
    return {module.name for module in pkgutil.iter_modules(package.__path__)}


def test_the_catalogue_lists_the_folder():
    listed = {str(p).replace("-", "_") for p in variants.TRANSFORMATIONS}

    assert listed == names_in(variants)
    assert all(how.PRECISION is p for p, how in variants.TRANSFORMATIONS.items())


def test_the_backends_are_the_folder_and_every_one_has_its_artefact():
    listed = {path.rpartition(".")[2] for path in backends.BACKENDS.values()}

    assert listed == names_in(backends)
    assert set(variants.SUFFIXES) == set(backends.BACKENDS)


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        (
            Variant(precision=Precision.BF16, runtime=Runtime.ONNXRUNTIME),
            "bf16 on onnxruntime is not offered: .* no bfloat16 kernels",
        ),
        (
            Variant(precision=Precision.Q4_K_M, runtime=Runtime.TORCH),
            "q4_k_m on torch is not offered for profiling: choose among fp32, bf16, fp16",
        ),
        (
            Variant(precision=Precision.FP32, runtime=Runtime.TFLITE),
            "fp32 on tflite is not offered for profiling: .* on torch, torch-compile",
        ),
        (
            Variant(precision=Precision.INT8_STATIC, runtime=Runtime.TORCH_CUDA),
            "int8-static on torch-cuda is not offered: .* int8-dynamic is offered",
        ),
        (
            Variant(precision=Precision.INT8_DYNAMIC, runtime=Runtime.OPENVINO),
            "int8-dynamic on openvino is not offered: .* ask for int8-static",
        ),
    ],
)
def test_a_variant_that_is_not_offered_says_why(model, tmp_path, variant, message):
    with pytest.raises(ProfilingError, match=message):
        variants.export_variant(model, variant, tmp_path)

    assert list(tmp_path.iterdir()) == []
