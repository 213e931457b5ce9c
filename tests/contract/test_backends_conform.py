"""Every backend keeps the promises of `profilers.conformance`, in every precision it offers.

Exporters and compilers take seconds a model and precision: a few of each engine's are
tried every day (DAILY), all with `make test-long`. torch-cuda's are tried where there is
a GPU.
"""

import openvino
import pytest
import torch

from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import ProfilingError
from profilers.backends import BACKENDS
from profilers.conformance import BackendConformance
from profilers.variants import TRANSFORMATIONS, transformation

pytestmark = pytest.mark.slow

# Largest difference to fp32 as a share of its largest answer, by precision; random
# weights in four bits are the least exact.
TOLERANCES = {
    Precision.FP32: 1e-5,
    Precision.BF16: 0.02,
    Precision.FP16: 0.003,
    Precision.INT8: 0.06,
    Precision.INT8_STATIC: 0.06,
    Precision.INT8_DYNAMIC: 0.06,
    Precision.INT8_WEIGHT_ONLY: 0.02,
    Precision.INT4: 0.25,
}
# NNCF's calibration keeps the eighth bit of activations that torch's gives up.
ROUGH = {
    Variant(precision=precision, runtime=Runtime.OPENVINO): 0.12
    for precision in (Precision.INT8, Precision.INT8_STATIC)
}
DAILY = {
    Runtime.TORCH: set(TRANSFORMATIONS),
    Runtime.TORCH_COMPILE: {Precision.FP32},
    Runtime.TORCH_CUDA: set(TRANSFORMATIONS),
    Runtime.ONNXRUNTIME: {Precision.FP32, Precision.INT8, Precision.INT4},
    Runtime.OPENVINO: {Precision.INT8_WEIGHT_ONLY},
}
HALVES = {Precision.BF16: "BF16", Precision.FP16: "FP16"}


def is_offered(variant):
    try:
        return bool(transformation(variant))
    except ProfilingError:
        return False


def marks(variant):
    if variant.runtime is Runtime.TORCH_CUDA:
        yield pytest.mark.skipif(
            not torch.cuda.is_available(), reason="torch sees no CUDA device here"
        )
        yield pytest.mark.gpu
    if variant.precision not in DAILY[variant.runtime]:
        yield pytest.mark.long
    half = HALVES.get(variant.precision)
    if variant.runtime is Runtime.OPENVINO and half:
        able = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        yield pytest.mark.skipif(
            half not in able, reason=f"this processor computes in no {half}"
        )


for offered in (
    Variant(precision=precision, runtime=runtime)
    for precision in TRANSFORMATIONS
    for runtime in BACKENDS
):
    if is_offered(offered):
        globals()[f"Test {offered}"] = type(
            f"Test {offered}",
            (BackendConformance,),
            {
                "__module__": __name__,
                "variant": offered,
                "tolerance_frac": ROUGH.get(offered, TOLERANCES[offered.precision]),
                "pytestmark": list(marks(offered)),
            },
        )


def test_every_precision_that_is_offered_is_put_to_the_test_on_some_engine():
    tested = {c.variant for c in BackendConformance.__subclasses__()}

    assert {v.precision for v in tested} == set(TRANSFORMATIONS)
    assert {v.runtime for v in tested} == set(BACKENDS)
    assert len(tested) >= 30
