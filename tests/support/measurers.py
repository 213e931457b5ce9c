"""Measuring functions that cost nothing, chosen by the model's name; no torch.

Each call appends the model's name, the batch sizes, the node and its own process to `log`
in the model's directory, so that a test can count what was really measured.
"""

import gc
import hashlib
import os
import signal
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from planner.errors import ModelLoadError, ProfilingError
from profilers.measuring.memory import ImportedMemory, found
from profilers.running.warm import Begun
from profilers.trials import MeasuredPoint, Measurement


def measure(trial, *, scratch, clock, now):
    """Goes on with whatever curve it has begun, but of a model that cannot."""
    (scratch / "written").touch()
    can_go_on = not trial.model.name.startswith("closed")
    return Begun(
        measurement=measured(trial, clock=clock, now=now),
        go_on=partial(measured, clock=clock, now=now) if can_go_on else None,
    )


def measured(trial, *, clock, now):
    with (trial.model.directory / "log").open("a") as log:
        node = os.environ.get("RAY_RAYLET_PID", "-")
        batches = ",".join(map(str, trial.batches))
        log.write(f"{trial.model.name} {batches} {node} {os.getpid()}\n")
    kind = trial.model.name.partition("-")[0]
    return BEHAVIOURS[kind](trial, clock, now)


def steady(trial, clock, now, *, is_noisy=False):
    points = tuple(
        MeasuredPoint(
            batch=batch,
            p50_s=0.01 * batch,
            p50_low_s=0.009 * batch,
            p50_high_s=0.011 * batch,
            mean_s=0.01 * batch,
            p90_s=0.012 * batch,
            p95_s=0.013 * batch,
            p99_s=0.02 * batch,
            n_samples=30,
            is_noisy=is_noisy,
        )
        for batch in trial.batches
    )
    return Measurement(
        points=points,
        memory_bytes=1e6,
        artifact_bytes=2e6,
        artifact_sha256="0" * 64,
        error_frac=0.5 if is_noisy else 0.1,
        measured_at=now(),
        environment={"pid": str(os.getpid())},
        percentile_frac=trial.percentile_frac,
    )


def slow(trial, clock, now):
    time.sleep(0.5)
    return steady(trial, clock, now)


def meets(trial, clock, now):
    """Waits until another has begun, too."""
    while len((trial.model.directory / "log").read_text().splitlines()) < 2:
        time.sleep(0.02)
    return steady(trial, clock, now)


def hang(trial, clock, now):
    time.sleep(600)


def closed(trial, clock, now):
    """Nothing goes on from there: see `measure`."""
    return steady(trial, clock, now)


def where(trial, clock, now):
    return steady(trial, clock, now)


def environment(trial, clock, now):
    return replace(steady(trial, clock, now), environment=dict(os.environ))


def refuse(trial, clock, now):
    raise ModelLoadError("model:build: no such function")


def raises(trial, clock, now):
    raise RuntimeError("first line\nsecond line")


def exits(trial, clock, now):
    raise SystemExit(5)


def crash(trial, clock, now):
    os.write(2, b"terminate called\n")
    os._exit(7)


def oom(trial, clock, now):
    os.kill(os.getpid(), signal.SIGKILL)


def flaky(trial, clock, now):
    """Dies the first time."""
    before = (trial.model.directory / "log").read_text().splitlines()
    if sum(line.startswith("flaky") for line in before) == 1:
        os.kill(os.getpid(), signal.SIGSEGV)
    return steady(trial, clock, now)


def noisy(trial, clock, now):
    """Noisy the first time only."""
    before = (trial.model.directory / "log").read_text().splitlines()
    n_calls = sum(line.startswith("noisy") for line in before)
    return steady(trial, clock, now, is_noisy=n_calls == 1)


def shaky(trial, clock, now):
    return steady(trial, clock, now, is_noisy=True)


def talks(trial, clock, now):
    os.write(1, b"a line that must not reach the planner's stdout")
    return steady(trial, clock, now)


def killer(trial, clock, now):
    """Takes the warm parent along the first time."""
    before = (trial.model.directory / "log").read_text().splitlines()
    if sum(line.startswith("killer") for line in before) == 1:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
    return steady(trial, clock, now)


def greedy(trial, clock, now):
    """Wants a GiB and touches it."""
    wanted = bytearray(1024**3)
    wanted[::4096] = b"x" * len(wanted[::4096])
    return steady(trial, clock, now)


def roomy(trial, clock, now):
    """Does not fit into less than half a GiB."""
    limit_bytes = trial.envelope.memory_bytes
    if limit_bytes is not None and limit_bytes < 2**29:
        raise ProfilingError("out of memory")
    return steady(trial, clock, now)


def bulky(trial, clock, now):
    """Has no room for more than four at once."""
    if max(trial.batches) > 4:
        raise ProfilingError("out of memory")
    return steady(trial, clock, now)


def absurd(trial, clock, now):
    return replace(steady(trial, clock, now), memory_bytes=float("inf"))


def assassin(trial, clock, now):
    """Kills whoever watches over the warm parent, the first time."""
    before = (trial.model.directory / "log").read_text().splitlines()
    if sum(line.split()[0] == trial.model.name for line in before) == 1:
        status = Path(f"/proc/{os.getppid()}/status").read_text().splitlines()
        watcher = next(line.split()[1] for line in status if line.startswith("PPid"))
        os.kill(int(watcher), signal.SIGKILL)
        time.sleep(600)
    return steady(trial, clock, now)


def inherits(trial, clock, now):
    """Tells what its parent left it, and asks what a fresh Python holds."""
    told = {
        "known": str(len(found())),
        "frozen": str(gc.get_freeze_count()),
        "looked_through": str(len(gc.get_objects())),
    }
    with ImportedMemory(["json"], trial.envelope) as imported:
        held_bytes = imported.resident_bytes()
    return replace(steady(trial, clock, now), memory_bytes=held_bytes, environment=told)


def calls(trial, clock, now):
    """Calls a live model's factory."""
    assert trial.model.factory() == 42
    return steady(trial, clock, now)


BEHAVIOURS = {
    f.__name__: f
    for f in (
        steady, slow, hang, refuse, raises, exits, crash, oom, flaky, noisy, shaky,
        talks, killer, calls, greedy, roomy, bulky, absurd, assassin, where, closed,
        environment, inherits, meets,
    )
}  # fmt: skip


def identity(model):
    """Of the weights' path where there is one, else of the name."""
    if model.name == "missing":
        raise ModelLoadError("weights.safetensors: no such file")
    return hashlib.sha256(str(model.weights or model.name).encode()).hexdigest()


def versions():
    return {"cheap": "1"}
