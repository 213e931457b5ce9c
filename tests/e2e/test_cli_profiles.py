"""`planner profile` in local processes: rooms, refusals, and an export that plans elsewhere."""

import copy
import json
from functools import partial
from pathlib import Path

import pytest
import yaml

from planner.cli.app import main
from planner.specs.serving import ServingConfig
from profilers.running import local
from profilers.running.process import Measuring
from profilers.serving.language import load_speaker
from profilers.store import ProfileStore
from profilers.trials import Failure
from tests.support import kiosk, networks
from tests.support.profiling import SUPPORT

pytestmark = pytest.mark.slow

MODEL = """
import torch
from torch import nn


def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))


def inputs():
    return torch.zeros(4, 16)
"""
DEVICE = kiosk.DEVICE
SPEC = kiosk.spec(runtime="onnxruntime", rate_rps=5, latency_ms=2000)


def written(folder, spec):
    """A spec in a folder of its own."""
    folder.mkdir()
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    return str(folder / "spec.yaml")


def project(folder, spec=SPEC):
    """A spec with its model beside it."""
    spec = written(folder, spec)
    (folder / "model.py").write_text(MODEL, encoding="utf-8")
    return spec


def talking_project(folder):
    """The same of a causal language model."""
    spec = copy.deepcopy(SPEC)
    (model,), (workload,) = spec["models"], spec["workloads"]
    del model["inputs"]
    model["source"] = {"kind": "huggingface", "folder": "llama", "context_tokens": [16]}
    model["variants"] = {"precisions": ["fp32"], "runtimes": ["torch"]}
    workload["payload"] = {"prompt_tokens": 16, "output_tokens": 8}
    workload["traffic"]["rate_rps"] = 0.1
    workload["slo"] = {"percentile": 90, "ttft_ms": 10_000, "tpot_ms": 5_000}
    path = written(folder, spec)
    networks.decoder(folder / "llama")
    return path


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
    measuring_home, spec, tmp_path, capsys, monkeypatch
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
    assert minded(capsys) == unlike("pi.json")
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


def exported_from(spec, capsys, *arguments):
    """The spec's model, measured here for the device and imported."""
    assert main(["profile", spec, "--executor", "local", "--no-server", "--as-device", DEVICE, "--export", "pi.json", *arguments]) == 0  # fmt: skip
    assert main(["import", "profiles", "pi.json"]) == 0
    assert minded(capsys) == unlike("pi.json")


def minded(capsys):
    """What an import says is to be known of the figures."""
    lines = told(capsys).out.splitlines()
    return [line.removeprefix("Mind: ") for line in lines if line.startswith("Mind: ")]


def unlike(export):
    """In what the export says that its machine is not like the device: no other words of it."""
    differences = json.loads(Path(export).read_text())["unlike"]
    return ["; ".join(differences)] if differences else []


def planned_from(spec, out):
    return main(["recommend", spec, "--executor", "local", "--json", "--no-simulate", "--out", str(out)])  # fmt: skip


def served_config(out):
    """What the deployment that the plan describes is told to serve."""
    (file,) = (out / "manifests" / "ray-serve").glob("*.yaml")
    (application,) = yaml.safe_load(file.read_text())["applications"]
    (deployment,) = application["deployments"]
    return ServingConfig.model_validate(deployment["user_config"])


def digests(tmp_path, capsys):
    """Of model and artefact: as exported, as planned, and as told to the server."""
    exported = json.loads((tmp_path / "pi.json").read_text())
    plan = json.loads(told(capsys).out)
    config = served_config(tmp_path / "out")
    (profile,), (model,), (placement,) = (
        exported["profiles"], plan["models"], plan["placements"],
    )  # fmt: skip
    return [
        (exported["model_sha256"]["digits"], profile["artifact_sha256"]),
        (model["content_sha256"], placement["artifact_sha256"]),
        (config.model.content_sha256, config.artifact_sha256),
    ]


