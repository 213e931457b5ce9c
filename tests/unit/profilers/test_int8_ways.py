"""int8 and the precision that it is another name of are one variant, measured once."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from profilers.conformance import small_convolutional, small_images, small_linear
from profilers.int8_ways import Int8Ways
from profilers.models import load_model
from profilers.running.local import LocalExecutor
from profilers.running.process import utc_now
from profilers.store import ProfileStore
from profilers.variants import export_variant
from tests.support.profiling import MEASURING, SUPPORT, VERSIONS, job, profiling

INT8, STATIC, DYNAMIC = (
    Precision.INT8,
    Precision.INT8_STATIC,
    Precision.INT8_DYNAMIC,
)
CODE = """
from torch import nn


def convolutional():
    print("printed by the user's code")
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 3))


def linear():
    return nn.Linear(8, 3)
"""


@pytest.fixture
def profiled(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(SUPPORT)
    (tmp_path / "net.py").write_text(CODE)
    store = ProfileStore(tmp_path / "profiles.sqlite3")

    def run(factory, *runtimes, precisions=(INT8, STATIC, DYNAMIC)):
        asked = job("steady", tmp_path, precisions=precisions, factory=f"net:{factory}")
        executor = LocalExecutor(measuring=MEASURING, versions=VERSIONS)
        return profiling(store, executor).profile(
            [replace(asked, runtimes=runtimes)], on_progress=lambda _: None
        )

    return run


def told(outcome):
    return [str(p.variant) for p in outcome.profiles], outcome.warnings


def test_a_runtime_with_one_way_needs_no_look_at_the_model(profiled):
    variants, warnings = told(profiled("absent", Runtime.OPENVINO, Runtime.TORCH_CUDA))

    assert variants == [
        "int8 on openvino",
        "int8 on torch-cuda",
        "int8-static on torch-cuda",
        "int8-dynamic on openvino",
    ]
    assert warnings == (
        "steady: int8 is int8-static on openvino: measured once, as int8",
        "steady: int8 is int8-dynamic on torch-cuda: measured once, as int8",
    )


@pytest.mark.slow
def test_elsewhere_the_models_layers_decide_and_are_looked_at_once(profiled, tmp_path):
    on = Runtime.TORCH, Runtime.ONNXRUNTIME

    variants, warnings = told(profiled("convolutional", *on))
    (tmp_path / "net.py").unlink()
    again = profiled("convolutional", *on)

    assert variants == [
        *("int8 on torch", "int8 on onnxruntime"),
        *("int8-dynamic on torch", "int8-dynamic on onnxruntime"),
    ]
    assert warnings == (
        "steady: int8 is int8-static on torch, onnxruntime: measured once, as int8",
    )
    assert told(again) == (variants, warnings)
    assert again.n_measured == 0


@pytest.mark.slow
def test_without_convolutions_int8_is_the_dynamic_one(profiled):
    variants, _ = told(profiled("linear", Runtime.TORCH))

    assert variants == ["int8 on torch", "int8-static on torch"]


def test_what_is_named_alone_keeps_its_name(profiled):
    variants, warnings = told(
        profiled("absent", Runtime.OPENVINO, precisions=(STATIC,))
    )

    assert (variants, warnings) == (["int8-static on openvino"], ())


@pytest.mark.slow
def test_a_model_that_cannot_be_looked_at_is_left_to_its_trials(profiled):
    variants, warnings = told(profiled("absent", Runtime.TORCH))

    assert len(variants) == 3
    assert warnings == ()


@pytest.mark.slow
@pytest.mark.parametrize("factory", [small_convolutional, small_linear])
@pytest.mark.parametrize("runtime", [Runtime.TORCH, Runtime.ONNXRUNTIME])
def test_the_two_names_write_the_same(factory, runtime, tmp_path):
    model = TorchModel(
        name="net", directory=Path(), factory=factory, inputs=small_images
    )
    loaded = load_model(model)
    ways = Int8Ways(
        store=ProfileStore(tmp_path / "profiles.sqlite3"),
        identify=lambda _: "net",
        environment={},
        now=utc_now,
    )

    way = ways.way(model, runtime)
    written = [
        export_variant(loaded, Variant(precision=p, runtime=runtime), tmp_path).path
        for p in (INT8, way)
    ]

    assert written[0] != written[1]
    if runtime is Runtime.ONNXRUNTIME:
        assert written[0].read_bytes() == written[1].read_bytes()
        return
    one, other = map(load_file, written)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
