"""Real Ray actors, two of them, one killed: every trial ends measured or failed."""

import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from planner.errors import DeviceUnavailableError
from profilers.running.events import KeepFailure
from profilers.running.schedule import Schedule
from profilers.running.session import drive
from profilers.store import ProfileStore
from profilers.trials import TrialKey
from tests.support import profile_slowly
from tests.support.profiling import (
    MEASURING,
    SUPPORT,
    VERSIONS,
    job,
    measured,
    profiling,
    trial,
)

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def test_no_cluster_at_the_address_is_one_clear_refusal(monkeypatch):
    import ray

    from profilers.running.actors import RayExecutor

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    executor = RayExecutor(address=f"127.0.0.1:{port}", versions=VERSIONS)

    with pytest.raises(DeviceUnavailableError, match="--executor local"):
        executor.environment()


@pytest.fixture
def executor(ray_runtime, monkeypatch):
    from profilers.running.actors import RayExecutor

    monkeypatch.syspath_prepend(SUPPORT)
    return RayExecutor(measuring=MEASURING, versions=VERSIONS, n_slots=2)


def test_every_trial_of_two_actors_ends_measured_or_failed_though_one_is_killed(
    executor, ray_runtime, tmp_path
):
    store = ProfileStore(tmp_path / "profiles.sqlite3")
    names = ("assassin", "steady-1", "crash", "refuse", "steady-2", "talks")
    jobs = [job(n, tmp_path) for n in names]
    answer = 42
    jobs.append(job("calls", tmp_path, factory=lambda: answer))

    outcome = profiling(store, executor).profile(jobs, on_progress=lambda _: None)

    assert {p.model for p in outcome.profiles} == {
        "assassin",
        "steady-1",
        "steady-2",
        "talks",
        "calls",
    }
    assert {f.model: f.reason for f in outcome.failures} == {
        "crash": "2 times: the process ended with exit code 7: terminate called",
        "refuse": "model:build: no such function",
    }
    assert sorted(measured(tmp_path)) == sorted([*names, "assassin", "crash", "calls"])
    assert len(store.listing()) == 7
    assert ray_runtime.is_initialized(), "a runtime that was there is left alone"


def test_a_hanging_trial_is_stopped_with_its_actor_and_the_others_go_on(
    executor, tmp_path
):
    trials = {n: trial(n, tmp_path) for n in ("hang", "steady-1", "steady-2")}
    trials["hang"] = replace(trials["hang"], timeout_s=1.0)
    kept = {}

    try:
        drive(
            Schedule(executor.open()),
            executor,
            trials,
            on_start=lambda _: None,
            on_kept=lambda order: kept.update({order.key: order}),
        )
    finally:
        executor.close()

    of_hang = next(
        line for line in (tmp_path / "log").read_text().splitlines() if "hang" in line
    )
    trials_process = Path(f"/proc/{of_hang.split()[-1]}")
    tries = iter(range(1000))
    while trials_process.exists() and next(tries, None) is not None:
        time.sleep(0.01)
    assert not trials_process.exists(), "it goes with its actor"
    assert kept["hang"] == KeepFailure(
        key="hang", reason="no answer within 1 s, so stopped"
    )
    assert set(kept) == set(trials)


def test_further_parts_of_a_curve_go_to_the_actor_and_the_process_of_the_first(
    executor, tmp_path
):
    keys = [TrialKey(f"curve-{n}") for n in range(2)]
    schedule = Schedule(executor.open())
    pids = []

    try:
        for order in (keys, keys[::-1]):
            kept = {}
            drive(
                schedule,
                executor,
                {k: replace(trial("meets", tmp_path), curve=k) for k in order},
                on_start=lambda _: None,
                on_kept=lambda o, kept=kept: kept.update({o.key: o.measurement}),
            )
            pids.append([kept[k].environment["pid"] for k in keys])
    finally:
        executor.close()

    assert pids[0] == pids[1]
    assert len(set(pids[0])) == 2


def test_a_cluster_at_an_address_measures_and_is_left_standing(ray_runtime, tmp_path):
    address = ray_runtime.get_runtime_context().gcs_address
    store = str(tmp_path / "profiles.sqlite3")
    program = [sys.executable, profile_slowly.__file__]

    said = subprocess.check_output(
        [*program, address, store, str(tmp_path), "steady", "refuse"], text=True
    )
    again = subprocess.check_output(
        [*program, "local", store, str(tmp_path), "steady", "refuse"], text=True
    )

    assert said == "2 0 1\n"
    assert again == "0 2 1\n", "both executors know the figures by the same key"
    assert ray_runtime.nodes()[0]["Alive"]
