"""Processes that wait for the next part of their curve: one variant each, and few."""

import os
import pickle
import signal
import time
from contextlib import closing
from dataclasses import replace
from multiprocessing.connection import Pipe
from pathlib import Path

import psutil
import pytest

from profilers.running import warm
from profilers.running.events import KeepFailure, SlotName
from profilers.running.limits import Limits
from profilers.running.local import LocalExecutor
from profilers.running.process import Refusal, WarmProcess, packed, search_path
from profilers.running.schedule import Schedule
from profilers.running.session import drive
from profilers.running.warm import Begun, Held
from profilers.trials import Measurement, TrialKey
from tests.support.profiling import MEASURING, SUPPORT, VERSIONS, measured, trial

CURVE, OTHER = TrialKey("curve"), TrialKey("other")


@pytest.fixture
def lots(request, tmp_path, monkeypatch):
    """Measures one lot of (name, curve) after the other; what each gave, in order."""
    monkeypatch.syspath_prepend(SUPPORT)
    executor = LocalExecutor(measuring=MEASURING, versions=VERSIONS)
    limits = getattr(request, "param", Limits())
    schedule = Schedule(executor.open(), limits)

    def measure(*asked):
        kept = {}
        trials = {
            TrialKey(f"{name} {n}"): replace(trial(name, tmp_path), curve=curve)
            for n, (name, curve) in enumerate(asked)
        }

        def keep(order):
            is_failure = isinstance(order, KeepFailure)
            kept[order.key] = order.reason if is_failure else order.measurement

        drive(schedule, executor, trials, on_start=lambda _: None, on_kept=keep)
        return [kept[key] for key in trials]

    with closing(executor):
        yield measure


def pid_of(measurement):
    assert isinstance(measurement, Measurement), measurement
    return int(measurement.environment["pid"])


def is_alive(pid):
    return Path(f"/proc/{pid}").exists()


def test_a_further_part_is_measured_by_the_process_of_the_first(lots):
    (first, other) = map(pid_of, lots(("steady", CURVE), ("steady", OTHER)))

    (second,) = map(pid_of, lots(("steady", CURVE)))

    assert second == first
    assert other != first
    assert is_alive(other)


def test_what_tells_no_part_of_a_curve_or_cannot_go_on_ends_at_once(lots):
    alone, closed = map(pid_of, lots(("steady", None), ("closed", CURVE)))

    assert not is_alive(alone)
    assert not is_alive(closed)
    assert pid_of(*lots(("closed", CURVE))) != closed


@pytest.mark.parametrize("failing", ["refuse", "crash", "oom"])
def test_a_part_that_fails_leaves_nothing_behind_for_the_next(lots, failing, tmp_path):
    first = pid_of(*lots(("steady", CURVE)))

    (reason,) = lots((failing, CURVE))
    third = pid_of(*lots(("steady", CURVE)))

    assert isinstance(reason, str)
    assert not is_alive(first)
    assert third != first
    assert measured(tmp_path)[0] == measured(tmp_path)[-1] == "steady"


@pytest.mark.parametrize("lots", [Limits(max_attempts=1)], indirect=True)
def test_a_process_that_is_killed_while_it_waits_is_replaced_at_once(lots):
    first = pid_of(*lots(("steady", CURVE)))
    os.kill(first, signal.SIGKILL)
    while psutil.Process(first).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)

    assert pid_of(*lots(("steady", CURVE))) != first


