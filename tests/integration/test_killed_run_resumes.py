"""Kill -9 of the whole run while it profiles; run again: nothing twice, nothing lost."""

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


@pytest.mark.slow
def heed_interrupts():
    """Whoever runs the tests in the background may have had interrupts ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


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
