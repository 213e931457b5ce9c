"""The warm child: imports the runtimes once, then forks a process for every variant.

    warm child ──┬── fork ──► the trial that is measured now
                 └── forks ─► trials that may go on: loaded, idle

A trial that tells a part of a curve may be followed by another part of it. Its process then
stays with what it has loaded until it is asked for that: one variant, in its own envelope,
as ever. Whichever has waited longest ends where they are too many or hold too much memory.
A process whose part failed does not stay; where one has died meanwhile, the next part is
begun anew in another.

What is the same for all of them is done once: the imports, a look through all that they made
for garbage (each process would go through it again, and copy what it touches), and what a
fresh Python holds of memory (`profilers.measuring.memory`), which one process finds for the next.

Each fork has a directory to write to: whoever buries the process removes what it left
there, however it ended.
"""

import contextlib
import datetime as dt
import gc
import importlib
import math
import os
import pickle
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Protocol

import psutil

from planner.errors import PlannerError
from planner.units import BYTES_PER_KIB, BYTES_PER_MIB
from profilers.emulators import envelope
from profilers.measuring import allocator, control_groups, memory
from profilers.measuring.neighbours import die_with
from profilers.measuring.out_of_memory import OUT_OF_MEMORY, told_with_peak
from profilers.running.process import (
    Death,
    Greeting,
    Message,
    Packed,
    Refusal,
    Warm,
    ending,
    one_line,
    resolve,
    tail,
    utc_now,
)
from profilers.trials import Envelope, Measurement, Trial, TrialKey

MOST_HELD = 16
# Of what would be free without them. A small model's process holds some 50 MB of its own.
HELD_MEMORY_FRAC = 0.25


def _nothing() -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What a trial gave, and what goes on from there.

    `go_on` measures another part of the same curve with what was loaded for this one;
    None where nothing is kept. `close` gives back what is.
    """

    measurement: Measurement
    go_on: Callable[[Trial], Measurement] | None = None
    close: Callable[[], None] = _nothing


class Begin(Protocol):
    """The measuring function's signature."""

    def __call__(
        self,
        trial: Trial,
        *,
        scratch: Path,
        clock: Callable[[], float],
        now: Callable[[], dt.datetime],
    ) -> Begun:
        """Measure one trial; `scratch` is an empty directory until its process ends."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """A trial's message; whether its process stays to go on; what fresh processes hold."""

    message: Message
    stays: bool
    imported: Mapping[memory.Imports, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Process:
    """A fork as the warm child has it."""

    pid: int
    pipe: Connection
    scratch: Path

    def ask(self, trial: Packed, driver: Connection) -> _Answer:
        """What the trial came to; killed if the driver ends meanwhile."""
        answer: _Answer | None = None
        written_bytes = os.fstat(sys.stderr.fileno()).st_size
        with contextlib.suppress(EOFError, OSError):
            self.pipe.send_bytes(pickle.dumps(trial))
            if self.pipe not in wait([self.pipe, driver]):
                os.kill(self.pid, signal.SIGKILL)
            answer = pickle.loads(self.pipe.recv_bytes())  # noqa: S301  # our own fork
        if answer is not None and answer.stays:
            return answer
        self.pipe.close()
        _, status, used = os.wait4(self.pid, 0)
        self._sweep()
        if answer is not None:
            return answer
        now_bytes = os.fstat(sys.stderr.fileno()).st_size
        last_words = tail(sys.stderr.fileno(), written_bytes, now_bytes)
        reason = ending(os.waitstatus_to_exitcode(status), last_words)
        if os.WIFSIGNALED(status):
            peak_mib = used.ru_maxrss * BYTES_PER_KIB / BYTES_PER_MIB
            reason += f"; it held up to {peak_mib:.0f} MiB, its libraries included"
        return _Answer(message=Death(reason=reason), stays=False)

    def has_died(self) -> bool:
        """Whether it has, meanwhile; then it is buried."""
        if os.waitpid(self.pid, os.WNOHANG) == (0, 0):
            return False
        self._sweep()
        return True

    def end(self) -> None:
        """Nobody will ask it any more: it reads end-of-file and tidies up."""
        self.pipe.close()
        os.waitpid(self.pid, 0)
        self._sweep()

    def _sweep(self) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)

    def own_bytes(self) -> int:
        """Memory that would be free without it."""
        with contextlib.suppress(psutil.Error):
            return int(psutil.Process(self.pid).memory_full_info().uss)
        return 0


@dataclass(slots=True)
class Held:
    """The processes that may go on, by curve, the one asked longest ago first."""

    processes: dict[TrialKey, _Process] = field(default_factory=dict)

    def take(self, curve: TrialKey | None) -> _Process | None:
        """The process that has measured a part of the curve, where it still lives."""
        process = self.processes.pop(curve, None) if curve else None
        if process is not None and process.has_died():
            process.pipe.close()
            return None
        return process

    def keep(self, curve: TrialKey, process: _Process) -> None:
        """Keep it for the next part; others end where there is no room for all."""
        self.processes[curve] = process
        while self.processes and not self._have_room():
            self.processes.pop(next(iter(self.processes))).end()

    def _have_room(self) -> bool:
        held_bytes = sum(p.own_bytes() for p in self.processes.values())
        left_bytes = control_groups.memory_left_bytes() or math.inf
        free_bytes = min(psutil.virtual_memory().available, left_bytes)
        return (
            len(self.processes) <= MOST_HELD
            and held_bytes <= HELD_MEMORY_FRAC * (free_bytes + held_bytes)
        )  # fmt: skip

    def end(self) -> None:
        """End them all."""
        while self.processes:
            self.processes.popitem()[1].end()


