"""A whole trial in this process, on scikit-learn's digits."""

import datetime as dt
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import ModelLoadError, ProfilingError
from profilers import worker
from profilers.measuring.timing import timed
from profilers.trials import Envelope, Trial
from profilers.worker import begin_trial, identity, measure_trial
from tests.support import brief
from tests.support.digit_readers import HELD_OUT, digits, trained

MIB = 2**20
NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def reader():
    """A small network after a few seconds of training: right far more often than not."""
    threads_before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 10),
    )
    yield trained(network, epochs=6)
    torch.set_num_threads(threads_before)


@pytest.fixture(autouse=True)
def _briefly(monkeypatch):
    """Whatever becomes of a measurement here, it is not its figures."""
    monkeypatch.setattr(worker, "timed", partial(timed, rule=brief.RULE))


def evaluation():
    images, labels = digits()
    return images[-HELD_OUT:], labels[-HELD_OUT:]


def model_of(network, tmp_path, **changes):
    facts = {
        "name": "digits",
        "directory": tmp_path,
        "factory": lambda: network,
        "evaluation": evaluation,
    }
    return TorchModel(**(facts | changes))


def measured(model, precision, runtime, *, batches=(1, 4)):
    trial = Trial(
        model=model,
        variant=Variant(precision=precision, runtime=runtime),
        envelope=Envelope(threads=1),
        batches=batches,
    )
    return measure_trial(trial, clock=time.perf_counter, now=lambda: NOW)


def right_by_numpy(network):
    """The share of right answers, with the layers written out in numpy."""
    images, labels = (part.numpy() for part in evaluation())
    kernels, offsets, weights, bias = (p.detach().numpy() for p in network.parameters())
    padded = np.pad(images[:, 0], ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    features = np.einsum("nyxij,cij->ncyx", windows, kernels[:, 0])
    features = np.maximum(features + offsets[:, None, None], 0)
    pooled = features.reshape(-1, 8, 4, 2, 4, 2).max(axis=(3, 5))
    scores = pooled.reshape(len(images), -1) @ weights.T + bias
    return float((scores.argmax(axis=1) == labels).mean())


@pytest.mark.slow
@pytest.mark.parametrize("runtime", [Runtime.TORCH, Runtime.ONNXRUNTIME])
def test_fp32_is_as_accurate_as_numpy_says(reader, tmp_path, runtime):
    measurement = measured(model_of(reader, tmp_path), Precision.FP32, runtime)

    quality = measurement.quality
    assert quality.value_frac == pytest.approx(right_by_numpy(reader), abs=1e-9)
    assert quality.value_frac > 0.8
    assert quality.low_frac < quality.value_frac < quality.high_frac
    assert quality.n_samples == HELD_OUT


@pytest.mark.slow
@pytest.mark.parametrize("runtime", [Runtime.TORCH, Runtime.ONNXRUNTIME])
def test_int8_is_hardly_less_accurate(reader, tmp_path, runtime):
    measurement = measured(model_of(reader, tmp_path), Precision.INT8, runtime)

    assert measurement.quality.value_frac >= right_by_numpy(reader) - 0.03
    assert len(measurement.artifact_sha256) == 64


@pytest.mark.slow
def test_a_measurement_says_what_it_depends_on(reader, tmp_path):
    model = model_of(reader, tmp_path, evaluation=None, inputs=lambda: digits()[0][:8])

    measurement = measured(model, Precision.FP32, Runtime.TORCH, batches=(3, 1))

    assert [point.batch for point in measurement.points] == [1, 3]
    for point in measurement.points:
        assert 0 < point.p50_low_s <= point.p50_s <= point.p50_high_s
        assert point.p50_s <= point.p90_s <= point.p95_s <= point.p99_s
    assert measurement.error_frac >= 0.05
    # A replica is at least an imported torch, and this model adds next to nothing.
    assert 100 * MIB < measurement.memory_bytes < 600 * MIB
    assert (measurement.measured_at, measurement.percentile_frac) == (NOW, 0.5)
    assert measurement.environment["threads"] == "1"
    assert measurement.environment["torch"] == torch.__version__
    assert measurement.quality is None
    assert any("no evaluation set" in warning for warning in measurement.warnings)
    asked = measurement.operations
    assert (asked.macs, asked.parameters) == (64 * 8 * 9 + 1280, 80 + 1290)


def test_a_model_whose_numbers_outgrow_the_precision_is_refused(tmp_path):
    def overflowing():
        layer = nn.Linear(4, 4)
        nn.init.constant_(layer.weight, 1e38)
        return layer

    model = TorchModel(
        name="huge",
        directory=tmp_path,
        factory=overflowing,
        inputs=lambda: torch.full((2, 4), 10.0),
    )

    with pytest.raises(ProfilingError, match="answers with NaN or infinity"):
        measured(model, Precision.FP32, Runtime.TORCH)


def test_a_variant_that_is_not_offered_is_refused_before_the_model_is_loaded(tmp_path):
    model = TorchModel(name="absent", directory=tmp_path, factory="absent:build")

    with pytest.raises(ProfilingError, match="bf16 on onnxruntime is not offered"):
        measured(model, Precision.BF16, Runtime.ONNXRUNTIME)
    with pytest.raises(ModelLoadError, match="'absent' is not in"):
        measured(model, Precision.FP32, Runtime.TORCH)


@pytest.mark.slow
def test_a_live_model_keeps_its_identity_while_it_is_measured(reader, tmp_path):
    model = model_of(reader, tmp_path)
    before = identity(model)

    measured(model, Precision.BF16, Runtime.TORCH)

    assert identity(model) == before


@pytest.mark.slow
@pytest.mark.parametrize("is_graded", [True, False])
def test_a_further_part_goes_on_with_what_is_loaded(reader, tmp_path, is_graded):
    n_built = []

    def build():
        n_built.append(1)
        return reader

    data = {} if is_graded else {"evaluation": None, "inputs": lambda: digits()[0][:8]}
    trial = Trial(
        model=model_of(reader, tmp_path, factory=build, **data),
        variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH),
        envelope=Envelope(),
        batches=(1,),
    )
    begun = begin_trial(
        trial, scratch=tmp_path, clock=time.perf_counter, now=lambda: NOW
    )
    n_built_before = len(n_built)

    further = begun.go_on(replace(trial, batches=(1, 64)))
    begun.close()

    first = begun.measurement
    assert [p.batch for p in first.points] == [1]
    assert [p.batch for p in further.points] == [1, 64]
    assert len(n_built) == n_built_before, "the user's model is not built again"
    assert further.quality == first.quality
    assert (further.quality is not None) == is_graded
    assert further.artifact_sha256 == first.artifact_sha256
    assert further.conditions.cold_start_s == first.conditions.cold_start_s
    assert further.memory_bytes >= first.memory_bytes


def test_nothing_goes_on_beside_other_replicas(tmp_path, reader):
    model = model_of(reader, tmp_path, evaluation=None, inputs=lambda: digits()[0][:8])
    trial = Trial(
        model=model,
        variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH),
        envelope=Envelope(replicas=2),
        batches=(1,),
    )

    begun = begin_trial(
        trial, scratch=tmp_path, clock=time.perf_counter, now=lambda: NOW
    )

    assert begun.go_on is None
