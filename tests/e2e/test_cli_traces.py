"""A trace in a document, from `check` to a plan that was tried on its own stamps."""

import hashlib
import json

import numpy as np
import pytest

from planner.cli.app import main

SPEC = """
kind: deployment
version: 1
name: kiosk
models: [{name: m, source: {kind: reference, name: mobilenet-v2-1.0-224}, license: Apache-2.0}]
workloads:
  - name: cameras
    model: m
    origin: kiosk
    traffic: {kind: trace, file: logs/arrivals.csv, stands_for: day, other_hours_ratio: 0.1}
    payload: {response_kib: 1}
    slo: {percentile: 95, latency_ms: 150}
sites:
  - {kind: edge, name: kiosk, zone: eu, devices: [{device: raspberry-pi-4, stock: 20}], uplink: {rtt_ms: 30, jitter_ms: 4, bandwidth_mbps: 100, to: eu-central-1}}
"""
STARTS_S = 1_795_528_800  # 2026-11-24T14:00:00Z


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Half an hour in which every fifth minute is ten times as busy as the others."""
    folder = tmp_path_factory.mktemp("traced")
    rng = np.random.default_rng(1)
    minutes = [rng.random(rng.poisson(2400 if m % 5 == 0 else 240)) for m in range(30)]
    at_s = np.concatenate([60 * m + 60 * part for m, part in enumerate(minutes)])
    sizes = rng.lognormal(3, 1, at_s.size)
    rows = [f"{STARTS_S + t},{s}" for t, s in zip(at_s, sizes, strict=True)]
    (folder / "logs").mkdir()
    text = "\n".join(["timestamp_s,request_kib", *rows])
    (folder / "logs" / "arrivals.csv").write_text(text)
    (folder / "spec.yaml").write_text(SPEC)
    return folder


@pytest.fixture(scope="module")
def plan(folder):
    assert main(["recommend", str(folder / "spec.yaml"), "--out", str(folder)]) == 0
    return json.loads((folder / "plan.json").read_text())


@pytest.fixture(autouse=True)
def a_home_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("PLANNER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_a_bursty_trace_buys_more_than_its_rates_do(plan):
    first, *_, last = plan["simulation"]["rounds"]

    assert plan["simulation"]["holds"]
    assert "trace arrivals.csv" in plan["simulation"]["traffic"]
    assert first["workloads"][0]["attainment_frac"] < 0.95
    assert last["workloads"][0]["attainment_frac"] >= 0.95
    assert plan["simulation"]["price_usd_per_month"] > 0


@pytest.mark.slow
def test_the_plan_carries_what_it_was_made_from(folder, plan):
    content = (folder / "logs" / "arrivals.csv").read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()

    traffic = plan["spec"]["workloads"][0]["traffic"]
    (evidence,) = (e for e in plan["evidence"] if e["what"] == "traffic of cameras")
    warnings = " ".join(plan["warnings"])
    assert traffic["seen"]["sha256"] == sha256
    assert sha256 in evidence["source"]
    assert evidence["as_of"] == "2026-11-24"
    assert "covers 1 of 24 hours" in warnings
    assert "request_kib of its trace vary" in warnings
    assert "varies by 4 ms" in warnings
    # Two hours of every day: 14 to 15 as the trace has it, the others a tenth of it.
    hours = {b["name"]: b["h_per_month"] for b in plan["blocks"]}
    assert hours["14–15"] == pytest.approx(730 / 24)
    low, high = sorted(plan["placements"][0]["rates_rps"])
    assert low == pytest.approx(high / 10, rel=0.01)


@pytest.mark.slow
def test_a_plan_replays_its_trace_where_that_is_and_its_fit_elsewhere(
    folder, plan, capsys
):
    here = ["simulate", str(folder), "--cautious", "--json"]

    assert main([*here, "--spec-dir", str(folder)]) == 0
    own = json.loads(capsys.readouterr().out)
    main(here)
    elsewhere = json.loads(capsys.readouterr().out)

    assert own["traffic"] == "cameras: trace arrivals.csv"
    assert (
        own["n_requests"]
        == plan["spec"]["workloads"][0]["traffic"]["seen"]["n_requests"]
    )
    assert "bursts, dispersion" in elsewhere["traffic"]


@pytest.mark.slow
def test_a_trace_that_changed_since_is_not_taken_for_the_plans(
    folder, plan, tmp_path, capsys
):
    (tmp_path / "logs").mkdir()
    changed = (folder / "logs" / "arrivals.csv").read_text() + f"\n{STARTS_S},1"
    (tmp_path / "logs" / "arrivals.csv").write_text(changed)

    assert main(["simulate", str(folder), "--spec-dir", str(tmp_path)]) == 2
    assert "not the file that was read before" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arrivals", "says"),
    [
        (
            "timestamp_s\n1\n2\n=1+1\n",
            "arrivals.csv:4: line 4: '=1+1' is not a request",
        ),
        ("when\n1\n", "no column timestamp_s"),
        ("timestamp_s\n1\n2\n3\n", "its clock has no date"),
        (None, "logs/arrivals.csv: no such file"),
    ],
)
def test_check_refuses_a_trace_with_its_place(tmp_path, capsys, arrivals, says):
    (tmp_path / "spec.yaml").write_text(SPEC)
    (tmp_path / "logs").mkdir()
    if arrivals is not None:
        (tmp_path / "logs" / "arrivals.csv").write_text(arrivals)

    assert main(["check", "spec.yaml"]) == 2

    told = capsys.readouterr().err
    assert "workloads.0.traffic" in told
    assert says in told


@pytest.mark.parametrize("kind", ["diurnal", "weekly", "bursty", "launch"])
def test_ready_shapes_are_checked_like_any_other_traffic(tmp_path, capsys, kind):
    shaped = SPEC.replace(
        "{kind: trace, file: logs/arrivals.csv, stands_for: day, other_hours_ratio: 0.1}",
        f"{{kind: {kind}, rate_rps: 5}}",
    )
    (tmp_path / "spec.yaml").write_text(shaped)

    assert main(["check", "spec.yaml"]) == 0
    assert main(["check", "spec.yaml", "--set", "workloads.0.traffic.rate_rps=-1"]) == 2
    assert "workloads.0.traffic.rate_rps" in capsys.readouterr().err
