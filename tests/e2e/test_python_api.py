"""The Python API: a document or a live module in, a value that prints well out."""

import importlib
import sys

import pytest

import planner
from planner.errors import SpecError, UnknownReferenceError
from tests.support.questions import document as shop


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
        (
            {
                "model": "net.onnx",
                "rate_rps": 1,
                "latency_p95_ms": 9,
                "example_inputs": 1,
            },
            "a torch module, not str",
        ),
    ],
)
def test_arguments_that_do_not_belong_together_are_refused(arguments, words):
    with pytest.raises(SpecError, match=words):
        planner.recommend(**arguments)


# One of two boards is out only because of how wide its published times' band is.
BOARDS = {
    "models__0__source__name": "retinanet-800",
    "workloads__0__traffic__rate_rps": 20,
    "workloads__0__slo": {"percentile": 99, "latency_ms": 100},
    "workloads__0__quality": {"metric": "openimages_map", "minimum_frac": 0.37},
    "sites__0__devices": [
        {"device": "jetson-agx-orin", "stock": 4, "capex_usd": 2000},
        {"device": "jetson-orin-nx-16gb", "stock": 8, "capex_usd": 700},
    ],
    "policy__budget_usd_per_month": 2500,
}


def test_a_profile_budget_weighs_what_could_be_measured():
    spec = shop(**BOARDS)

    plain = planner.recommend(spec, simulate=False)
    plan = planner.recommend(
        spec, simulate=False, profile_budget_usd=5, profile_months=2
    )

    assert plain.document.measuring is None
    study = plan.document.measuring
    assert (study.budget_usd, study.within_months) == (5, 2)
    assert [m.device for m in study.measurements] == ["jetson-orin-nx-16gb"]


def test_without_a_plan_a_profile_budget_says_what_could_lead_to_one():
    answer = planner.recommend(
        shop(workloads__0__slo__latency_ms=31), simulate=False, profile_budget_usd=5
    )

    assert isinstance(answer, planner.Infeasible)
    (way,) = answer.document.fitting.ways
    assert 0 < way.probability_frac < 1
    assert "probability of a plan" in str(answer)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"as_device": "raspberry-pi-4"}, SpecError, "goes with --profile-budget-usd"),
        ({"profile_budget_usd": -1}, SpecError, "no less than 0 USD"),
        ({"profile_months": 2}, SpecError, "goes with --profile-budget-usd"),
        ({"profile_budget_usd": 5, "profile_months": 0}, SpecError, "more than 0 months"),
        ({"profile_budget_usd": 5, "as_device": "abacus"}, UnknownReferenceError, "abacus"),
    ],
)  # fmt: skip
def test_a_study_that_cannot_be_is_refused(tmp_path, arguments, error, words):
    with pytest.raises(error, match=words):
        planner.recommend(spec(tmp_path, latency_ms=100), **arguments)


@pytest.mark.long
def test_a_live_torch_module_is_timed_no_farther_than_the_plan_hangs_on(measuring_home):
    torch = importlib.import_module("torch")
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4))  # fmt: skip
    about = {"model": module, "example_inputs": torch.randn(8, 16), "latency_p95_ms": 200, "simulate": False}  # fmt: skip

    little = planner.recommend(rate_rps=20, fewer_points=True, **about)

    points = little.document.points
    assert points.n_timed == points.n_curves < points.n_grid
    assert "could not change the answer" in str(little)


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