def serve(driver: Connection) -> None:
    """The warm child's life: import, then measure whatever the driver asks until it ends."""
    greeting: Greeting = pickle.loads(driver.recv_bytes())  # noqa: S301  # our own driver
    sys.path[:] = list(greeting.search_path)
    for module in greeting.measuring.preload:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    begin: Begin = resolve(greeting.measuring.function)
    gc.collect()
    gc.freeze()
    driver.send(Warm())
    held = Held()
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, greeting.scratch, ignore_errors=True)
        stack.callback(held.end)
        while True:
            trial: Packed = pickle.loads(driver.recv_bytes())  # noqa: S301  # our own driver
            process = held.take(trial.curve) or _forked(
                begin, driver, held, greeting.scratch
            )
            answer = process.ask(trial, driver)
            memory.know(answer.imported)
            if answer.stays and trial.curve:
                held.keep(trial.curve, process)
            driver.send(answer.message)


def _forked(begin: Begin, driver: Connection, held: Held, below: Path) -> _Process:
    ours, theirs = Pipe()
    scratch = Path(tempfile.mkdtemp(dir=below))
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        # Were the trial to hold them open, nobody would see their other ends close.
        for pipe in (driver, ours, *(p.pipe for p in held.processes.values())):
            pipe.close()
        try:
            die_with(parent)
            _live(begin, theirs, scratch)
        finally:
            os._exit(0)
    theirs.close()
    return _Process(pid=child, pipe=ours, scratch=scratch)


def _live(begin: Begin, pipe: Connection, scratch: Path) -> None:
    """A fork's life: the first trial, and the next parts of its curve."""
    with contextlib.suppress(EOFError), _Trials(begin, scratch) as trials:
        while True:
            asked: Packed = pickle.loads(pipe.recv_bytes())  # noqa: S301  # our own parent
            message = _answer(trials, asked.content)
            stays = (
                isinstance(message, Measurement)
                and trials.goes_on
                and asked.curve is not None
            )
            if not stays:
                trials.close()
            answer = _Answer(message=message, stays=stays, imported=memory.found())
            pipe.send_bytes(pickle.dumps(answer))
            if not stays:
                return
            allocator.give_back()  # it waits, and others measure


class _Trials(contextlib.ExitStack):
    """Trials of one variant, one after the other, within the envelope of the first."""

    def __init__(self, begin: Begin, scratch: Path) -> None:
        super().__init__()
        self._begin = begin
        self._scratch = scratch
        self._in_force: envelope.InForce | None = None
        self._go_on: Callable[[Trial], Measurement] | None = None

    @property
    def goes_on(self) -> bool:
        """Whether another part of the curve can be measured with what is loaded."""
        return self._go_on is not None

    def measured(self, trial: Trial) -> Measurement:
        """The measurement made within the envelope, which its record names."""
        with contextlib.ExitStack() as failing:
            # What is said of a failure must not want for memory, too.
            failing.callback(self.close)
            if self._in_force is None:
                self._in_force = self.enter_context(envelope.enter(trial.envelope))
            measurement = self._part(trial)
            failing.pop_all()
        return _within(measurement, trial.envelope, self._in_force)

    def _part(self, trial: Trial) -> Measurement:
        if self._go_on is not None:
            return self._go_on(trial)
        begun = self._begin(
            trial, scratch=self._scratch, clock=time.perf_counter, now=utc_now
        )
        self.callback(begun.close)
        self._go_on = begun.go_on
        return begun.measurement


def _answer(trials: _Trials, content: bytes) -> Message:
    """The trial's message; whatever the user's code raises is an answer too."""
    try:
        return trials.measured(pickle.loads(content))  # noqa: S301  # our own driver
    except PlannerError as error:
        reason = str(error)
    except MemoryError as error:
        reason = f"{OUT_OF_MEMORY} {error}"
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the process boundary
        reason = f"{type(error).__name__}: {error}"
    return Refusal(reason=told_with_peak(one_line(reason)))


def _within(
    measurement: Measurement, given: Envelope, in_force: envelope.InForce
) -> Measurement:
    limits = {"memory_limit": in_force.memory, "cpu_quota": in_force.cpu_quota}
    if given.heat_speed_frac is not None:
        limits["heat"] = in_force.heat
    return replace(
        measurement,
        environment={**measurement.environment, **limits},
    )


def main(descriptor: int) -> None:
    """Be the warm child of the driver at the other end of this pipe."""
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        serve(Connection(descriptor))
