"""Every backend keeps the promises of `profilers.conformance`, in every precision it offers."""

import pytest

from planner.domain.variants import Precision, Runtime, Variant
from profilers.backends import BACKENDS
from profilers.conformance import BackendConformance
from profilers.variants import TRANSFORMATIONS

pytestmark = pytest.mark.slow


class TestFp32OnTorch(BackendConformance):
    variant = Variant(precision=Precision.FP32, runtime=Runtime.TORCH)
    tolerance_frac = 1e-5


class TestBf16OnTorch(BackendConformance):
    variant = Variant(precision=Precision.BF16, runtime=Runtime.TORCH)
    tolerance_frac = 0.02


class TestInt8OnTorch(BackendConformance):
    variant = Variant(precision=Precision.INT8, runtime=Runtime.TORCH)
    tolerance_frac = 0.06


class TestFp32OnOnnxruntime(BackendConformance):
    variant = Variant(precision=Precision.FP32, runtime=Runtime.ONNXRUNTIME)
    tolerance_frac = 1e-5


class TestInt8OnOnnxruntime(BackendConformance):
    variant = Variant(precision=Precision.INT8, runtime=Runtime.ONNXRUNTIME)
    tolerance_frac = 0.06


def test_every_offered_variant_is_put_to_the_test():
    offered = {
        Variant(precision=precision, runtime=runtime)
        for precision, how in TRANSFORMATIONS.items()
        for runtime in BACKENDS
        if runtime not in how.NOT_OFFERED
    }

    tested = {c.variant for c in BackendConformance.__subclasses__()}

    assert tested == offered
