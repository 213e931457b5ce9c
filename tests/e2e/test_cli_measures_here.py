"""`recommend --profile-budget-usd` on a machine whose model cannot be run: tried once, told."""

import json

import pytest
import yaml

from planner.cli.app import main
from planner.domain.profiling import TorchModel
from profilers.identity import identity
from profilers.store import ProfileStore
from profilers.trials import Failure
from tests.support import kiosk

pytestmark = pytest.mark.slow

DEVICE = kiosk.DEVICE
MODEL = """
import torch


def build():
    raise RuntimeError("the layer factory was left at home")


def inputs():
    return torch.zeros(4, 16)
"""
SPEC = kiosk.spec(runtime="torch", rate_rps=2, latency_ms=60)
# Quick enough if the figure is right, and far from it at the policy's confidence.
ELSEWHERE = {
    "model": "digits",
    "variant": {"precision": "fp32", "runtime": "torch", "sparsity_frac": 0.0},
    "device": DEVICE,
    "points": [{"batch": 1, "p50_s": 0.02, "mean_s": 0.02, "p95_s": 0.021}],
    "evidence": {
        "provenance": "measured",
        "source": "a stopwatch",
        "as_of": "2026-08-01",
        "error_frac": 4.0,
    },
    "memory_bytes": 1e8,
}


@pytest.fixture
def spec(tmp_path):
    """A spec whose model fails, of which somebody else's export is known."""
    folder = tmp_path / "kiosk"
    folder.mkdir()
    (folder / "spec.yaml").write_text(yaml.safe_dump(SPEC), encoding="utf-8")
    (folder / "model.py").write_text(MODEL, encoding="utf-8")
    model = TorchModel(
        name="digits", directory=folder, factory="model:build", inputs="model:inputs"
    )
    export = {
        "kind": "profiles",
        "version": 1,
        "profiles": [ELSEWHERE],
        "model_sha256": {"digits": identity(model)},
    }
    (tmp_path / "export.json").write_text(json.dumps(export), encoding="utf-8")
    assert main(["import", "profiles", "export.json"]) == 0
    return str(folder / "spec.yaml")


def recommend(spec, out, *more):
    return main(["recommend", spec, "--executor", "local", "--no-simulate", "--profile-budget-usd", "5", "--as-device", DEVICE, "--out", out, *more])  # fmt: skip


def test_a_measurement_that_fails_is_tried_once_and_not_proposed_again(
    spec, home, tmp_path, capsys
):
    capsys.readouterr()

    code = recommend(spec, "once", "--json")

    fitting = json.loads(capsys.readouterr().out)["fitting"]
    assert code == 1
    (failed,) = fitting["failed"]
    assert (failed["model"], failed["device"]) == ("digits", DEVICE)
    assert "the layer factory was left at home" in failed["reason"]
    assert (fitting["ways"], fitting["taken"], fitting["n_measurable"]) == ([], [], 0)
    assert fitting["probability_frac"] == 0
    # Of a figure of 20 ms with 100 ms at the ninetieth part, two thirds are below 36 ms.
    assert 0.5 < fitting["possible_frac"] < 1
    (row,) = ProfileStore(home / "profiles.sqlite3").listing()
    assert isinstance(row.result, Failure)

    assert recommend(spec, "twice") == 1

    captured = capsys.readouterr()
    said = " ".join(captured.out.split())
    assert "Traceback" not in captured.out + captured.err
    assert f"digits on {DEVICE} could not be measured here" in said
    assert "the layer factory was left at home" in said
    assert "No other measurement is left that could lead to a plan." in said
    assert "measure digits on" not in said
    (again,) = ProfileStore(home / "profiles.sqlite3").listing()
    assert again.result.failed_at == row.result.failed_at
