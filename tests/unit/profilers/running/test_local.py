"""Trials in processes of their own: each ends as it may, the others go on."""

import subprocess
import sys

import pytest

from planner.domain.servers import KEEPS_FREED_MEMORY
from profilers.running.events import KeepFailure, SlotName
from profilers.running.limits import Limits
from profilers.running.local import LocalExecutor
from profilers.running.schedule import Schedule
from profilers.running.session import drive
from profilers.trials import Envelope, Measurement, TrialKey
from tests.support.profiling import MEASURING, SUPPORT, VERSIONS, measured, trial


@pytest.fixture(autouse=True)
def _search_path(monkeypatch):
    monkeypatch.syspath_prepend(SUPPORT)


def outcomes(trials, *, n_slots=1, measuring=MEASURING, limits=None):
    """Reasons of failures and measurements, by model name."""
    executor = LocalExecutor(measuring=measuring, versions=VERSIONS, n_slots=n_slots)
    kept = {}

    def keep(order):
        failed = isinstance(order, KeepFailure)
        kept[order.key] = order.reason if failed else order.measurement

    schedule = Schedule(executor.open(), limits or Limits())
    wanted = {TrialKey(t.model.name): t for t in trials}
    try:
        drive(schedule, executor, wanted, on_start=lambda _: None, on_kept=keep)
    finally:
        executor.close()
    return kept


def test_a_trial_that_dies_is_tried_again_and_recorded_and_the_others_go_on(tmp_path):
    kept = outcomes([trial(n, tmp_path) for n in ("crash", "oom", "steady")])

    assert kept["crash"] == (
        "2 times: the process ended with exit code 7: terminate called"
    )
    assert "SIGKILL" in kept["oom"]
    assert isinstance(kept["steady"], Measurement)
    assert measured(tmp_path) == ["crash", "oom", "steady", "crash", "oom"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("refuse", "model:build: no such function"),
        ("raises", "RuntimeError: first line second line"),
        ("exits", "SystemExit: 5"),
    ],
)
def test_what_the_users_code_raises_is_the_reason_and_is_not_tried_again(
    tmp_path, name, reason
):
    assert outcomes([trial(name, tmp_path)]) == {name: reason}
    assert measured(tmp_path) == [name]


def test_a_trial_that_dies_once_is_measured_the_second_time(tmp_path):
    assert isinstance(outcomes([trial("flaky", tmp_path)])["flaky"], Measurement)


def test_a_trial_whose_warm_parent_is_killed_is_measured_by_the_next(tmp_path):
    kept = outcomes([trial("killer", tmp_path), trial("steady", tmp_path)])

    assert isinstance(kept["killer"], Measurement)
    assert isinstance(kept["steady"], Measurement)


def test_a_hanging_trial_is_stopped_and_the_others_go_on(tmp_path):
    kept = outcomes([trial("hang", tmp_path, timeout_s=0.5), trial("steady", tmp_path)])

    assert kept["hang"] == "no answer within 0.5 s, so stopped"
    assert isinstance(kept["steady"], Measurement)


def test_every_trial_has_a_process_of_its_own(tmp_path):
    kept = outcomes([trial("steady-1", tmp_path), trial("steady-2", tmp_path)])

    pids = {m.environment["pid"] for m in kept.values()}
    assert len(pids) == 2


def test_a_trial_is_measured_within_its_envelope_and_the_record_says_so(tmp_path):
    room = Envelope(memory_bytes=512 * 1024**2)

    kept = outcomes([trial("greedy", tmp_path, envelope=room)])

    assert kept["greedy"].startswith("out of memory")
    assert "; it held up to " in kept["greedy"]


def test_a_trials_process_keeps_the_memory_that_a_model_freed(tmp_path):
    kept = outcomes([trial("environment", tmp_path)])

    found = kept["environment"].environment
    assert KEEPS_FREED_MEMORY.items() <= found.items()


def test_a_live_model_of_the_users_own_script_crosses_to_the_trial(tmp_path):
    answer = 42

    kept = outcomes([trial("calls", tmp_path, factory=lambda: answer)])

    assert isinstance(kept["calls"], Measurement)


def test_what_a_trial_prints_never_reaches_stdout(tmp_path, capfd):
    outcomes([trial("talks", tmp_path)])

    assert capfd.readouterr().out == ""


def test_a_measuring_function_that_cannot_be_imported_fails_every_trial_with_the_reason(
    tmp_path,
):
    measuring = type(MEASURING)(function="no_such_module:measure", preload=())

    kept = outcomes([trial("steady", tmp_path)], measuring=measuring)

    assert kept["steady"].startswith("no worker is left to measure")
    assert "No module named 'no_such_module'" in kept["steady"]


def test_two_slots_share_the_work_without_doing_any_of_it_twice(tmp_path):
    names = [f"steady-{n}" for n in range(6)]

    kept = outcomes([trial(n, tmp_path) for n in names], n_slots=2)

    assert set(kept) == set(names)
    assert sorted(measured(tmp_path)) == names


def test_there_are_as_many_slots_as_asked_for():
    assert LocalExecutor(n_slots=2).open() == (SlotName("local-0"), SlotName("local-1"))


def test_nothing_heavy_is_imported_by_the_driver():
    code = (
        "import sys, profilers.profiler, profilers.running.local;"
        "print({'torch', 'ray', 'onnxruntime'} & set(sys.modules))"
    )

    imported = subprocess.check_output([sys.executable, "-c", code], text=True)

    assert imported == "set()\n"
