"""`planner pareto`: a table, a drawing, and plans that can be used."""

import json
import xml.etree.ElementTree as ET

import pytest
import yaml

from planner.cli.app import main
from planner.plan import Plan, load_plan
from planner.specs.front import Front

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
            "traffic": {"kind": "constant", "rate_rps": 30},
            "slo": {"percentile": 95, "latency_ms": 400},
        }
    ],
    "sites": [
        {
            "kind": "edge",
            "name": "kiosk",
            "zone": "eu",
            "devices": [{"device": "raspberry-pi-4", "stock": 6, "capex_usd": 55}],
        }
    ],
}  # fmt: skip


@pytest.fixture(autouse=True)
def a_document(monkeypatch, tmp_path):
    monkeypatch.setenv("PLANNER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(SPEC), encoding="utf-8")


@pytest.mark.slow
def test_three_aims_give_a_table_a_drawing_and_a_plan_for_each_point(tmp_path, capsys):
    code = main(["pareto", "spec.yaml", "--objectives", "cost,latency,quality", "--out", "f"])  # fmt: skip

    told = capsys.readouterr().out
    front = Front.model_validate_json((tmp_path / "f" / "front.json").read_text())
    drawing = ET.fromstring((tmp_path / "f" / "front.svg").read_text())
    assert code == 0
    assert len(front.points) >= 3
    assert "Plans that no other beats" in told
    words = "".join(drawing.itertext())
    assert "cost, USD/month" in words
    assert "latency, ms" in words
    assert "http" not in (tmp_path / "f" / "front.html").read_text().replace(
        "http://www.w3.org/2000/svg", ""
    ).replace("http-equiv", "")
    for i, point in enumerate(front.points, start=1):
        plan = load_plan(tmp_path / "f" / f"plan-{i}")
        assert isinstance(plan, Plan)
        assert plan.document == point.plan
        assert plan.document.certificate.checked


@pytest.mark.slow
def test_json_prints_one_document_and_nothing_else(capsys):
    code = main(["pareto", "spec.yaml", "--json"])

    captured = capsys.readouterr()
    front = Front.model_validate_json(captured.out)
    assert code == 0
    assert captured.err == ""
    assert [o.value for o in front.objectives] == ["cost", "latency"]


def test_a_document_without_a_plan_exits_1(capsys):
    code = main(["pareto", "spec.yaml", "--json", "--set", "policy.budget_usd_per_month=0.1"])  # fmt: skip

    assert code == 1
    assert json.loads(capsys.readouterr().out)["points"] == []


@pytest.mark.parametrize(
    ("objectives", "word"),
    [("cost", "two or three"), ("cost,speed", "speed"), ("cost,cost", "different"), ("", "none")],
)  # fmt: skip
def test_objectives_that_span_nothing_exit_2(objectives, word, capsys):
    code = main(["pareto", "spec.yaml", "--objectives", objectives])

    captured = capsys.readouterr()
    assert code == 2
    assert word in captured.err
    assert "Traceback" not in captured.err
