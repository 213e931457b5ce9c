"""Runs each trial in a process of its own, forked from one that is already warm.

A trial may hang, crash or be killed for its memory, so it never shares a process
with another variant's; and what one leaves behind (threads, allocator arenas, a limit that
cannot be raised again) would falsify the next one's memory and times. Importing
torch anew each time would cost 2 to 4 s a trial. So a warm child imports the
runtimes once, runs nothing with them, and forks for every variant (`profilers.running.warm`):

    driver ── pipe ──► warm child ── fork ──► trial

The driver dies: the warm child reads end-of-file, kills its trial and ends. The
trial dies: the warm child reports how, and is still warm. The warm child dies:
its trial is killed with it, and the driver reads end-of-file.

The child is a plain command, not one of `multiprocessing`, so that the user's
own script is never imported a second time. This is the driver's end.
"""

import contextlib
import datetime as dt
import importlib
import importlib.util
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any, cast

import psutil

from planner.domain.profiling import ModelFile, PipelineModel, UserModel
from planner.errors import MissingExtraError
from profilers.measuring import allocator
from profilers.measuring.out_of_memory import KILLED
from profilers.trials import Measurement, Trial, TrialKey

# A reason is one line of a table; compilers answer with pages.
LONGEST_REASON_CHARACTERS = 400
# What an export would import anew in every trial. All of it took 4.6 s of processor
# time once, and saved 1 to 2.6 s a trial against torch and onnxruntime alone (torch
# 2.13, 2026-11). Importing it starts no thread that a fork would lose; running
# anything with it might.
PRELOAD = (
    "torch",
    "torch._dynamo",
    "torch.export._trace",
    "torch.onnx._internal.exporter._core",
    "onnxruntime",
    "onnxscript",
    "profilers.models",
    "profilers.variants",
)
# A child that ends by itself takes 0.1 s; one that hangs or still imports is killed.
LEAVE_S = 1.0
# Enough of a crashed process's last words to hold its last line.
LAST_WORDS_BYTES = 4096
# Not `-m`: what the child sends would then be classes of `__main__`.
WARM_CHILD = (
    "import sys; from profilers.running.warm import main; main(int(sys.argv[1]))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measuring:
    """What measures a trial, by name, so that it can cross processes.

    `function` is "module:function", a `profilers.running.warm.Begin`.
    `preload` names the modules that the warm child imports where it can.
    """

    function: str = "profilers.worker:begin_trial"
    preload: tuple[str, ...] = PRELOAD


@dataclass(frozen=True, slots=True, kw_only=True)
class Warm:
    """The child is ready for its first trial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The measuring function raised."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """The trial's process ended without an answer."""

    reason: str


Message = Warm | Measurement | Refusal | Death


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A trial as bytes for another process of this run; `curve` is the trial's."""

    content: bytes
    curve: TrialKey | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """The first message: where to import from, what measures, and where to write."""

    search_path: tuple[str, ...]
    measuring: Measuring
    scratch: Path


def utc_now() -> dt.datetime:
    """This instant, aware."""
    return dt.datetime.now(dt.UTC)


def resolve(name: str) -> Callable[..., Any]:
    """The function that "module:function" names.

    Example:
        >>> resolve("math:sqrt")(9.0)
        3.0
    """
    module, _, function = name.partition(":")
    return cast(
        "Callable[..., Any]", getattr(importlib.import_module(module), function)
    )


def one_line(text: str) -> str:
    r"""The text as one line of bearable length.

    Example:
        >>> one_line("a\n  b")
        'a b'
    """
    line = " ".join(text.split())
    if len(line) <= LONGEST_REASON_CHARACTERS:
        return line
    return line[: LONGEST_REASON_CHARACTERS - 1] + "…"


def packed(trial: Trial) -> Packed:
    """The trial for another process of this run; never for a disk.

    A live model's callables are packed by value: their module may be the
    user's script, which no other process imports.

    Raises:
        MissingExtraError: A live model, and nothing here packs functions by value.
    """
    if has_live_parts(trial.model):
        return Packed(content=_pack_by_value()(trial), curve=trial.curve)
    return Packed(content=pickle.dumps(trial), curve=trial.curve)


def has_live_parts(model: UserModel) -> bool:
    """Whether it holds functions of this process, and no file has it whole."""
    return any(callable(f) for f in _functions(model))


def _functions(model: UserModel) -> tuple[object, ...]:
    source = None if isinstance(model, ModelFile) else model.factory
    tuner = None if isinstance(model, PipelineModel) else model.fine_tune
    return source, model.evaluation, model.inputs, tuner


def _pack_by_value() -> Callable[[Trial], bytes]:
    for name in ("cloudpickle", "ray.cloudpickle"):
        if importlib.util.find_spec(name.partition(".")[0]) is not None:
            return cast("Callable[[Trial], bytes]", importlib.import_module(name).dumps)
    raise MissingExtraError("cloudpickle", "profile", "profiling a live model")


class WarmProcess:
    """The driver's end of a warm child, which imports from `search_path`.

    `connection` is readable when a message waits or the child is gone.
    """

    def __init__(self, measuring: Measuring, *, search_path: Sequence[str]) -> None:
        self.connection, theirs = Pipe()
        self._last_words = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `kill`
        # The child removes it, unless it is killed.
        self._scratch = Path(tempfile.mkdtemp(prefix="planner-trials-"))
        command = [sys.executable, "-c", WARM_CHILD, str(theirs.fileno())]
        environment = {
            **allocator.environment(),
            "PYTHONPATH": os.pathsep.join(search_path),
        }
        with theirs:
            self._child = subprocess.Popen(  # noqa: S603  # our own module
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # stdout belongs to the planner's document
                stderr=self._last_words,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env=environment,
            )
        greeting = Greeting(
            search_path=tuple(search_path), measuring=measuring, scratch=self._scratch
        )
        self._send(pickle.dumps(greeting))

    def _send(self, message: bytes) -> None:
        try:
            self.connection.send_bytes(message)
        except OSError:
            return  # the child is gone; `receive` says so

    def run(self, trial: Packed) -> None:
        """Begin a trial, or go on with its curve; its message follows."""
        self._send(pickle.dumps(trial))

    def receive(self) -> Message:
        """The next message; blocks until it is there.

        Raises:
            EOFError: The child is gone; `obituary` says how.
        """
        try:
            return cast("Message", self.connection.recv())
        except OSError as error:
            raise EOFError from error

    def cpu_s(self) -> float:
        """Processor time of what the child runs now, in all its processes."""
        with contextlib.suppress(psutil.Error):
            running = psutil.Process(self._child.pid).children(recursive=True)
            return sum(_cpu_s(process) for process in running)
        return 0.0

    def obituary(self) -> str:
        """Kill what is left of the child and say how it ended."""
        try:
            code = self._child.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            code = 0
        size_bytes = os.fstat(self._last_words.fileno()).st_size
        reason = ending(code, tail(self._last_words.fileno(), 0, size_bytes))
        self.kill()
        return reason

    def kill(self) -> None:
        """End the child and its trials: by its own hand, which tidies up, or by force."""
        self.connection.close()
        deadline_s = time.monotonic() + LEAVE_S
        while not self._has_ended() and time.monotonic() < deadline_s:
            time.sleep(0.005)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        self._last_words.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _has_ended(self) -> bool:
        """Whether it has; not yet buried, so that nobody else has its number."""
        if self._child.returncode is not None:
            return True
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._child.pid, options) is not None


def _cpu_s(process: psutil.Process) -> float:
    try:
        used = process.cpu_times()
    except psutil.Error:  # it has just ended
        return 0.0
    return float(used.user + used.system)


def search_path() -> tuple[str, ...]:
    """Where this process imports from, for a child to import the same."""
    return tuple(str(Path(entry).absolute()) for entry in sys.path)


def ending(code: int, last_words: str) -> str:
    """How a process ended, from its exit code as `subprocess` spells it."""
    if code < 0:
        how = f"was killed by {signal.Signals(-code).name}"
        if -code == signal.SIGKILL:
            how += f" ({KILLED})"
    else:
        how = f"ended with exit code {code}"
    return one_line(f"the process {how}" + (f": {last_words}" if last_words else ""))


def tail(descriptor: int, start_bytes: int, end_bytes: int) -> str:
    """The last line written between two offsets."""
    start_bytes = max(start_bytes, end_bytes - LAST_WORDS_BYTES)
    written = os.pread(descriptor, max(0, end_bytes - start_bytes), start_bytes)
    lines = written.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
