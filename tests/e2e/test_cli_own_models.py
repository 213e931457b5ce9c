"""A plan of the user's own model is explained and spanned from where its files lie."""

import datetime as dt
import shutil

import pytest
import yaml

from planner import wiring
from planner.cli.app import main
from planner.domain.evidence import Evidence, Provenance
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.domain.profiling import ProfilingOutcome
from planner.domain.variants import Precision, Runtime, Variant

SPEC = {
    "kind": "deployment",
    "version": 1,
    "name": "own",
    "models": [
        {
            "name": "digits",
            "source": {
                "kind": "torch",
                "factory": "model:build",
                "weights": "weights.safetensors",
            },
        }
    ],
    "workloads": [
        {
            "name": "cameras",
            "model": "digits",
            "origin": "shop",
            "traffic": {"kind": "constant", "rate_rps": 10},
            "slo": {"percentile": 95, "latency_ms": 150},
        }
    ],
    "sites": [
        {
            "kind": "edge",
            "name": "shop",
            "zone": "eu",
            "devices": [{"device": "raspberry-pi-4", "stock": 4, "capex_usd": 55}],
        }
    ],
}


class Stopwatch:
    """Every model takes 20 ms; it notes where their files were said to be."""

    def __init__(self):
        self.folders = []

    def reachable_devices(self):
        return ("raspberry-pi-4",)

    def profile(self, jobs, *, on_progress):  # nothing to show
        self.folders += [job.model.directory for job in jobs]
        profiles = tuple(
            BatchProfile(
                model=job.model.name,
                variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH),
                device="raspberry-pi-4",
                points=(ServicePoint(batch=1, p50_s=0.02, mean_s=0.02, p95_s=0.022),),
                evidence=Evidence(
                    provenance=Provenance.EMULATED,
                    source="a stopwatch",
                    as_of=dt.date(2026, 8, 1),
                    error_frac=0.2,
                ),
                memory_bytes=1e8,
            )
            for job in jobs
        )
        return ProfilingOutcome(
            profiles=profiles, failures=(), warnings=(), n_measured=len(jobs), n_cached=0,
            environment={},
        )  # fmt: skip


@pytest.fixture
def stopwatch(monkeypatch, tmp_path):
    monkeypatch.setenv("PLANNER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    found = Stopwatch()
    monkeypatch.setattr(wiring, "profiler", lambda *_, **__: found)
    return found


@pytest.fixture
def project(tmp_path, stopwatch, capsys):
    """A spec with its model beside it, and its plan in a folder below."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "spec.yaml").write_text(yaml.safe_dump(SPEC), encoding="utf-8")
    (folder / "model.py").write_text("def build(): ...\n", encoding="utf-8")
    (folder / "weights.safetensors").write_bytes(b"weights")
    out = folder / "plan"
    assert main(["recommend", "project/spec.yaml", "--no-simulate", "--out", str(out)]) == 0  # fmt: skip
    capsys.readouterr()
    stopwatch.folders.clear()
    return folder


def test_a_plan_below_its_document_finds_the_models_by_itself(project, stopwatch):
    code = main(["explain", "project/plan", "--search-time", "1"])

    assert code == 0
    assert stopwatch.folders == [project]


def test_where_they_are_not_found_the_flag_that_names_them_is(
    project, stopwatch, tmp_path, capsys
):
    away = tmp_path / "far" / "away"
    shutil.copytree(project / "plan", away)

    code = main(["explain", str(away)])
    told = capsys.readouterr()

    assert code == 2
    assert "weights.safetensors" in told.err
    assert "--spec-dir" in told.err
    assert str(away) in told.err
    assert main(["explain", str(away), "--spec-dir", "project", "--search-time", "1"]) == 0  # fmt: skip
    assert stopwatch.folders == [project]


def test_code_beside_the_weights_is_preferred_to_weights_alone(project, stopwatch):
    # A copy of the weights below the plan, as a cache might leave it, without the code.
    shutil.copy(project / "weights.safetensors", project / "plan")

    assert main(["explain", "project/plan", "--search-time", "1"]) == 0

    assert stopwatch.folders == [project]


def test_its_front_is_spanned_without_measuring_twice(project, stopwatch, capsys):
    code = main(["pareto", "project/spec.yaml", "--out", "front", "--search-time", "5"])

    assert code == 0
    assert stopwatch.folders == [project]
    assert "raspberry-pi-4" in capsys.readouterr().out
