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
    assert {str(p) for p in variants.TRANSFORMATIONS} == names_in(variants)
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
            Variant(precision=Precision.INT4, runtime=Runtime.TORCH),
            "int4 on torch is not offered for profiling: choose among fp32, bf16, int8",
        ),
        (
            Variant(precision=Precision.FP32, runtime=Runtime.OPENVINO),
            "fp32 on openvino is not offered",
        ),
        (
            Variant(precision=Precision.FP32, runtime=Runtime.TORCH, sparsity_frac=0.5),
            "50% sparse on torch is not offered",
        ),
    ],
)
def test_a_variant_that_is_not_offered_says_why(model, tmp_path, variant, message):
    with pytest.raises(ProfilingError, match=message):
        variants.export_variant(model, variant, tmp_path)

    assert list(tmp_path.iterdir()) == []
