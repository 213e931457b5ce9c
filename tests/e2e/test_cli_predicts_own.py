"""A model of the user's own, timed here, is predicted on a device it never ran on."""

import json

import pytest
import yaml

from planner.cli.app import main
from planner.domain.operations import Operations
from planner.domain.profiling import ProfilingJob, TorchModel
from tests.support.timed_here import keep, keep_references

pytestmark = pytest.mark.slow

MODEL = """
import torch
from torch import nn


def network():
    def block(channels, out):
        return [nn.Conv2d(channels, out, 3, stride=2, padding=1), nn.ReLU6()]

    layers = [*block(3, 32), *block(32, 64), *block(64, 64)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def images():
    return torch.randn(4, 3, 96, 96)


def dot():
    return nn.Linear(4, 2)


def numbers():
    return torch.randn(4, 4)
"""
# What products of each layer take by hand, for one image of 96 × 96.
MACS = 48 * 48 * 32 * 27 + 24 * 24 * 64 * 32 * 9 + 12 * 12 * 64 * 64 * 9 + 640

# Those of a profile, unless somebody asks for others.
BATCHES = ProfilingJob.__dataclass_fields__["batches"].default


def own(name, factory, inputs):
    source = {"kind": "torch", "factory": f"model:{factory}"}
    return {
        "name": name, "source": source, "inputs": {"factory": f"model:{inputs}"},
        "variants": {"precisions": ["fp32"], "runtimes": ["onnxruntime"]},
    }  # fmt: skip


def workload(model):
    return {
        "name": model, "model": model, "origin": "shop",
        "traffic": {"kind": "constant", "rate_rps": 2},
        "slo": {"percentile": 95, "latency_ms": 400},
    }  # fmt: skip


@pytest.fixture
def spec(tmp_path):
    """Two own models, and a board that nothing leads to but the user's own measurement."""
    board = {"device": "raspberry-pi-3b-plus", "stock": 2, "capex_usd": 40}
    document = {
        "kind": "deployment", "version": 1, "name": "shop",
        "models": [own("eyes", "network", "images"), own("dot", "dot", "numbers")],
        "workloads": [workload("eyes"), workload("dot")],
        "sites": [{"kind": "edge", "name": "shop", "zone": "eu", "devices": [board]}],
    }  # fmt: skip
    (tmp_path / "model.py").write_text(MODEL, encoding="utf-8")
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return "spec.yaml"


def keep_own(home, folder):
    """As if both were timed before."""
    for name, inputs, p50_s, macs in (("network", "images", 8e-4, MACS), ("dot", "numbers", 7e-6, 8)):  # fmt: skip
        model = TorchModel(
            name=name,
            directory=folder,
            factory=f"model:{name}",
            inputs=f"model:{inputs}",
        )
        counted = Operations(
            model=name, parameters=57_000, macs=macs, activation_values=600_000,
            source="counted",
        )  # fmt: skip
        keep(home, model, p50_s, counted, batches=BATCHES)


@pytest.mark.parametrize("before", [True, pytest.param(False, marks=pytest.mark.long)])
def test_a_cnn_has_an_interval_on_a_raspberry_pi_and_what_is_too_small_the_reason(
    spec, home, tmp_path, capsys, before
):
    keep_references(home)
    if before:
        keep_own(home, tmp_path)
    asked = ["predict", spec, "--device", "raspberry-pi-4"]

    assert main([*asked, "--json"]) == 0
    eyes, dot = json.loads(capsys.readouterr().out)
    assert main(asked) == 0
    told = " ".join(capsys.readouterr().out.split())

    runtimes = {p["profile"]["variant"]["runtime"] for p in eyes["predictions"]}
    assert runtimes == {"tflite", "armnn"}
    for p in eyes["predictions"]:
        first = p["profile"]["points"][0]
        assert p["low_s"] < first["p50_s"] < p["high_s"]
        assert p["profile"]["evidence"]["provenance"] == "predicted"
        assert p["profile"]["operations"]["macs"] == MACS
        assert len(p["rows"]) > 8
    assert "operations, activations and times of" in told
    assert "on onnxruntime where it was timed" in told
    assert dot["predictions"] == []
    assert any("outside the models that were measured" in r for r in dot["refusals"])


def test_without_published_models_timed_here_the_command_that_times_them_is_named(
    spec, capsys
):
    assert main(["predict", spec, "--device", "raspberry-pi-4"]) == 3

    assert "--reference-models" in capsys.readouterr().err