def test_a_plan_names_the_content_that_was_profiled_until_the_model_is_changed(
    measuring_home, tmp_path, capsys
):
    spec = project(tmp_path / "kiosk")
    exported_from(spec, capsys)

    assert planned_from(spec, tmp_path / "out") == 0
    profiled, planned, served = digests(tmp_path, capsys)
    assert [len(digest) for digest in profiled] == [64, 64]
    assert profiled == planned == served

    (tmp_path / "kiosk" / "model.py").write_text(MODEL.replace("manual_seed(0)", "manual_seed(1)"))  # fmt: skip
    code = planned_from(spec, tmp_path / "out")

    plan = json.loads(told(capsys).out)
    (model,) = plan["models"]
    assert (code, plan["placements"]) == (1, [])
    assert len(model["content_sha256"]) == 64
    assert model["content_sha256"] != profiled[0]
    assert any("of a model of that name with other content" in w for w in plan["warnings"])  # fmt: skip


@pytest.fixture
def briefly(monkeypatch):
    """Of language models nine things are timed, each for a second or two otherwise."""
    monkeypatch.syspath_prepend(SUPPORT)
    measuring = Measuring(function="brief:begin")
    monkeypatch.setattr(local, "LocalExecutor", partial(local.LocalExecutor, measuring=measuring))  # fmt: skip


@pytest.mark.usefixtures("briefly")
def test_a_language_model_is_served_as_it_was_profiled_and_says_so(tmp_path, capsys):
    spec = talking_project(tmp_path / "kiosk")
    # Two threads of so small a model wait for each other whole time slices beside other tests.
    exported_from(spec, capsys, "--threads", "1")

    assert planned_from(spec, tmp_path / "out") == 0

    profiled, planned, served = digests(tmp_path, capsys)
    assert [len(digest) for digest in profiled] == [64, 64]
    assert profiled == planned == served
    config = served_config(tmp_path / "out")

    def is_as_profiled(folder):
        here = config.model.model_copy(update={"directory": str(folder)})
        return load_speaker(config.model_copy(update={"model": here})).is_as_profiled

    assert is_as_profiled(tmp_path / "kiosk") is True
    networks.talker(tmp_path / "other" / "llama")
    assert is_as_profiled(tmp_path / "other") is False


def test_limits_and_heat_are_in_force_and_told(tmp_path, home, capsys):
    spec = project(tmp_path / "kiosk", kiosk.spec(runtime="torch", rate_rps=5, latency_ms=2000))  # fmt: skip
    room = ["--cpu-quota", "0.9", "--memory-mib", "4096", "--soak-s", "0.5", "--heat-speed", "0.5"]  # fmt: skip

    export = ["--export", str(tmp_path / "e.json")]
    codes = [profile(spec, *room, "--fewer-points"), profile(spec, *room, "--fewer-points", *export)]  # fmt: skip

    out = " ".join(told(capsys).out.split())
    (found,) = stored(home)
    assert codes == [0, 0]
    assert "0 tried now, 1 known from before" in out
    assert "within limits: 0.9 cores' time, 4096 MiB of memory, 50% of its speed" in out
    (limits,) = json.loads((tmp_path / "e.json").read_text())["unlike"]
    assert "0.9 cores' time" in limits
    assert found.environment["heat"] == "50% of the speed after 0.5 s, by duty cycle"
    assert found.environment["cpu_quota"].startswith("0.9 cores")
    assert found.environment["memory_limit"].startswith("4096 MiB")
    # A call of microseconds meets a pause now and then, which its median does not show.
    assert "slowed by pauses" in out
    assert found.points[0].mean_s > found.points[0].p50_s
    # Which of them may be read off hangs on how steady this machine is.
    assert {p.batch for p in found.points} <= set(found.batch_grid)


@pytest.mark.parametrize(
    ("device", "why"),
    [
        (kiosk.OTHER_FAMILY, f"it is no {kiosk.OTHER_FAMILY}"),
        ("nvidia-l4", "no accelerator is found here"),
    ],
)
def test_a_machine_is_not_declared_to_be_what_it_cannot_be(
    spec, home, tmp_path, capsys, device, why
):
    asked = [
        ["profile", spec, "--as-device", device, "--export", "export.json"],
        ["recommend", spec, "--profile-budget-usd", "5", "--as-device", device],
    ]

    for command in asked:
        assert main([*command, "--executor", "local"]) == 2

        said = " ".join(told(capsys).err.split())
        assert why in said
        assert "name the device that this machine is (planner catalog devices)" in said
    assert not (tmp_path / "export.json").exists()
    assert stored(home) == []


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