def test_a_warm_child_that_is_killed_while_it_waits_is_replaced(lots):
    first = pid_of(*lots(("steady", CURVE)))
    parent = int(Path(f"/proc/{first}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(parent, signal.SIGKILL)

    assert pid_of(*lots(("steady", CURVE))) != first


def test_a_trial_dies_with_the_warm_child_whoever_killed_that(tmp_path):
    worker = WarmProcess(MEASURING, search_path=[SUPPORT, *search_path()])
    log = tmp_path / "log"
    worker.receive()
    worker.run(packed(trial("hang", tmp_path)))
    while not log.exists() or not log.read_text().endswith("\n"):
        time.sleep(0.01)
    pid = int(log.read_text().split()[-1])

    os.kill(psutil.Process(pid).ppid(), signal.SIGKILL)

    tries = iter(range(1000))
    while is_alive(pid) and next(tries, None) is not None:
        time.sleep(0.01)
    assert not is_alive(pid)
    worker.obituary()


def test_what_waits_ends_with_the_executor(lots, tmp_path):
    executor = LocalExecutor(measuring=MEASURING, versions=VERSIONS)
    asked = {TrialKey("k"): replace(trial("steady", tmp_path), curve=CURVE)}
    pids = []

    with closing(executor):
        drive(
            Schedule((SlotName("local-0"),), Limits()),
            executor,
            asked,
            on_start=lambda _: None,
            on_kept=lambda order: pids.append(pid_of(order.measurement)),
        )
        assert is_alive(*pids)

    assert not is_alive(*pids)


@pytest.mark.parametrize("last", ["steady", "refuse", "oom", "killer"])
@pytest.mark.parametrize("lots", [Limits(max_attempts=1)], indirect=True)
def test_no_directory_is_left_however_a_trial_ends(lots, last, tmp_path, monkeypatch):
    everywhere = tmp_path / "temporary"
    everywhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(everywhere))

    lots(("steady", CURVE))
    written = list(everywhere.glob("*/*/written"))
    lots((last, CURVE))
    left = list(everywhere.glob("*/*/written"))

    assert len(written) == 1
    assert left == (written if last == "steady" else [])


def test_no_directory_is_left_when_the_workers_end(tmp_path, monkeypatch):
    everywhere = tmp_path / "temporary"
    everywhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(everywhere))
    monkeypatch.syspath_prepend(SUPPORT)
    executor = LocalExecutor(measuring=MEASURING, versions=VERSIONS)
    asked = {TrialKey("k"): replace(trial("steady", tmp_path), curve=CURVE)}

    with closing(executor):
        drive(
            Schedule(executor.open(), Limits()),
            executor,
            asked,
            on_start=lambda _: None,
            on_kept=lambda _: None,
        )
        assert list(everywhere.glob("*/*/written"))

    assert list(everywhere.iterdir()) == []


def test_what_is_the_same_for_all_is_done_once(lots):
    first, second = lots(("inherits", None), ("inherits", None))

    assert (first.environment["known"], second.environment["known"]) == ("0", "1")
    assert first.memory_bytes == second.memory_bytes > 1e6
    frozen, looked_through = (
        int(second.environment[name]) for name in ("frozen", "looked_through")
    )
    assert looked_through < frozen / 10


def begin(trial, **_):
    """Of the driver's own process, as the forks of these tests are; closing leaves a mark."""

    def go_on(trial):
        return replace(MEASUREMENT, memory_bytes=float(os.getpid()))

    mark = trial.model.directory / f"closed-{trial.model.name}"
    return Begun(measurement=go_on(trial), go_on=go_on, close=mark.touch)


MEASUREMENT = Measurement(
    points=(),
    memory_bytes=0.0,
    artifact_bytes=0.0,
    artifact_sha256="",
    error_frac=0.0,
    measured_at=None,
)


@pytest.fixture
def held(tmp_path):
    """Begins curves of these names and keeps their processes."""
    driver, _theirs = Pipe()
    held = Held()

    def keep(name):
        asked = packed(replace(trial(name, tmp_path), curve=TrialKey(name)))
        process = warm._forked(begin, driver, held, tmp_path)
        assert process.ask(asked, driver).stays
        held.keep(TrialKey(name), process)
        return process

    yield held, keep
    held.end()
    driver.close()


def test_the_one_asked_longest_ago_gives_its_place_and_tidies_up(
    held, monkeypatch, tmp_path
):
    monkeypatch.setattr(warm, "MOST_HELD", 2)
    processes, keep = held
    keep("a"), keep("b")
    processes.keep(TrialKey("a"), processes.take(TrialKey("a")))

    keep("c")

    assert list(processes.processes) == ["a", "c"]
    assert [p.name for p in tmp_path.glob("closed-*")] == ["closed-b"]


def test_none_stays_where_there_is_no_memory_for_any(held, monkeypatch):
    monkeypatch.setattr(warm, "HELD_MEMORY_FRAC", 1e-9)
    processes, keep = held

    process = keep("a")

    assert processes.processes == {}
    assert not is_alive(process.pid)


def test_none_stays_where_a_container_has_no_memory_for_any(held, monkeypatch):
    monkeypatch.setattr(warm.control_groups, "memory_left_bytes", lambda: 2.0**20)
    processes, keep = held

    keep("a")

    assert processes.processes == {}


def test_an_answer_that_cannot_be_read_is_a_refusal_and_the_process_ends(
    held, tmp_path
):
    processes, _ = held
    driver, _theirs = Pipe()
    process = warm._forked(begin, driver, processes, tmp_path)

    answer = process.ask(
        replace(packed(trial("a", Path())), content=pickle.dumps(1)[:-1]), driver
    )

    assert isinstance(answer.message, Refusal)
    assert not answer.stays
    assert not is_alive(process.pid)
