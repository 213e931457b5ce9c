"""bfloat16 is in the file and in the module, and only there."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from profilers.conformance import small_convolutional, small_images
from profilers.models import load_model
from profilers.variants import export_variant


def test_weights_are_written_in_two_bytes_and_the_model_keeps_its_four(tmp_path):
    model = load_model(
        TorchModel(
            name="net",
            directory=Path(),
            factory=small_convolutional,
            inputs=small_images,
        )
    )
    variant = Variant(precision=Precision.BF16, runtime=Runtime.TORCH)

    artifact = export_variant(model, variant, tmp_path)

    written = load_file(artifact.path)
    kinds = {t.dtype for t in written.values() if t.is_floating_point()}
    assert kinds == {torch.bfloat16}
    assert {p.dtype for p in model.module.parameters()} == {torch.float32}
