"""The Python API: a document or a live module in, a value that prints well out."""

import importlib
import sys

import pytest

import planner
from planner.errors import SpecError


def spec(tmp_path, latency_ms):
    file = tmp_path / "spec.yaml"
    file.write_text(
        "{kind: deployment, version: 1, name: api, models: [{name: m, source: {kind: "
        "reference, name: mobilenet-v2-1.0-224}}], workloads: [{name: w, model: m, "
        "origin: us-east-1, traffic: {kind: constant, rate_rps: 20}, slo: {latency_ms: "
        f"{latency_ms}}}}}], sites: [{{kind: cloud, provider: aws, regions: "
        "[us-east-1]}]}"
    )
    return file


def test_what_the_package_promises_is_there():
    assert sorted(planner.__all__) == dir(planner)
    for name in planner.__all__:
        assert getattr(planner, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        planner.nonsense  # noqa: B018


def test_a_plan_prints_writes_and_turns_into_plain_data(tmp_path):
    plan = planner.recommend(spec(tmp_path, latency_ms=100))

    assert isinstance(plan, planner.Plan)
    assert plan.placements[0].instance_type in str(plan)
    assert "<table" in plan._repr_html_()
    assert plan.to_dict()["cost"]["total_usd_per_month"] == plan.cost_usd_per_month
    written = plan.write(tmp_path / "out")
    assert {p.name for p in written} >= {"plan.json", "report.md", "report.html"}
    assert planner.load_plan(tmp_path / "out") == plan


def test_no_plan_is_a_value_with_reasons_and_ways_out(tmp_path):
    answer = planner.recommend(spec(tmp_path, latency_ms=1))

    assert isinstance(answer, planner.Infeasible)
    assert "w" in {r.subject for r in answer.reasons}
    assert "workloads.0.slo.latency_ms" in {
        c.field for r in answer.relaxations for c in r.change
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "either a spec or model"),
        ({"spec": "a", "model": object()}, "either a spec or model"),
        ({"model": object()}, "rate_rps"),
        ({"model": object(), "rate_rps": 1, "latency_p95_ms": 9}, "example_inputs"),
    ],
)
def test_arguments_that_do_not_belong_together_are_refused(arguments, words):
    with pytest.raises(SpecError, match=words):
        planner.recommend(**arguments)


@pytest.mark.long
def test_a_live_torch_module_is_profiled_and_placed(measuring_home):
    torch = importlib.import_module("torch")
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4))  # fmt: skip

    plan = planner.recommend(
        model=module,
        example_inputs=torch.randn(8, 16),
        rate_rps=20,
        latency_p95_ms=200,
        budget_usd_per_month=1000,
        regions=["us-east-1"],
    )

    assert isinstance(plan, planner.Plan), str(plan)
    assert plan.placements[0].provenance == "emulated"
    assert plan.cost_usd_per_month <= 1000


def test_the_bare_import_loads_nothing_heavy():
    heavy = {"numpy", "pulp", "torch", "ray", "boto3", "typer", "rich", "pydantic"}
    code = f"import sys, planner; print(sorted(set(sys.modules) & {heavy!r}))"

    done = importlib.import_module("subprocess").run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
