"""The main job from published profiles: plan, report, manifests; fast and light."""

import json
import subprocess
import sys

import pytest
import yaml

from planner.cli.app import main
from planner.specs.plan import PlanDocument

SPEC = """
kind: deployment
version: 1
name: kiosk-商店
models: [{name: m, source: {kind: reference, name: mobilenet-v2-1.0-224}, license: Apache-2.0}]
workloads:
  - name: cameras
    model: m
    origin: kiosk
    traffic: {kind: constant, rate_rps: 10}
    payload: {request_kib: 40, response_kib: 1}
    slo: {percentile: 95, latency_ms: 150}
    quality: {metric: top1_accuracy, minimum_frac: 0.7}
sites:
  - {kind: edge, name: kiosk, zone: eu, devices: [{device: raspberry-pi-4, stock: 2}], uplink: {rtt_ms: 30, bandwidth_mbps: 20, to: eu-central-1}}
  - {kind: cloud, provider: aws, regions: [eu-central-1], purchase: [on_demand, spot]}
policy: {budget_usd_per_month: 300}
"""


@pytest.fixture
def spec(tmp_path):
    file = tmp_path / "spec.yaml"
    file.write_text(SPEC, encoding="utf-8")
    return file


def test_json_prints_one_certified_plan_and_nothing_else(spec, capsys):
    code = main(["recommend", str(spec), "--json"])

    captured = capsys.readouterr()
    plan = PlanDocument.model_validate_json(captured.out)
    assert code == 0
    assert captured.err == ""
    assert plan.certificate is not None
    assert plan.certificate.checked
    assert plan.cost.total_usd_per_month <= 300


def test_the_files_are_written_and_say_the_same(spec, tmp_path, capsys):
    code = main(["recommend", str(spec), "--out", "answer"])

    told = capsys.readouterr().out
    plan = json.loads((tmp_path / "answer" / "plan.json").read_text())
    report = (tmp_path / "answer" / "report.md").read_text()
    assert code == 0
    assert "cameras" in told
    for placement in plan["placements"]:
        assert placement["instance_type"] in report
    assert list((tmp_path / "answer" / "manifests").rglob("*.yaml"))


def test_an_unsatisfiable_document_exits_1_and_its_relaxations_solve(spec, capsys):
    spec.write_text(SPEC.replace("latency_ms: 150", "latency_ms: 12"))

    code = main(["recommend", str(spec), "--json"])

    answer = json.loads(capsys.readouterr().out)
    assert code == 1
    assert answer["status"] == "infeasible"
    assert answer["reasons"]
    assert answer["relaxations"]
    for relaxation in answer["relaxations"]:
        sets = [
            f"--set={c['field']}={json.dumps(c['to'])}" for c in relaxation["change"]
        ]
        assert main(["recommend", str(spec), "--json", *sets]) == 0
        plan = json.loads(capsys.readouterr().out)
        assert plan["cost"]["total_usd_per_month"] == pytest.approx(
            relaxation["cost_usd_per_month"], rel=1e-6
        )


def test_manifests_are_written_again_from_the_plan_alone(spec, tmp_path, capsys):
    main(["recommend", str(spec), "--out", "answer"])

    code = main(["manifests", "answer", "--target", "compose", "--out", "again"])

    first = sorted((tmp_path / "answer" / "manifests").rglob("compose.yaml"))
    again = sorted((tmp_path / "again").rglob("compose.yaml"))
    assert code == 0
    assert [yaml.safe_load(f.read_text()) for f in first] == [
        yaml.safe_load(f.read_text()) for f in again
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "heavy"),
    [
        (["--no-simulate"], {"torch", "ray", "boto3", "botocore", "onnxruntime", "numba", "scipy", "pandas"}),
        ([], {"torch", "ray", "boto3", "botocore", "onnxruntime", "pandas"}),
    ],
)  # fmt: skip
def test_known_profiles_need_no_heavy_package(spec, options, heavy):
    script = (
        "import sys\n"
        "from planner.cli.app import main\n"
        f"code = main(['recommend', {str(spec)!r}, '--json', *{options!r}])\n"
        f"print('heavy:', sorted({heavy!r} & set(sys.modules)), file=sys.stderr)\n"
        "sys.exit(code)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "heavy: []" in done.stderr
