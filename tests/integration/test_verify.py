"""A plan served for real by `planner serve`, tried by `planner verify`, kept, and used."""

import json
import re
import time
import urllib.request
from pathlib import Path

import pytest

from planner.cli.app import main
from planner.domain.evidence import Provenance
from planner.domain.profiling import ProfilingJob, TorchModel
from planner.domain.variants import Precision, Runtime
from planner.specs.placements import PlanVariant
from planner.specs.plan import PlanSlo
from profilers.profiler import Profiling
from profilers.running.local import LocalExecutor
from profilers.store import ProfileStore
from profilers.trials import Envelope
from tests.support.listening import planner_serving
from tests.support.plans import digits_placement, storefront_plan
from tests.support.profiling import MEASURING, SUPPORT, VERSIONS, DoublingEmulator

pytestmark = [pytest.mark.ray, pytest.mark.slow]

PATIENCE_S = 120
# A promise that a busy machine of two processors keeps: this is no test of speed.
LATENCY_MS = 5000.0
MODEL = """
import torch
from torch import nn


def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))


def evaluation():
    generator = torch.Generator().manual_seed(1)
    samples = torch.randn(200, 1, 4, 4, generator=generator)
    with torch.inference_mode():
        return samples, build()(samples).argmax(1)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The spec's folder: a model, and a plan that runs it on two replicas."""
    folder = tmp_path_factory.mktemp("spec")
    (folder / "model.py").write_text(MODEL, encoding="utf-8")
    plan = storefront_plan()
    placement = digits_placement().model_copy(
        update={
            "variant": PlanVariant(
                precision=Precision.FP32, sparsity_frac=0.0, runtime=Runtime.TORCH
            ),
            "max_batch": 4,
            "max_wait_ms": 5.0,
            "machines": 2,
            "replicas": 2,
            "threads": 1,
            "rate_rps": 40.0,
            "artifact_sha256": None,
        }
    )
    models = [
        m.model_copy(update={"weights": None, "evaluation": "model:evaluation"})
        for m in plan.models
        if m.name == placement.model
    ]
    workloads = [
        w.model_copy(update={"slo": PlanSlo(percentile=90.0, latency_ms=LATENCY_MS)})
        for w in plan.workloads
        if w.name == placement.workload
    ]
    plan = plan.model_copy(
        update={
            "placements": (placement,),
            "models": tuple(models),
            "workloads": tuple(workloads),
        }
    )
    (folder / "plan.json").write_text(plan.model_dump_json(by_alias=True))
    return folder


@pytest.fixture(scope="module")
def served(folder: Path):
    """The address of what `planner serve` runs, and that of its metrics."""
    with planner_serving(folder) as (url, metrics_port):
        yield url, f"http://127.0.0.1:{metrics_port}/metrics"


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("PLANNER_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(SUPPORT)
    return tmp_path


def verify(folder: Path, url: str, *more: str) -> int:
    return main(
        ["verify", str(folder), "--url", url, "--workload", "reorder-digits", "--seconds", "4", "--json", *more]
    )  # fmt: skip


def test_a_served_plan_passes_and_its_times_are_the_next_profile(
    served, folder, home, capsys
):
    url, _ = served

    code = verify(folder, url, "--store", "--device", "half-speed")

    found = json.loads(capsys.readouterr().out)
    findings = {c["subject"]: c["finding"] for c in found["checks"]}
    assert (code, found["finding"]) == (0, "pass")
    assert findings["what runs there"] == "pass"
    # The labels are the model's own answers: every one is right.
    accuracy = next(c for c in found["checks"] if c["subject"] == "top1_accuracy")
    assert accuracy["observed"]["value"] == 1.0
    assert found["outcomes"] == {"answered": found["n_sent"]}
    assert "half-speed" in found["stored"]
    profile = profile_of(folder, home)
    assert profile.evidence.provenance is Provenance.MEASURED
    assert profile.points[0].batch == 1
    # A linear layer of 152 weights does not take as long as a request.
    assert 0 < profile.points[0].p50_s < LATENCY_MS / 1000


def profile_of(folder: Path, home: Path):
    """What profiling says of the device, with an emulator that would say otherwise."""
    job = ProfilingJob(
        model=TorchModel(
            name="steady",
            directory=folder,
            factory="model:build",
            evaluation="model:evaluation",
        ),
        precisions=(Precision.FP32,),
        runtimes=(Runtime.TORCH,),
        devices=("half-speed",),
        batches=(1,),
    )
    profiling = Profiling(
        ProfileStore(home / "profiles.sqlite3"),
        LocalExecutor(measuring=MEASURING, versions=VERSIONS),
        emulator=OneThread(),
    )
    (profile,) = profiling.profile([job], on_progress=lambda _: None).profiles
    return profile


class OneThread(DoublingEmulator):
    """The device has one thread, as the plan's replicas do."""

    def envelope(self, device: str) -> Envelope:
        return Envelope(threads=1)


def test_requests_of_another_model_are_refused_and_told(served, folder, home, capsys):
    url, _ = served
    other = home / "other.json"
    other.write_text("[[1, 2, 3]]")

    code = verify(folder, url, "--inputs", str(other))

    (errors,) = [
        c
        for c in json.loads(capsys.readouterr().out)["checks"]
        if c["subject"] == "errors"
    ]
    assert code == 1
    assert "one example has [1, 4, 4]" in errors["sentence"]


def test_prometheus_can_read_what_the_replicas_count(served):
    url, metrics = served
    with urllib.request.urlopen(f"{url}healthz", timeout=30) as answer:
        assert json.load(answer) == {"status": "ok"}

    until_s = time.monotonic() + PATIENCE_S
    text = ""
    # Ray's agent reports every few seconds.
    while time.monotonic() < until_s and "planner_request_latency_ms" not in text:
        with urllib.request.urlopen(metrics, timeout=30) as answer:
            text = answer.read().decode()
        time.sleep(0.5)

    assert re.search(r"^# TYPE ray_serve_\w+ ", text, re.MULTILINE)
    assert re.search(
        r'planner_request_latency_ms_count\{[^}]*application="reorder-digits"', text
    )
