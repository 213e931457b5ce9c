"""`planner profile` in local processes: rooms, refusals, and an export that plans elsewhere."""

import json

import pytest
import yaml

from planner.cli.app import main
from profilers.store import ProfileStore
from profilers.trials import Failure

pytestmark = [pytest.mark.slow, pytest.mark.alone]

MODEL = """
import torch
from torch import nn


def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))


def inputs():
    return torch.zeros(4, 16)
"""
SPEC = {
    "kind": "deployment",
    "version": 1,
    "name": "kiosk",
    "models": [
        {
            "name": "digits",
            "source": {"kind": "torch", "factory": "model:build"},
            "inputs": {"factory": "model:inputs"},
            "variants": {"precisions": ["fp32"], "runtimes": ["onnxruntime"]},
        }
    ],
    "workloads": [
        {
            "name": "cameras",
            "model": "digits",
            "origin": "shop",
            "traffic": {"kind": "constant", "rate_rps": 5},
            "slo": {"percentile": 95, "latency_ms": 2000},
        }
    ],
    "sites": [
        {
            "kind": "edge",
            "name": "shop",
            "zone": "eu",
            "devices": [
                {"device": "raspberry-pi-3b-plus", "stock": 4, "capex_usd": 35}
            ],
        }
    ],
}
DEVICE = "raspberry-pi-3b-plus"


def project(folder):
    """A spec with its model beside it."""
    folder.mkdir()
    (folder / "spec.yaml").write_text(yaml.safe_dump(SPEC), encoding="utf-8")
    (folder / "model.py").write_text(MODEL, encoding="utf-8")
    return str(folder / "spec.yaml")


@pytest.fixture
def spec(tmp_path):
    return project(tmp_path / "kiosk")


def profile(spec, *arguments):
    return main(["profile", spec, "--executor", "local", "--device", "local", "--no-server", *arguments])  # fmt: skip


def told(capsys):
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    return captured


def stored(home):
    return [row.result for row in ProfileStore(home / "profiles.sqlite3").listing()]


def test_what_one_machine_measured_is_in_another_projects_plan(
    spec, tmp_path, capsys, monkeypatch
):
    code = main(["profile", spec, "--executor", "local", "--no-server", "--as-device", DEVICE, "--export", "pi.json"])  # fmt: skip

    captured = told(capsys)
    assert code == 0
    assert (
        "written: pi.json; elsewhere: planner import profiles pi.json" in captured.out
    )
    exported = json.loads((tmp_path / "pi.json").read_text())
    assert exported["declared_device"] == DEVICE
    assert [p["device"] for p in exported["profiles"]] == ["local"]

    # Somebody else's machine and home, and the same model there.
    monkeypatch.setenv("PLANNER_HOME", str(tmp_path / "elsewhere"))
    elsewhere = project(tmp_path / "other")
    assert main(["import", "profiles", "pi.json"]) == 0
    told(capsys)
    code = main(["recommend", elsewhere, "--json", "--no-simulate", "--out", "told"])

    plan = json.loads(told(capsys).out)
    (placement,) = plan["placements"]
    assert code == 0
    assert (placement["device"], placement["provenance"]) == (DEVICE, "exported")
    measured_ms = 1000 * exported["profiles"][0]["points"][0]["mean_s"]
    assert placement["breakdown"]["service_ms"] >= measured_ms
    assert "pi.json" in placement["profile_source"]
    report = (tmp_path / "told" / "report.md").read_text()
    assert "imported from a user's export" in report
    assert "published measurement" not in report
    assert "Measure your model on the device itself" not in report


def test_limits_and_heat_are_in_force_and_told(spec, home, capsys):
    room = ["--cpu-quota", "0.5", "--memory-mib", "4096", "--soak-s", "0.5", "--heat-speed", "0.5"]  # fmt: skip

    codes = [profile(spec, *room, "--fewer-points"), profile(spec, *room, "--fewer-points")]  # fmt: skip

    out = " ".join(told(capsys).out.split())
    (found,) = stored(home)
    assert codes == [0, 0]
    assert "0 tried now, 1 known from before" in out
    assert found.environment["heat"] == "50% of the speed after 0.5 s, by duty cycle"
    assert found.environment["cpu_quota"].startswith("0.5 cores")
    assert found.environment["memory_limit"].startswith("4096 MiB")
    # A call of microseconds meets a pause now and then, which its median does not show.
    assert "slowed by pauses" in out
    assert found.points[0].mean_s > found.points[0].p50_s
    assert len(found.points) < len(found.batch_grid)


def test_too_little_memory_is_said_to_be_and_tried_again_only_where_asked(
    spec, home, tmp_path, capsys
):
    little = ["--memory-mib", "64", "--export", "none.json"]

    codes = [profile(spec, *little), profile(spec, *little), profile(spec, *little, "--retry-failed")]  # fmt: skip

    captured = told(capsys)
    (failure,) = stored(home)
    assert codes == [3, 3, 3]
    assert "digits fp32 on onnxruntime on local" in captured.err
    assert "it was given 64 MiB of memory" in captured.err
    assert [line for line in captured.out.splitlines() if "known from before" in line] == [
        "1 tried now, 0 known from before",
        "0 tried now, 1 known from before",
        "1 tried now, 0 known from before",
    ]  # fmt: skip
    assert isinstance(failure, Failure)
    assert not (tmp_path / "none.json").exists()
