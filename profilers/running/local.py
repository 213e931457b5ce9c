"""Carries out the schedule on this machine, without Ray: a warm child for each slot.

One slot is one measurement at a time. More than one on the same processor
disturb each other's times, so the default is one.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from profilers.measuring import machine
from profilers.running.events import (
    Beat,
    Crashed,
    Measured,
    Refused,
    RunTrial,
    SlotEvent,
    SlotInstruction,
    SlotLost,
    SlotName,
    SlotReady,
    StartSlot,
    StopSlot,
)
from profilers.running.process import (
    Death,
    Measuring,
    Message,
    Refusal,
    Warm,
    WarmProcess,
    packed,
    resolve,
    search_path,
)
from profilers.trials import LOCAL

if TYPE_CHECKING:
    from profilers.ports import Executor


def event_of(
    message: Message, *, slot: SlotName, generation: int, at_s: float
) -> SlotEvent:
    """What a warm child's message means to the schedule."""
    match message:
        case Warm():
            return SlotReady(slot=slot, generation=generation, at_s=at_s)
        case Refusal(reason=reason):
            return Refused(slot=slot, generation=generation, at_s=at_s, reason=reason)
        case Death(reason=reason):
            return Crashed(slot=slot, generation=generation, at_s=at_s, reason=reason)
        case _:
            return Measured(
                slot=slot, generation=generation, at_s=at_s, measurement=message
            )


class LocalExecutor:
    """Warm children of this process; `versions` names what tells runtimes' versions."""

    def __init__(
        self,
        *,
        measuring: Measuring = Measuring(),  # noqa: B008  # frozen
        versions: str = "profilers.worker:runtime_versions",
        n_slots: int = 1,
        clock: Callable[[], float] = time.monotonic,
        beat_s: float = 5.0,
    ) -> None:
        self._beat_s = beat_s
        self._beats_due_s = 0.0
        self._measuring = measuring
        self._versions = versions
        self._n_slots = n_slots
        self._clock = clock
        self._workers: dict[SlotName, tuple[int, WarmProcess]] = {}

    def devices(self) -> tuple[str, ...]:
        """None but this machine."""
        return ()

    def cores(self, device: str) -> int:  # noqa: ARG002 - there is but one
        """Those that this process may use."""
        return machine.cores()

    def device_of(self, slot: SlotName) -> str:  # noqa: ARG002 - there is but one
        """This machine."""
        return LOCAL

    def environment(self, device: str = LOCAL) -> Mapping[str, str]:  # noqa: ARG002 - there is but one
        """This machine's processor and runtime versions."""
        return dict(resolve(self._versions)())

    def open(self) -> tuple[SlotName, ...]:
        """The slots; nothing is started before the schedule asks for it."""
        return tuple(SlotName(f"local-{n}") for n in range(self._n_slots))

    def execute(self, instruction: SlotInstruction) -> None:
        """Begin what is asked and return at once."""
        match instruction:
            case StartSlot(slot=slot, generation=generation):
                worker = WarmProcess(self._measuring, search_path=search_path())
                self._workers[slot] = (generation, worker)
            case RunTrial(slot=slot, trial=trial):
                self._workers[slot][1].run(packed(trial))
            case StopSlot(slot=slot):
                self._end(slot)

    def wait(self, *, timeout_s: float | None) -> Sequence[SlotEvent]:
        """Block until a child says something, beats or ends, or the time is up."""
        speakers = {w.connection: slot for slot, (_, w) in self._workers.items()}
        left_s = max(0.0, self._beats_due_s - self._clock())
        ready = wait(
            list(speakers), left_s if timeout_s is None else min(timeout_s, left_s)
        )
        heard = [self._listen(speakers[c]) for c in ready if isinstance(c, Connection)]
        return heard or self._beats()

    def _beats(self) -> list[SlotEvent]:
        """Of every child, where they are due."""
        if self._clock() < self._beats_due_s:
            return []
        self._beats_due_s = self._clock() + self._beat_s
        return [
            Beat(slot=s, generation=g, at_s=self._clock(), cpu_s=worker.cpu_s())
            for s, (g, worker) in self._workers.items()
        ]

    def _listen(self, slot: SlotName) -> SlotEvent:
        generation, worker = self._workers[slot]
        try:
            message = worker.receive()
        except EOFError:
            reason = worker.obituary()
            del self._workers[slot]
            return SlotLost(
                slot=slot, generation=generation, at_s=self._clock(), reason=reason
            )
        return event_of(message, slot=slot, generation=generation, at_s=self._clock())

    def at_s(self) -> float:
        """This machine's monotonic clock."""
        return self._clock()

    def close(self) -> None:
        """End every child."""
        for slot in tuple(self._workers):
            self._end(slot)

    def _end(self, slot: SlotName) -> None:
        ended = self._workers.pop(slot, None)
        if ended is not None:
            ended[1].kill()


if TYPE_CHECKING:
    _: Executor = LocalExecutor()
