"""A trace in a document, from `check` to a plan that was tried on its own stamps."""

import hashlib
import json
import shutil

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
    assert "then the other 23 of 24 hours of the day" in plan["simulation"]["traffic"]
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
    folder, plan, tmp_path, capsys
):
    away = tmp_path / "far" / "away"
    away.mkdir(parents=True)
    shutil.copy(folder / "plan.json", away)
    there = ["simulate", str(away), "--cautious", "--json"]

    assert main(["simulate", str(folder), "--cautious", "--json"]) == 0
    own = json.loads(capsys.readouterr().out)
    assert main([*there, "--spec-dir", str(folder)]) == 0
    named = json.loads(capsys.readouterr().out)
    main(there)
    elsewhere = json.loads(capsys.readouterr().out)

    assert own["traffic"] == "cameras: trace arrivals.csv"
    assert named["traffic"] == own["traffic"]
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


TWO = """
kind: deployment
version: 1
name: kiosks
models: [{name: m, source: {kind: reference, name: mobilenet-v2-1.0-224}, license: Apache-2.0}]
workloads:
  - name: cameras
    model: m
    origin: kiosk
    traffic: {kind: trace, file: CAMERAS, stands_for: day, other_hours_ratio: 0.5}
    payload: {request_kib: 20, response_kib: 1}
    slo: {percentile: 95, latency_ms: 150}
  - name: doors
    model: m
    origin: kiosk
    traffic: {kind: trace, file: DOORS, stands_for: day, other_hours_ratio: 0.5}
    payload: {request_kib: 20, response_kib: 1}
    slo: {percentile: 95, latency_ms: 200}
sites:
  - {kind: edge, name: kiosk, zone: eu, devices: [{device: raspberry-pi-4, stock: 20}], uplink: {rtt_ms: 30, jitter_ms: 4, bandwidth_mbps: 100, to: eu-central-1}}
"""


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two workloads, 40 minutes from 14:00 on: together in one file, and in two files."""
    folder = tmp_path_factory.mktemp("two")
    rng = np.random.default_rng(2)
    stamps = {
        "cameras": np.sort(rng.random(4800)) * 2400,
        # Nobody comes in before a quarter past.
        "doors": 900 + np.sort(rng.random(1200)) * 1500,
    }
    rows = [(t, name) for name, at_s in stamps.items() for t in at_s]
    lines = [f"{STARTS_S + t},{name}" for t, name in sorted(rows)]
    (folder / "all.csv").write_text("\n".join(["timestamp_s,workload", *lines]))
    for name, at_s in stamps.items():
        own = [f"{STARTS_S + t}" for t in at_s]
        (folder / f"{name}.csv").write_text("\n".join(["timestamp_s", *own]))
    write_two(folder / "shared.yaml", "all.csv", "all.csv")
    write_two(folder / "apart.yaml", "cameras.csv", "doors.csv")
    return folder


def write_two(file, cameras, doors):
    file.write_text(TWO.replace("CAMERAS", cameras).replace("DOORS", doors))


@pytest.fixture(scope="module")
def plans_at(tmp_path_factory):
    """A folder that none of the documents or their traces is in or above."""
    return tmp_path_factory.mktemp("elsewhere") / "plans"


@pytest.fixture(scope="module")
def plans(two, plans_at):
    """The plan of one file for both, and that of a file for each."""
    found = {}
    for name in ("shared", "apart"):
        out = plans_at / name
        assert main(["recommend", str(two / f"{name}.yaml"), "--out", str(out)]) == 0
        found[name] = json.loads((out / "plan.json").read_text())
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["shared", "apart"])
def test_each_workload_is_planned_for_and_tried_on_its_own_requests(plans, name):
    plan = plans[name]

    seen = {
        w["name"]: w["traffic"]["seen"]["n_requests"] for w in plan["spec"]["workloads"]
    }
    tried = {
        w["workload"]: w["n_requests"]
        for w in plan["simulation"]["rounds"][-1]["workloads"][:2]
    }
    rates = {w["name"]: w["rate_rps"] for w in plan["workloads"]}
    assert plan["simulation"]["holds"]
    assert seen == {"cameras": 4800, "doors": 1200}
    assert tried["cameras"] == 4800
    assert rates["cameras"] == pytest.approx(2.0, rel=0.01)
    # A file of its own says nothing of the quarter of an hour before.
    expected = {"shared": 0.5, "apart": 0.8}[name]
    assert rates["doors"] == pytest.approx(expected, rel=0.01)


@pytest.mark.slow
def test_one_file_or_one_each_replay_the_same_requests(two, plans, plans_at, capsys):
    here = ["simulate", str(plans_at / "apart"), "--json"]
    each = [f"--trace={name}={two / name}.csv" for name in ("cameras", "doors")]

    assert main([*here, "--trace", str(two / "all.csv")]) == 0
    together = json.loads(capsys.readouterr().out)
    assert main([*here, *each]) == 0
    apart = json.loads(capsys.readouterr().out)
    assert main([*here, f"--trace=doors={two / 'all.csv'}"]) == 0
    one = json.loads(capsys.readouterr().out)

    sent = {w["name"]: w["n_requests"] for w in together["workloads"]}
    assert sent == {"cameras": 4800, "doors": 1200}
    assert "cameras: trace all.csv; doors: trace all.csv" in together["traffic"]
    assert [f["workload"] for f in together["fitted"]] == ["cameras", "doors"]
    of_cameras = [w for w in apart["workloads"] if w["name"] == "cameras"]
    assert of_cameras[0]["n_requests"] >= 4800
    assert "cameras: bursts" in one["traffic"] or "cameras: Poisson" in one["traffic"]
    assert "doors: trace all.csv" in one["traffic"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "given", "says"),
    [
        ("timestamp_s\n1\n2\n", "{}", "does not tell them apart"),
        (
            "timestamp_s,workload\n1,cameras\n2,cameras\n",
            "{}",
            "no requests of doors are given",
        ),
        (
            "timestamp_s,workload\n1,cameras\n2,cellar\n",
            "{}",
            "the plan has no workload cellar; it has: cameras, doors",
        ),
        (
            "timestamp_s,workload\n1,cellar\n2,cellar\n",
            "doors={}",
            "no requests of 'doors' in its column workload, which names: 'cellar'",
        ),
        ("timestamp_s\n1\n2\n", "cellar={}", "the plan has no workload cellar"),
    ],
    ids=["apart", "missing", "unknown", "unknown to the file", "unknown to the plan"],
)
def test_traces_that_do_not_fit_the_workloads_are_refused(
    plans, plans_at, tmp_path, capsys, content, given, says
):
    (tmp_path / "t.csv").write_text(content)

    code = main(["simulate", str(plans_at / "apart"), "--trace", given.format("t.csv")])

    captured = capsys.readouterr()
    assert code == 2
    assert says in " ".join(captured.err.split())
    assert captured.out == ""


def test_check_names_the_workload_that_a_shared_file_has_not(two, tmp_path, capsys):
    write_two(tmp_path / "spec.yaml", "t.csv", "t.csv")
    text = (two / "all.csv").read_text().replace("doors", "gates")
    (tmp_path / "t.csv").write_text(text)

    assert main(["check", "spec.yaml"]) == 2

    told = " ".join(capsys.readouterr().err.split())
    assert "workloads.1.traffic.file: " in told
    assert "no requests of 'doors'" in told
    assert "names: 'cameras', 'gates'" in told
