"""Kill -9 of the whole run while it profiles; run again: nothing twice, nothing lost."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from profilers.store import ProfileStore
from tests.support import profile_slowly
from tests.support.profiling import measured

NAMES = [f"slow-{n}" for n in range(5)]
# Longer than any of this takes on a busy machine; only a broken product waits so long.
PATIENCE_S = 120.0


def command(kind, directory, names):
    store = directory / "profiles.sqlite3"
    program = profile_slowly.__file__
    return [sys.executable, program, kind, str(store), str(directory), *names]


def until(condition):
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, "nothing happened"
        time.sleep(0.05)


def stored(directory):
    store = ProfileStore(directory / "profiles.sqlite3")
    return {row.model for row in store.listing()}


def last_process(directory):
    return int((directory / "log").read_text().split()[-1])


def is_alive(pid):
    status = Path(f"/proc/{pid}/status")
    try:
        return "State:\tZ" not in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["local", pytest.param("ray", marks=pytest.mark.ray)])
def test_a_killed_run_goes_on_where_it_was(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    names = ["assassin", *NAMES] if kind == "ray" else NAMES
    with (tmp_path / "stdout").open("w") as stdout:
        victim = subprocess.Popen(
            command(kind, tmp_path, names), stdout=stdout, stderr=subprocess.DEVNULL
        )
    until(lambda: len(stored(tmp_path)) >= 2)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    kept, started = stored(tmp_path), measured(tmp_path)
    measuring = last_process(tmp_path)

    until(lambda: not is_alive(measuring))
    # Figures of one machine are the same to both executors: the second run is local.
    second = subprocess.check_output(command("local", tmp_path, names), text=True)

    assert (tmp_path / "stdout").read_text() == "", "stdout is the document's"
    assert len(kept) < len(names), "it was killed too late to prove anything"
    again = measured(tmp_path)[len(started) :]
    assert sorted(again) == sorted(set(names) - kept)
    assert second.split() == [str(len(again)), str(len(kept)), str(len(names))]
    assert stored(tmp_path) == set(names)


def heed_interrupts():
    """Whoever runs the tests in the background may have had interrupts ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
def test_an_interrupted_run_leaves_no_process_behind(tmp_path):
    with subprocess.Popen(
        command("local", tmp_path, NAMES),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=heed_interrupts,  # noqa: PLW1509  # it takes no lock
    ) as interrupted:
        until((tmp_path / "log").exists)
        interrupted.send_signal(signal.SIGINT)
    measuring = last_process(tmp_path)

    until(lambda: not is_alive(measuring))
    assert interrupted.returncode != 0


MODEL = """
import torch
from torch import nn


def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def inputs():
    return torch.randn(64, 64, generator=torch.Generator().manual_seed(1))
"""
SPEC = """
kind: deployment
version: 1
name: quantized
models:
  - name: digits
    source: {kind: torch, factory: "model:build"}
    inputs: {factory: "model:inputs"}
    variants:
      precisions: [int8-static, int8-weight-only, int4]
      runtimes: [onnxruntime]
      sparsities: [{pattern: unstructured, share_frac: 0.5}]
workloads:
  - {name: w, model: digits, origin: shop, traffic: {kind: constant, rate_rps: 5},
     slo: {percentile: 95, latency_ms: 500}}
sites: [{kind: edge, name: shop, devices: [{device: raspberry-pi-4, stock: 1}]}]
"""


@pytest.mark.ray
@pytest.mark.long
@pytest.mark.slow
def test_quantized_and_pruned_variants_of_a_killed_run_are_not_measured_again(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PLANNER_HOME", str(tmp_path))
    (tmp_path / "model.py").write_text(MODEL, encoding="utf-8")
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    command = [sys.executable, "-m", "planner", "profile", str(tmp_path / "spec.yaml"), "--device", "local", "--no-server", "--json", "--executor"]  # fmt: skip
    store = ProfileStore(tmp_path / "profiles.sqlite3")

    def rows():
        return {row.what: row for row in store.listing()}

    victim = subprocess.Popen(
        [*command, "ray"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until(lambda: len(rows()) >= 2)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    kept = rows()
    second = json.loads(subprocess.check_output([*command, "ray"]))

    # Three precisions, dense and pruned.
    n_trials = 3 * 2
    assert len(kept) < n_trials, "it was killed too late to prove anything"
    assert second["n_measured"] + second["n_cached"] == n_trials
    assert second["n_cached"] >= len(kept)
    assert len(second["profiles"]) == n_trials
    assert {what: rows()[what] for what in kept} == kept
