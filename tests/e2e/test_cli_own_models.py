"""A plan of the user's own model is explained and spanned from where its files lie."""

import datetime as dt
import json
import shutil
from dataclasses import replace

import pytest
import yaml

from planner.cli.app import main
from planner.domain.evidence import Evidence, Provenance
from planner.domain.profiles import BatchProfile, ProfileKey, ServicePoint
from planner.domain.profiling import PointsTimed, ProfilingOutcome
from planner.domain.variants import Precision, Runtime, Variant
from planner.wiring import measuring
from tests.support.timed_here import asked, references, timed

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
        self.used = []
        self.known = []

    def references(self):
        return tuple(self.known)

    def reachable_devices(self):
        return ("raspberry-pi-4",)

    def profile(self, jobs, *, on_progress, planned=None):  # nothing to show
        self.folders += [job.model.directory for job in jobs]
        outcome = self._outcome(jobs)
        if jobs == measuring.reference_jobs():
            self.known = references()
        if planned is None:
            return outcome
        self.used.append(planned(outcome))
        points = PointsTimed(n_curves=1, n_grid=6, n_timed=1, n_read_off=0, n_plans=1)
        return replace(outcome, points=points)

    def _outcome(self, jobs):
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
    monkeypatch.setattr(measuring, "profiler", lambda *_, **__: found)
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


VERBS = {"explain": ["--search-time", "1"], "simulate": []}


@pytest.mark.parametrize("verb", VERBS)
def test_a_plan_below_its_document_finds_the_models_by_itself(project, stopwatch, verb):
    code = main([verb, "project/plan", *VERBS[verb]])

    assert code == 0
    assert stopwatch.folders == [project]


@pytest.mark.parametrize("verb", VERBS)
def test_where_they_are_not_found_the_flag_that_names_them_is(
    project, stopwatch, tmp_path, capsys, verb
):
    away = tmp_path / "far" / "away"
    shutil.copytree(project / "plan", away)

    code = main([verb, str(away)])
    told = capsys.readouterr()

    assert code == 2
    assert "weights.safetensors" in told.err
    assert "--spec-dir" in told.err
    assert str(away) in told.err
    assert main([verb, str(away), "--spec-dir", "project", *VERBS[verb]]) == 0
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


PI_4 = ProfileKey(
    model="digits",
    device="raspberry-pi-4",
    device_count=1,
    variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH),
)


def test_with_fewer_points_the_plan_says_how_few_and_why_the_others_do_not_matter(
    project, stopwatch, capsys
):
    out = project / "fewer"

    code = main(["recommend", "project/spec.yaml", "--no-simulate", "--fewer-points", "--out", str(out)])  # fmt: skip

    assert code == 0
    assert stopwatch.used == [{PI_4: 1}]
    said = capsys.readouterr().out
    assert "1 of 6 batch sizes of your own models" in said
    assert "5 could not change the answer" in said
    assert json.loads((out / "plan.json").read_text())["points"]["n_beyond"] == 5
    assert "1 of 6 batch sizes" in (out / "report.md").read_text()


def test_a_plan_from_fewer_points_is_explained_and_tried_from_no_more(
    project, stopwatch
):
    plan = str(project / "fewer")
    main(["recommend", "project/spec.yaml", "--no-simulate", "--fewer-points", "--out", plan])  # fmt: skip

    assert main(["explain", plan, "--search-time", "1"]) == 0
    assert main(["simulate", plan, "--spec-dir", "project", "--out", str(project / "tried")]) == 0  # fmt: skip

    assert stopwatch.used == [{PI_4: 1}] * 3


def test_without_the_flag_the_plan_is_not_asked(project, stopwatch):
    assert stopwatch.used == []
    assert json.loads((project / "plan" / "plan.json").read_text())["points"] is None


def test_published_models_are_timed_once_and_it_is_said_beforehand_how_many(
    project, stopwatch, capsys
):
    asked = [
        "profile",
        "project/spec.yaml",
        "--reference-models",
        "--executor",
        "local",
    ]

    assert main(asked) == 0
    first = capsys.readouterr().err
    assert main(asked) == 0
    second = capsys.readouterr().err

    assert "32 measurements of published models come first, about 5 min" in first
    assert "16 of 32 are known of this machine" in first
    # This stopwatch knows fp32 alone, so half of them are tried again.
    assert "16 measurements of published models come first, about 3 min" in second


class Comparer(Stopwatch):
    """Emulates nothing; published models and the user's own were timed on this machine."""

    def __init__(self):
        super().__init__()
        self.known = references()

    def reachable_devices(self):
        return ()

    def _outcome(self, jobs):
        own = timed("digits", 0.004, asked("mobilenet-v1-0.5-192"))
        profiles = tuple(own for job in jobs if job.devices == ("local",))
        return replace(super()._outcome(()), profiles=profiles)


@pytest.mark.parametrize("takes", [True, False])
def test_a_plan_that_takes_predictions_runs_an_own_model_where_none_was_ever_timed(
    project, monkeypatch, capsys, takes
):
    monkeypatch.setattr(measuring, "profiler", lambda *_, **__: Comparer())
    chosen = ["--set", f"policy.predict_unmeasured={str(takes).lower()}"]

    code = main(["recommend", "project/spec.yaml", "--no-simulate", "--json", *chosen])

    plan = json.loads(capsys.readouterr().out)
    assert code == (0 if takes else 1)
    if takes:
        (placed,) = plan["placements"]
        assert placed["device"] == "raspberry-pi-4"
        assert placed["provenance"] == "predicted"
        assert plan["certificate"]["checked"]
        (known,) = [e for e in plan["evidence"] if e["provenance"] == "predicted"]
        assert "on armnn, and on onnxruntime where it was timed" in known["source"]
