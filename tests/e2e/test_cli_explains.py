"""`planner explain`: from the plan alone, in words or as one document."""

import json

import pytest
import yaml

from planner.cli.app import main
from planner.specs.explanation import Explanation

SPEC = {
    "kind": "deployment",
    "version": 1,
    "name": "kiosk",
    "models": [{"name": "m", "source": {"kind": "reference", "name": "mobilenet-v2-1.0-224"}}],
    "workloads": [
        {
            "name": "cameras",
            "model": "m",
            "origin": "kiosk",
            "traffic": {"kind": "constant", "rate_rps": 10},
            "slo": {"percentile": 95, "latency_ms": 150},
        }
    ],
    "sites": [
        {
            "kind": "edge",
            "name": "kiosk",
            "zone": "eu",
            "devices": [{"device": "raspberry-pi-4", "stock": 4, "capex_usd": 55}],
        }
    ],
    "policy": {"budget_usd_per_month": 50},
}  # fmt: skip


@pytest.fixture(autouse=True)
def a_home_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("PLANNER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def plan(tmp_path, capsys):
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(SPEC), encoding="utf-8")
    assert main(["recommend", "spec.yaml", "--out", "answer"]) == 0
    capsys.readouterr()
    return "answer"


@pytest.mark.slow
def test_a_folder_is_explained_in_words(plan, capsys):
    code = main(["explain", plan])

    told = capsys.readouterr().out
    assert code == 0
    for words in ("What binds", "Where the answer flips", "raspberry-pi-4", "budget"):
        assert words in told


@pytest.mark.slow
def test_json_prints_one_document_that_agrees_with_the_plan(plan, capsys):
    code = main(["explain", f"{plan}/plan.json", "--json"])

    captured = capsys.readouterr()
    told = Explanation.model_validate_json(captured.out)
    with open(f"{plan}/plan.json", encoding="utf-8") as file:  # noqa: PTH123
        made = json.load(file)
    assert code == 0
    assert captured.err == ""
    assert told.spec_sha256 == made["spec_sha256"]
    assert told.cost_usd_per_month == pytest.approx(made["cost"]["total_usd_per_month"])
    assert told.worth
    assert told.flips


def test_a_search_without_time_still_answers(plan, capsys):
    code = main(["explain", plan, "--json", "--search-time", "1"])

    assert code == 0
    assert Explanation.model_validate_json(capsys.readouterr().out).notes


def test_a_plan_without_its_document_exits_2_with_the_way_out(plan, tmp_path, capsys):
    made = json.loads((tmp_path / plan / "plan.json").read_text())
    made["spec"] = None
    (tmp_path / "old.json").write_text(json.dumps(made))

    code = main(["explain", "old.json"])

    assert code == 2
    assert "planner recommend again" in capsys.readouterr().err


def test_an_infeasible_answer_has_nothing_to_explain(tmp_path, capsys):
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(SPEC), encoding="utf-8")
    assert main(["recommend", "spec.yaml", "--json", "--set", "policy.budget_usd_per_month=0.1"]) == 1  # fmt: skip
    (tmp_path / "no.json").write_text(capsys.readouterr().out)

    code = main(["explain", "no.json"])

    assert code == 2
    assert "infeasible" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["none.json", "."])
def test_what_is_no_plan_exits_2_without_a_traceback(name, capsys):
    code = main(["explain", name])

    captured = capsys.readouterr()
    assert code == 2
    assert captured.err.strip()
    assert "Traceback" not in captured.err + captured.out


def test_a_plan_whose_spec_was_tampered_with_names_the_mistake(plan, tmp_path, capsys):
    made = json.loads((tmp_path / plan / "plan.json").read_text())
    made["spec"]["workloads"][0]["slo"]["latency_ms"] = -1
    (tmp_path / "bad.json").write_text(json.dumps(made))

    code = main(["explain", "bad.json"])

    assert code == 2
    assert "workloads.0.slo.latency_ms" in capsys.readouterr().err


def test_what_if_changes_the_document_before_it_is_answered(plan, capsys):
    sets = [
        "--set=workloads.0.traffic.rate_rps=60",
        "--set=policy.budget_usd_per_month=null",
        "--set=workloads.0.residency=[eu, us]",
    ]

    code = main(["recommend", "spec.yaml", "--json", *sets])

    made = json.loads(capsys.readouterr().out)
    assert code == 0
    assert made["workloads"][0]["rate_rps"] == 60
    assert made["policy"]["budget_usd_per_month"] is None
    assert made["spec"]["workloads"][0]["residency"] == ["eu", "us"]
