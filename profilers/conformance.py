# ruff: noqa: D102 - a test's name is its sentence
"""The tests that every backend inherits, for each variant it offers.

    class TestInt8OnOnnxruntime(BackendConformance):
        variant = Variant(precision=Precision.INT8, runtime=Runtime.ONNXRUNTIME)
        tolerance_frac = 0.05

Two small models are run: one with convolutions and normalisation, one of linear
layers only, which int8 treats differently. pytest is needed to import this module.
"""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from planner.domain.profiling import TorchModel
from planner.domain.variants import Variant
from profilers.artifacts.artifact import Artifact
from profilers.backends import Backend, load_backend
from profilers.measuring.memory import PeakMemory
from profilers.models import LoadedModel, load_model
from profilers.variants import export_variant

# One batch beyond what is profiled, and odd ones: nothing may be bound to a size.
BATCHES = (1, 2, 3, 5, 8, 17, 32, 33)


def small_convolutional() -> nn.Module:
    """A classifier of 8 × 8 images into ten classes, weights from a fixed seed."""
    torch.manual_seed(7)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


def small_linear() -> nn.Module:
    """The same task without convolutions."""
    torch.manual_seed(7)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))


def small_images() -> torch.Tensor:
    """Images between 0 and 1, from a fixed seed."""
    return torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(11))


class BackendConformance:
    """What a server and the profiler count on."""

    variant: ClassVar[Variant]
    # Largest difference to the fp32 module, as a share of its largest answer.
    tolerance_frac: ClassVar[float]

    @pytest.fixture(scope="class", params=[small_convolutional, small_linear])
    @classmethod
    def model(cls, request: pytest.FixtureRequest) -> LoadedModel:
        """The model in fp32."""
        return load_model(
            TorchModel(
                name=request.param.__name__,
                directory=Path(),
                factory=request.param,
                inputs=small_images,
            )
        )

    @pytest.fixture(scope="class")
    @classmethod
    def artifact(
        cls, model: LoadedModel, tmp_path_factory: pytest.TempPathFactory
    ) -> Artifact:
        """The variant's file."""
        return export_variant(model, cls.variant, tmp_path_factory.mktemp("variant"))

    @pytest.fixture(scope="class")
    @classmethod
    def backend(cls, model: LoadedModel, artifact: Artifact) -> Iterator[Backend]:
        """The variant, loaded with one thread."""
        threads_before = torch.get_num_threads()
        yield cls.load(model, artifact, threads=1)
        torch.set_num_threads(threads_before)

    @classmethod
    def load(cls, model: LoadedModel, artifact: Artifact, *, threads: int) -> Backend:
        """The variant, loaded as profiler and server do."""
        return load_backend(
            cls.variant.runtime,
            artifact.path,
            threads=threads,
            build=lambda: copy.deepcopy(model.module),
        )

    @pytest.mark.parametrize("batch", BATCHES)
    def test_answers_are_those_of_the_module(
        self, backend: Backend, model: LoadedModel, batch: int
    ) -> None:
        inputs = model.example[:batch]
        with torch.inference_mode():
            expected = model.module(inputs).numpy()

        answers = backend.run(inputs.numpy())

        assert answers.dtype == np.float32
        assert answers.shape == (batch, 10)
        off = np.abs(answers - expected).max()
        assert off <= self.tolerance_frac * np.abs(expected).max()

    def test_the_same_batch_gets_the_same_answers(
        self, backend: Backend, model: LoadedModel
    ) -> None:
        inputs = model.example.numpy()

        np.testing.assert_array_equal(backend.run(inputs), backend.run(inputs))

    def test_a_second_load_answers_as_the_first(
        self, backend: Backend, model: LoadedModel, artifact: Artifact
    ) -> None:
        inputs = model.example.numpy()

        again = self.load(model, artifact, threads=1)

        np.testing.assert_array_equal(again.run(inputs), backend.run(inputs))

    def test_inputs_are_left_as_they_were(
        self, backend: Backend, model: LoadedModel
    ) -> None:
        inputs = model.example.numpy().copy()
        before = inputs.copy()

        backend.run(inputs)

        np.testing.assert_array_equal(inputs, before)

    @pytest.mark.parametrize("threads", [2, 1])
    def test_the_engine_uses_the_threads_it_is_given(
        self, model: LoadedModel, artifact: Artifact, threads: int
    ) -> None:
        backend = self.load(model, artifact, threads=threads)

        assert backend.threads == threads

    def test_loading_and_running_takes_memory_that_is_seen(
        self, model: LoadedModel, artifact: Artifact
    ) -> None:
        wide = np.resize(model.example.numpy(), (20_000, 1, 8, 8))
        peak = PeakMemory()

        self.load(model, artifact, threads=1).run(wide)

        assert peak.added_bytes() > _answer_bytes(wide)

    def test_the_runtime_is_the_one_asked_for(self, backend: Backend) -> None:
        assert backend.runtime is self.variant.runtime


def _answer_bytes(batch: NDArray[np.generic]) -> int:
    return len(batch) * 10 * np.dtype(np.float32).itemsize
