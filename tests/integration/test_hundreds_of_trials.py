"""Hundreds of real trials: the driver is killed, then an actor; each trial ends once."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import product

import psutil
import pytest

from profilers.store import ProfileStore
from profilers.trials import Failure, Measurement
from tests.support import profile_hundreds

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.long]

N_MODELS = 52
N_TRIALS = N_MODELS * profile_hundreds.VARIANTS
# Of a whole run on two busy cores; only a broken product waits so long.
PATIENCE_S = 3600.0


def begun(directory):
    program = [sys.executable, profile_hundreds.__file__, "ray"]
    told = (directory / "told").open("a")
    with told:
        return subprocess.Popen(
            [*program, str(directory / "profiles.sqlite3"), str(directory), str(N_MODELS)],
            stdout=told,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip


def until_stored(store, n, driver):
    deadline_s = time.monotonic() + PATIENCE_S
    while len(store.listing()) < n:
        assert driver.poll() is None, "it ended before it was to be killed"
        assert time.monotonic() < deadline_s, "nothing happened"
        time.sleep(0.2)


def rows(store):
    return {(row.model, row.what): row for row in store.listing()}


def actors_of(driver):
    """The processes of the driver's actors, whose runtime it has started itself."""
    below = psutil.Process(driver.pid).children(recursive=True)
    return [p for p in below if is_actor(p)]


def is_actor(process):
    try:
        return any("_Watcher" in word for word in process.cmdline())
    except psutil.NoSuchProcess:
        return False  # it has just ended


def test_every_one_of_hundreds_ends_measured_or_failed_and_none_twice(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    store = ProfileStore(tmp_path / "profiles.sqlite3")

    victim = begun(tmp_path)
    until_stored(store, N_TRIALS // 3, victim)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    kept = rows(store)

    second = begun(tmp_path)
    until_stored(store, 2 * N_TRIALS // 3, second)
    actors = actors_of(second)
    os.kill(actors[0].pid, signal.SIGKILL)
    assert second.wait(PATIENCE_S) == 0

    (told,) = map(json.loads, (tmp_path / "told").read_text().splitlines())
    after = rows(store)
    variants = {variant for _, variant in told["measured"]}
    ended = [*map(tuple, told["measured"]), *((m, v) for m, v, _ in told["failed"])]
    assert len(actors) == 2
    assert N_TRIALS // 3 <= len(kept) < N_TRIALS, "killed in mid-run"
    assert sorted(ended) == sorted(
        product(profile_hundreds.factories(N_MODELS), variants)
    )
    assert {m for m, _, _ in told["failed"]} == {"broken"}
    assert all("cannot be built" in reason for *_, reason in told["failed"])
    assert (told["n_measured"], told["n_cached"]) == (N_TRIALS - len(kept), len(kept))
    assert {key: after[key] for key in kept} == kept, "none is measured again"
    assert len(after) == N_TRIALS
    assert all(isinstance(r.result, Measurement | Failure) for r in after.values())
