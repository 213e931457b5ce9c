"""Runs each trial in a process of its own, forked from one that is already warm.

A trial may hang, crash or be killed for its memory, so it never shares a process
with another; and what one leaves behind (threads, allocator arenas, a limit that
cannot be raised again) would falsify the next one's memory and times. Importing
torch anew each time would cost 2 to 4 s a trial. So a warm child imports the
runtimes once, runs nothing with them, and forks for every trial:

    driver ── pipe ──► warm child ── fork ──► trial

The driver dies: the warm child reads end-of-file, kills its trial and ends. The
trial dies: the warm child reports how, and is still warm. The warm child dies:
the driver reads end-of-file, and kills the process group.

The child is a plain command, not one of `multiprocessing`, so that the user's
own script is never imported a second time.
"""

import contextlib
import datetime as dt
import importlib
import importlib.util
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any, Protocol, cast

import psutil

from planner.domain.profiling import ModelFile, PipelineModel, UserModel
from planner.errors import MissingExtraError, PlannerError
from profilers.emulators import envelope
from profilers.emulators.duty import PERIOD_S
from profilers.trials import Envelope, Measurement, Trial

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
_KILLED_FOR_MEMORY = "as the system does when memory runs out"
_OUT_OF_MEMORY = "out of memory"
# What torch and onnxruntime say when an allocation is refused.
_REFUSED_MEMORY = ("allocate memory", "bad_alloc", "bad allocation")
# Enough of a crashed process's last words to hold its last line.
LAST_WORDS_BYTES = 4096
# Not `-m`: what the child sends would then be classes of `__main__`.
WARM_CHILD = "import sys; from profilers.process import main; main(int(sys.argv[1]))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measuring:
    """What measures a trial, by name, so that it can cross processes.

    `function` is "module:function", called with (trial, clock=…, now=…).
    `preload` names the modules that the warm child imports where it can.
    """

    function: str = "profilers.worker:measure_trial"
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


class Measure(Protocol):
    """The measuring function's signature."""

    def __call__(
        self,
        trial: Trial,
        *,
        clock: Callable[[], float],
        now: Callable[[], dt.datetime],
    ) -> Measurement:
        """Measure one trial."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Greeting:
    search_path: tuple[str, ...]
    measuring: Measuring


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


def packed(trial: Trial) -> bytes:
    """The trial as bytes for another process of this run; never for a disk.

    A live model's callables are packed by value: their module may be the
    user's script, which no other process imports.

    Raises:
        MissingExtraError: A live model, and nothing here packs functions by value.
    """
    if any(callable(f) for f in _functions(trial.model)):
        return _pack_by_value()(trial)
    return pickle.dumps(trial)


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
        command = [sys.executable, "-c", WARM_CHILD, str(theirs.fileno())]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(search_path)}
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
        greeting = _Greeting(search_path=tuple(search_path), measuring=measuring)
        self._send(pickle.dumps(greeting))

    def _send(self, message: bytes) -> None:
        try:
            self.connection.send_bytes(message)
        except OSError:
            return  # the child is gone; `receive` says so

    def run(self, trial: bytes) -> None:
        """Begin a packed trial; its message follows."""
        self._send(trial)

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
        reason = _ending(code, _tail(self._last_words.fileno(), 0, size_bytes))
        self.kill()
        return reason

    def kill(self) -> None:
        """End the child and its trial at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        self.connection.close()
        self._last_words.close()


def _cpu_s(process: psutil.Process) -> float:
    try:
        used = process.cpu_times()
    except psutil.Error:  # it has just ended
        return 0.0
    return float(used.user + used.system)


def search_path() -> tuple[str, ...]:
    """Where this process imports from, for a child to import the same."""
    return tuple(str(Path(entry).absolute()) for entry in sys.path)


def is_for_memory(reason: str) -> bool:
    """Whether a trial's end reads as if it had wanted more memory than it could have."""
    words = (_KILLED_FOR_MEMORY, _OUT_OF_MEMORY, *_REFUSED_MEMORY)
    return any(word in reason.lower() for word in words)


