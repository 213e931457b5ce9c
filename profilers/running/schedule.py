"""Decides which trial runs on which slot, and when to give up: events in, instructions out.

A slot is a place where one measurement at a time may run: a device, of a kind that has
a name. Every trial asks for one kind; equal devices share one line of trials, so that
whoever is idle first takes the next. Nothing here reads a clock, starts a process or
touches a disk: time comes with the events, and a shell (`profilers.running.local`,
`profilers.running.actors`) carries the instructions out.

    trial   pending ──► running ──► done      measured
               ▲           ├──────► failed    refused, timed out, crashed too often
               └───────────┘ crashed or its slot was lost, attempts left
    slot    stopped ──► starting ──► idle ◄──► running
               ▲            └─────────┴───────────┘ lost or killed
               └──► retired            lost too often before it ran anything

A trial may tell a part of a curve. The slot that ran the last part is given the next, for
what it has loaded; one that is idle beside a busy one takes it all the same.

Trials come in lots, one lot after the other; between two lots the slots stay as they are.

A shell may send heartbeats of what runs. One that has begun to and falls silent is
lost, as its node or network is; one whose processor time stands still hangs, long
before the trial's own limit of time is over.

Rules, which `broken_rules` checks after every step of the tests:

    one     a trial is in exactly one state
    alone   a slot runs at most one trial, a trial runs on at most one slot
    final   a settled trial is never run again
    tries   no trial is started more than `max_attempts` times
    moving  while a trial is pending, a slot of its kind is starting or running
    timed   exactly the slots that start or run have a deadline
"""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from profilers.running.events import (
    Beat,
    Crashed,
    Event,
    Instruction,
    KeepFailure,
    KeepMeasurement,
    Measured,
    Refused,
    RunTrial,
    SlotEvent,
    SlotLost,
    SlotName,
    SlotReady,
    StartSlot,
    StopSlot,
    Ticked,
)
from profilers.running.limits import Limits
from profilers.trials import LOCAL, Trial, TrialKey

_SILENT = "nothing was heard of what measures"


class SlotState(StrEnum):
    """What a slot does."""

    STOPPED = "stopped"
    STARTING = "starting"
    IDLE = "idle"
    RUNNING = "running"
    RETIRED = "retired"


