"""int8-static under torch.compile: integers in the file, in the kernels, and hardly a loss."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.profiler import ProfilerActivity, profile

from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import ProfilingError
from profilers.backends import load_backend
from profilers.compression import compiled_int8_static
from profilers.models import load_model
from profilers.variants import export_variant
from tests.support.digit_readers import HELD_OUT, digits, trained

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reader():
    """Reads nearly all digits after a second of training."""
    threads_before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 10),
    )
    yield trained(network, epochs=4)
    torch.set_num_threads(threads_before)


def loaded(network, inputs=lambda: digits()[0][:64]):
    return load_model(
        TorchModel(name="net", directory=Path(), factory=lambda: network, inputs=inputs)
    )


def exported(model, folder, precision=Precision.INT8_STATIC):
    variant = Variant(precision=precision, runtime=Runtime.TORCH_COMPILE)
    return export_variant(model, variant, folder)


def test_weights_are_integers_in_the_file_but_of_one_channel(reader, tmp_path):
    artifact = exported(loaded(reader), tmp_path)

    tensors = load_file(artifact.path).values()
    assert sorted(t.shape for t in tensors if t.dtype == torch.int8) == [
        (10, 256),
        (16, 8, 3, 3),
    ]
    floats = [t.shape for t in tensors if t.is_floating_point() and t.ndim > 1]
    assert floats == [(8, 1, 3, 3)]


def test_a_program_takes_the_scales_of_the_one_it_is_loaded_from(reader):
    model = loaded(reader)
    calibrated = compiled_int8_static.transform(model)
    other = compiled_int8_static.skeleton(
        copy.deepcopy(reader), torch.zeros_like(model.example[:1])
    )
    with torch.inference_mode():
        before = other(model.example)
        expected = calibrated(model.example)

    other.load_state_dict(calibrated.state_dict())

    with torch.inference_mode():
        torch.testing.assert_close(other(model.example), expected)
    assert not torch.allclose(before, expected)


def test_an_int8_cnn_is_run_by_integer_kernels_and_reads_as_before(reader, tmp_path):
    model = loaded(reader)
    images, labels = (part[-HELD_OUT:].numpy() for part in digits())
    # Plain int8 is the static way where there are convolutions.
    artifact = exported(model, tmp_path, Precision.INT8)
    backend = load_backend(
        Runtime.TORCH_COMPILE,
        artifact.path,
        threads=1,
        build=lambda: copy.deepcopy(reader),
    )
    with torch.inference_mode():
        given = reader(torch.from_numpy(images)).numpy().argmax(1)

    answers = backend.run(images).argmax(1)

    with profile(activities=[ProfilerActivity.CPU]) as seen:
        backend.run(images)
    ran = {event.key for event in seen.key_averages()}
    assert {"onednn::qconv_pointwise", "onednn::qlinear_pointwise"} <= ran
    assert (given == labels).mean() > 0.9
    assert (answers == labels).mean() >= (given == labels).mean() - 0.01
    assert (answers != given).mean() <= 0.02


class Branching(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, inputs):
        answers = self.inner(inputs)
        return answers if answers.sum() > 0 else -answers


def test_what_torch_export_refuses_is_told_with_the_way_out(reader, tmp_path):
    model = loaded(Branching(reader))

    with pytest.raises(
        ProfilingError, match=r"int8 for torch-compile failed: .*int8-dynamic needs no"
    ):
        exported(model, tmp_path)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Flatten(), "neither convolutions nor linear layers"),
        (nn.Conv2d(1, 2, 3), "torchao found no layer that it quantizes"),
    ],
)
def test_what_has_nothing_to_quantize_is_refused(tmp_path, network, message):
    with pytest.raises(ProfilingError, match=message):
        exported(loaded(network), tmp_path)


def test_convolutions_along_one_axis_stay_as_they_are(tmp_path):
    torch.manual_seed(3)
    network = nn.Sequential(
        nn.Conv1d(4, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 5)
    ).eval()
    model = loaded(network, inputs=lambda: torch.rand(16, 4, 32))
    artifact = exported(model, tmp_path)
    backend = load_backend(
        Runtime.TORCH_COMPILE,
        artifact.path,
        threads=1,
        build=lambda: copy.deepcopy(network),
    )

    tensors = load_file(artifact.path).values()
    assert [t.shape for t in tensors if t.dtype == torch.int8] == [(5, 256)]
    for n in (1, 3, 16):
        expected = network(model.example[:n]).detach().numpy()
        off = np.abs(backend.run(model.example[:n].numpy()) - expected).max()
        assert off <= 0.06 * np.abs(expected).max()