def _ending(code: int, last_words: str) -> str:
    """How a process ended, from its exit code as `subprocess` spells it."""
    if code < 0:
        how = f"was killed by {signal.Signals(-code).name}"
        if -code == signal.SIGKILL:
            how += f" ({_KILLED_FOR_MEMORY})"
    else:
        how = f"ended with exit code {code}"
    return one_line(f"the process {how}" + (f": {last_words}" if last_words else ""))


def _tail(descriptor: int, start_bytes: int, end_bytes: int) -> str:
    """The last line written between two offsets."""
    start_bytes = max(start_bytes, end_bytes - LAST_WORDS_BYTES)
    written = os.pread(descriptor, max(0, end_bytes - start_bytes), start_bytes)
    lines = written.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def serve(driver: Connection) -> None:
    """The warm child's life: import, then fork for every trial until the driver ends."""
    greeting: _Greeting = pickle.loads(driver.recv_bytes())  # noqa: S301  # our own driver
    sys.path[:] = list(greeting.search_path)
    for module in greeting.measuring.preload:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    measure: Measure = resolve(greeting.measuring.function)
    driver.send(Warm())
    while True:
        driver.send(_run_forked(measure, driver.recv_bytes(), driver))


def _run_forked(measure: Measure, trial: bytes, driver: Connection) -> Message:
    """Run one trial in a fork; kill it if the driver ends meanwhile."""
    receiving, sending = Pipe(duplex=False)
    written_bytes = os.fstat(sys.stderr.fileno()).st_size
    child = os.fork()
    if child == 0:
        # Were the trial to hold it open, the driver would not see its parent die.
        driver.close()
        try:
            sending.send_bytes(_answer(measure, trial))
        finally:
            os._exit(0)
    sending.close()
    with receiving:
        if receiving not in wait([receiving, driver]):
            os.kill(child, signal.SIGKILL)
        try:
            message: Message | None = pickle.loads(receiving.recv_bytes())  # noqa: S301  # our own fork
        except EOFError:
            message = None
    _, status = os.waitpid(child, 0)
    if message is not None:
        return message
    now_bytes = os.fstat(sys.stderr.fileno()).st_size
    last_words = _tail(sys.stderr.fileno(), written_bytes, now_bytes)
    return Death(reason=_ending(os.waitstatus_to_exitcode(status), last_words))


def _answer(measure: Measure, trial: bytes) -> bytes:
    """The trial's message; whatever the user's code raises is an answer too."""
    try:
        return pickle.dumps(_measured(measure, pickle.loads(trial)))  # noqa: S301  # our own driver
    except PlannerError as error:
        return pickle.dumps(Refusal(reason=one_line(str(error))))
    except MemoryError as error:
        return pickle.dumps(Refusal(reason=one_line(f"{_OUT_OF_MEMORY} {error}")))
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the process boundary
        return pickle.dumps(
            Refusal(reason=one_line(f"{type(error).__name__}: {error}"))
        )


def _measured(measure: Measure, trial: Trial) -> Measurement:
    """The measurement made within the trial's envelope, which its record names."""
    with envelope.enter(trial.envelope) as in_force:
        measurement = measure(trial, clock=time.perf_counter, now=utc_now)
    limits = {"memory_limit": in_force.memory, "cpu_quota": in_force.cpu_quota}
    if trial.envelope.heat_speed_frac is not None:
        limits["heat"] = in_force.heat
    return replace(
        measurement,
        environment={**measurement.environment, **limits},
        warnings=(*measurement.warnings, *_paused(measurement, trial.envelope)),
    )


def _paused(measurement: Measurement, given: Envelope) -> Iterator[str]:
    """What is to be known of a median where a pause now and then is what slows it."""
    quota_cores = given.cpu_quota_cores
    is_cut = quota_cores is not None and quota_cores < given.threads
    shortest_s = min((p.p50_s for p in measurement.points), default=PERIOD_S)
    if (is_cut or given.heat_speed_frac is not None) and shortest_s < PERIOD_S:
        yield (
            "slowed by pauses that are longer than its calls: most calls meet none and "
            "medians are those of full speed; means and tails hold the pauses"
        )


def main(descriptor: int) -> None:
    """Be the warm child of the driver at the other end of this pipe."""
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        serve(Connection(descriptor))