class TrialState(StrEnum):
    """How far a trial is."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(slots=True, kw_only=True)
class _Pulse:
    """What the beats of a running trial said."""

    heard_s: float
    moved_s: float
    cpu_s: float


@dataclass(slots=True, kw_only=True)
class _Slot:
    device: str = LOCAL
    state: SlotState = SlotState.STOPPED
    generation: int = 0
    key: TrialKey | None = None  # what it runs, None unless running
    deadline_s: float | None = None  # None unless starting or running
    n_lost_starts: int = 0  # in a row, before anything ended on it
    last_loss: str = ""
    pulse: _Pulse | None = None  # None before the first beat of what runs
    curves: set[TrialKey] = field(default_factory=set)  # of which it ran the last part


@dataclass(slots=True, kw_only=True)
class _Trial:
    trial: Trial
    state: TrialState = TrialState.PENDING
    n_attempts: int = 0


@dataclass(slots=True)
class Schedule:
    """The state machine of the module's docstring.

    `begin` with a lot of trials, then `handle` every event until all are settled, and do
    what each returns, in order; after the last lot, `end`. `devices` says of which kind a
    slot is, where it is not this machine's.
    """

    slots: Sequence[SlotName]
    limits: Limits = field(default_factory=Limits)
    devices: Mapping[SlotName, str] = field(default_factory=dict)
    _trials: dict[TrialKey, _Trial] = field(init=False, default_factory=dict)
    _slots: dict[SlotName, _Slot] = field(init=False)
    _pending: deque[TrialKey] = field(init=False, default_factory=deque)

    def __post_init__(self) -> None:
        self._slots = {
            name: _Slot(device=self.devices.get(name, LOCAL)) for name in self.slots
        }

    @property
    def is_finished(self) -> bool:
        """Whether every trial is done or failed."""
        return all(
            t.state in (TrialState.DONE, TrialState.FAILED)
            for t in self._trials.values()
        )

    @property
    def next_deadline_s(self) -> float | None:
        """When a `Ticked` is due at the latest; None where nothing runs."""
        due_s = [
            self._due(s)[0] for s in self._slots.values() if s.deadline_s is not None
        ]
        return min(due_s, default=None)

    def _due(self, slot: _Slot) -> tuple[float, str]:
        """When patience with a slot that starts or runs ends, and what is said then."""
        assert slot.deadline_s is not None
        if slot.key is None:
            limit_s = self.limits.start_timeout_s
            return slot.deadline_s, f"no worker came up within {limit_s:g} s"
        limit_s = self._trials[slot.key].trial.patience_s
        ends = [(slot.deadline_s, f"no answer within {limit_s:g} s, so stopped")]
        if slot.pulse is not None:
            quiet_s, still_s = (
                self.limits.silence_timeout_s,
                self.limits.standstill_timeout_s,
            )
            ends += [
                (slot.pulse.heard_s + quiet_s, f"{_SILENT} for {quiet_s:g} s"),
                (
                    slot.pulse.moved_s + still_s,
                    f"it hangs: no processor time used for {still_s:g} s, so stopped",
                ),
            ]
        return min(ends)

    @property
    def states(self) -> Mapping[TrialKey, TrialState]:
        """The state of every trial."""
        return {key: t.state for key, t in self._trials.items()}

    def running(self) -> Mapping[SlotName, TrialKey]:
        """What runs where."""
        return {n: s.key for n, s in self._slots.items() if s.key is not None}

    def begin(
        self, trials: Mapping[TrialKey, Trial], *, at_s: float
    ) -> tuple[Instruction, ...]:
        """The first instructions of a lot; the one before is settled."""
        assert self.is_finished
        self._trials = {key: _Trial(trial=t) for key, t in trials.items()}
        self._pending = deque(self._trials)
        return tuple(self._assign(at_s))

    def end(self) -> tuple[Instruction, ...]:
        """Stop every worker that is up."""
        return tuple(self._stop(SlotState.STARTING, SlotState.IDLE))

    def handle(self, event: Event) -> tuple[Instruction, ...]:
        """What to do about an event; a stale one changes nothing."""
        was_finished = self.is_finished
        todo: list[Instruction] = []
        if not isinstance(event, Ticked) and self._is_current(event):
            todo += self._react(event)
        todo += self._expire(event.at_s)
        todo += self._assign(event.at_s)
        if self.is_finished and not was_finished:
            todo += self._stop(SlotState.STARTING)
        return tuple(todo)

    def _is_current(self, event: SlotEvent) -> bool:
        slot = self._slots[event.slot]
        if event.generation != slot.generation:
            return False
        if isinstance(event, SlotReady):
            return slot.state is SlotState.STARTING
        if isinstance(event, SlotLost):
            return slot.state not in (SlotState.STOPPED, SlotState.RETIRED)
        return slot.state is SlotState.RUNNING

    def _react(self, event: SlotEvent) -> list[Instruction]:
        slot = self._slots[event.slot]
        todo: list[Instruction] = []
        match event:
            case SlotReady():
                slot.state, slot.deadline_s = SlotState.IDLE, None
            case Beat(at_s=at_s, cpu_s=cpu_s):
                self._feel(slot, at_s, cpu_s)
            case SlotLost(reason=reason):
                todo = self._lose(slot, reason)
            case Measured(measurement=measurement):
                key = self._release(slot)
                self._trials[key].state = TrialState.DONE
                todo = [KeepMeasurement(key=key, measurement=measurement)]
            case Refused(reason=reason):
                todo = [self._fail(self._release(slot), reason)]
            case Crashed(reason=reason):
                todo = self._retry(self._release(slot), reason)
        return todo

    def _feel(self, slot: _Slot, at_s: float, cpu_s: float) -> None:
        if slot.pulse is None:
            slot.pulse = _Pulse(heard_s=at_s, moved_s=at_s, cpu_s=cpu_s)
            return
        slot.pulse.heard_s = at_s
        # Less than before is a new process, so it moves, too.
        if abs(cpu_s - slot.pulse.cpu_s) >= self.limits.standstill_cpu_s:
            slot.pulse.moved_s, slot.pulse.cpu_s = at_s, cpu_s

    def _release(self, slot: _Slot) -> TrialKey:
        """Make a running slot idle and give back what it ran."""
        assert slot.key is not None
        key, slot.key = slot.key, None
        slot.state, slot.deadline_s, slot.n_lost_starts = SlotState.IDLE, None, 0
        slot.pulse = None
        return key

    def _lose(self, slot: _Slot, reason: str) -> list[Instruction]:
        slot.last_loss = reason
        if slot.state is SlotState.RUNNING:
            todo = self._retry(self._release(slot), reason)
            self._down(slot)
            return todo
        self._down(slot)
        slot.n_lost_starts += 1
        if slot.n_lost_starts >= self.limits.max_lost_starts:
            slot.state = SlotState.RETIRED
        return []

    def _retry(self, key: TrialKey, reason: str) -> list[Instruction]:
        trial = self._trials[key]
        if trial.n_attempts >= self.limits.max_attempts:
            times = f"{trial.n_attempts} times: " if trial.n_attempts > 1 else ""
            return [self._fail(key, times + reason)]
        trial.state = TrialState.PENDING
        self._pending.append(key)
        return []

    def _fail(self, key: TrialKey, reason: str) -> Instruction:
        self._trials[key].state = TrialState.FAILED
        return KeepFailure(key=key, reason=reason)

    def _expire(self, at_s: float) -> list[Instruction]:
        todo: list[Instruction] = []
        for name, slot in self._slots.items():
            if slot.deadline_s is None:
                continue
            due_s, reason = self._due(slot)
            if at_s < due_s:
                continue
            todo.append(StopSlot(slot=name))
            if slot.state is SlotState.STARTING or reason.startswith(_SILENT):
                todo += self._lose(slot, reason)
            else:
                key = self._release(slot)
                self._down(slot)
                todo.append(self._fail(key, reason))
        return todo

    def _assign(self, at_s: float) -> list[Instruction]:
        todo: list[Instruction] = []
        for suits in (self._goes_on, self._suits):
            for name, slot in self._slots.items():
                if slot.state is not SlotState.IDLE:
                    continue
                key = next((k for k in self._pending if suits(slot, k)), None)
                if key is not None:
                    todo.append(self._run_next(name, slot, key, at_s))
        for device in dict.fromkeys(self._device_of(k) for k in self._pending):
            todo += self._man(device, at_s)
        return todo

    def _device_of(self, key: TrialKey) -> str:
        return self._trials[key].trial.device

    def _suits(self, slot: _Slot, key: TrialKey) -> bool:
        return slot.device == self._device_of(key)

    def _goes_on(self, slot: _Slot, key: TrialKey) -> bool:
        """Whether the slot ran the part before; it is then of the trial's kind."""
        return self._trials[key].trial.curve in slot.curves

    def _man(self, device: str, at_s: float) -> list[Instruction]:
        """Start as many slots of a kind as have trials waiting; give up where none can."""
        slots = {n: s for n, s in self._slots.items() if s.device == device}
        waiting = [k for k in self._pending if self._device_of(k) == device]
        in_state = Counter(slot.state for slot in slots.values())
        if in_state[SlotState.RETIRED] == len(slots):
            return self._give_up(device, list(slots.values()), waiting)
        todo: list[Instruction] = []
        n_missing = len(waiting) - in_state[SlotState.STARTING]
        for name, slot in slots.items():
            if slot.state is SlotState.STOPPED and n_missing > 0:
                n_missing -= 1
                slot.state, slot.generation = SlotState.STARTING, slot.generation + 1
                slot.deadline_s = at_s + self.limits.start_timeout_s
                todo.append(StartSlot(slot=name, generation=slot.generation))
        return todo

    def _run_next(
        self, name: SlotName, slot: _Slot, key: TrialKey, at_s: float
    ) -> Instruction:
        self._pending.remove(key)
        trial = self._trials[key]
        trial.state, trial.n_attempts = TrialState.RUNNING, trial.n_attempts + 1
        slot.state, slot.key = SlotState.RUNNING, key
        slot.deadline_s = at_s + trial.trial.patience_s
        if (curve := trial.trial.curve) is not None:
            for other in self._slots.values():
                other.curves.discard(curve)
            slot.curves.add(curve)
        return RunTrial(
            slot=name, generation=slot.generation, key=key, trial=trial.trial
        )

    def _give_up(
        self, device: str, slots: Sequence[_Slot], waiting: Sequence[TrialKey]
    ) -> list[Instruction]:
        losses = {s.last_loss for s in slots if s.last_loss}
        where = "" if device == LOCAL else f" on '{device}'"
        reason = f"no worker is left to measure{where}: {'; '.join(sorted(losses))}"
        if not slots:
            reason = f"no '{device}' takes part in the cluster"
        for key in waiting:
            self._pending.remove(key)
        return [self._fail(key, reason) for key in waiting]

    def _stop(self, *states: SlotState) -> list[Instruction]:
        todo: list[Instruction] = []
        for name, slot in self._slots.items():
            if slot.state in states:
                self._down(slot)
                todo.append(StopSlot(slot=name))
        return todo

    def _down(self, slot: _Slot) -> None:
        slot.state, slot.deadline_s = SlotState.STOPPED, None
        slot.curves.clear()


def broken_rules(schedule: Schedule) -> tuple[str, ...]:
    """The rules of the module's docstring that this state breaks: none, ever."""
    trials, slots = schedule._trials, schedule._slots.values()
    pending, runs = list(schedule._pending), Counter(s.key for s in slots if s.key)
    in_state = {s: {k for k, t in trials.items() if t.state is s} for s in TrialState}
    moves = (SlotState.STARTING, SlotState.RUNNING)
    rules = {
        "one": set(pending) == in_state[TrialState.PENDING]
        and len(pending) == len(set(pending)),
        "alone": set(runs) == in_state[TrialState.RUNNING]
        and all(n == 1 for n in runs.values())
        and all((s.key is not None) == (s.state is SlotState.RUNNING) for s in slots),
        "final": schedule.is_finished == (not pending and not runs),
        "tries": all(
            t.n_attempts <= schedule.limits.max_attempts for t in trials.values()
        ),
        "moving": all(
            any(s.state in moves and schedule._suits(s, k) for s in slots)
            for k in pending
        ),
        "timed": all((s.deadline_s is not None) == (s.state in moves) for s in slots),
    }
    return tuple(name for name, holds in rules.items() if not holds)
