"""An engine that cannot run here says so before anything is exported for it."""

import datetime as dt
import time
from pathlib import Path

import pytest
import torch

from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import DeviceUnavailableError, ProfilingError
from profilers.backends import load_backend, require_engine
from profilers.conformance import small_images, small_linear
from profilers.models import load_model
from profilers.trials import Envelope, Trial
from profilers.variants import export_variant
from profilers.worker import measure_trial

NEVER = TorchModel(name="net", directory=Path(), factory=lambda: 1 / 0)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this torch sees a GPU")
def test_cuda_without_a_gpu_is_refused_before_the_model_is_built():
    trial = Trial(
        model=NEVER,
        variant=Variant(precision=Precision.FP16, runtime=Runtime.TORCH_CUDA),
        envelope=Envelope(),
        batches=(1,),
    )

    with pytest.raises(
        DeviceUnavailableError, match="torch-cuda cannot run here: torch"
    ):
        measure_trial(
            trial, clock=time.perf_counter, now=lambda: dt.datetime.now(dt.UTC)
        )


def test_compiling_without_a_compiler_is_refused():
    from torch._inductor import config

    with (
        config.patch({"cpp.cxx": ("no-such-compiler",)}),
        pytest.raises(
            ProfilingError, match=r"a C\+\+ compiler.*install g\+\+ or clang"
        ),
    ):
        require_engine(Runtime.TORCH_COMPILE)


@pytest.mark.slow
@pytest.mark.parametrize("half", [Precision.BF16, Precision.FP16])
def test_openvino_computes_in_the_precision_asked_for_or_not_at_all(tmp_path, half):
    import openvino

    able = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if half.upper() in able:
        pytest.skip(f"this processor computes in {half}")
    model = load_model(
        TorchModel(
            name="net", directory=Path(), factory=small_linear, inputs=small_images
        )
    )
    variant = Variant(precision=half, runtime=Runtime.OPENVINO)
    artifact = export_variant(model, variant, tmp_path)

    with pytest.raises(
        ProfilingError, match=f"{half} on openvino is not possible here"
    ):
        load_backend(Runtime.OPENVINO, artifact.path, threads=1)
