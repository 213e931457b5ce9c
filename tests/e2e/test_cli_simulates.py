"""`planner simulate`: a plan replayed, told, written, and refused where it must be."""

import json
import subprocess
import sys

import numpy as np
import pytest

from planner.cli.app import main
from planner.specs.simulation import SimulationDocument

SPEC = """
kind: deployment
version: 1
name: kiosk
models: [{name: m, source: {kind: reference, name: mobilenet-v2-1.0-224}}]
workloads:
  - name: cameras
    model: m
    origin: kiosk
    traffic: {kind: constant, rate_rps: 10}
    payload: {request_kib: 40, response_kib: 1}
    slo: {percentile: 95, latency_ms: 150}
sites:
  - {kind: edge, name: kiosk, zone: eu, devices: [{device: raspberry-pi-4, stock: 2}], uplink: {rtt_ms: 30, bandwidth_mbps: 20, to: eu-central-1}}
  - {kind: cloud, provider: aws, regions: [eu-central-1]}
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plan")
    (folder / "spec.yaml").write_text(SPEC, encoding="utf-8")
    assert main(["recommend", str(folder / "spec.yaml"), "--out", str(folder)]) == 0
    return folder


@pytest.fixture(autouse=True)
def a_home_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("PLANNER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def written(tmp_path, rate_rps):
    at_s = np.cumsum(np.random.default_rng(1).exponential(1 / rate_rps, 5_000))
    lines = "\n".join(f"{t:.6f}" for t in at_s)
    file = tmp_path / "trace.csv"
    file.write_text(f"timestamp_s\n{lines}\n")
    return file


def test_json_prints_one_document_and_a_seed_repeats_it(plan, capsys):
    codes = [main(["simulate", str(plan), "--json", "--seed", "4"]) for _ in range(2)]

    out = capsys.readouterr().out
    first, second = out[: len(out) // 2], out[len(out) // 2 :]
    seen = SimulationDocument.model_validate_json(first)
    assert codes == [0, 0]
    assert first == second
    assert seen.seed == 4
    assert seen.workloads[0].is_kept
    assert seen.workloads[0].rate_rps == pytest.approx(10, rel=0.02)


def test_a_trace_is_replayed_fitted_and_written(plan, tmp_path, capsys):
    trace = written(tmp_path, 8.0)

    code = main(["simulate", str(plan), "--trace", str(trace), "--out", "seen"])

    told = capsys.readouterr().out
    seen = json.loads((tmp_path / "seen" / "simulation.json").read_text())
    assert code == 0
    assert "What users saw" in told
    assert "trace.csv" in told
    assert seen["n_requests"] == 5_000
    assert seen["fitted"][0]["traffic"]["rate_rps"] == pytest.approx(8, rel=0.05)
    assert (tmp_path / "seen" / "timeline.svg").read_text().startswith("<svg")


def test_more_traffic_than_the_plan_carries_breaks_the_promise_and_exits_1(
    plan, capsys
):
    code = main(["simulate", str(plan), "--scale", "40"])

    assert code == 1
    assert "not every promise is kept" in capsys.readouterr().out


def test_conditions_are_told(plan, capsys):
    options = ["--cautious", "--shape", "diurnal", "--outage", "kiosk:60-90"]

    main(["simulate", str(plan), *options])

    told = capsys.readouterr().out
    assert "a diurnal week" in told
    assert "90% bound" in told


def test_with_its_uplink_out_a_site_owes_what_it_was_asked_for(plan, capsys):
    code = main(["simulate", str(plan), "--fail-uplink", "kiosk"])

    told = capsys.readouterr().out
    assert code == 0
    assert (
        "The uplink of kiosk is out all the time: nothing is promised of cameras"
        in told
    )


def test_a_workload_that_rises_sends_as_much_more_as_it_may(plan, capsys, tmp_path):
    spec = SPEC + "policy: {demand_rises: {most_at_once: 1, rise_frac: 0.5}}\n"
    (tmp_path / "spec.yaml").write_text(spec, encoding="utf-8")
    assert main(["recommend", str(tmp_path / "spec.yaml"), "--out", "risen"]) == 0
    capsys.readouterr()

    code = main(["simulate", "risen", "--rise", "cameras", "--json"])

    seen = SimulationDocument.model_validate_json(capsys.readouterr().out)
    assert code == 0
    assert seen.workloads[0].rate_rps == pytest.approx(15, rel=0.02)
    assert any("cameras asks for 50% more" in line for line in seen.assumptions)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--trace", "nowhere.csv"], "no such file"),
        (["--outage", "kiosk:9-3"], "SITE:FROM-UNTIL"),
        (["--outage", "moon:1-2"], "no such site"),
        (["--fail-uplink", "moon"], "no such site"),
        (["--rise", "cameras"], "no such workload that may rise"),
    ],
)
def test_what_cannot_be_replayed_is_one_sentence_and_exit_2(
    plan, capsys, options, words
):
    code = main(["simulate", str(plan), *options])

    captured = capsys.readouterr()
    assert code == 2
    assert words in captured.err
    assert captured.out == ""


def test_verbs_that_simulate_nothing_do_not_load_the_compiler():
    program = "import sys, planner.cli.app; sys.exit('numba' in sys.modules)"

    found = subprocess.run([sys.executable, "-c", program], check=False)

    assert found.returncode == 0
