"""What a schedule hears and what it orders: the words between it and whoever carries it out."""

from dataclasses import dataclass
from typing import NewType

from profilers.trials import Measurement, Trial, TrialKey

SlotName = NewType("SlotName", str)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotReady:
    """A slot's worker is up and waits for a trial."""

    slot: SlotName
    generation: int
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotLost:
    """A slot's worker is gone, and with it whatever it ran."""

    slot: SlotName
    generation: int
    at_s: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The trial on this slot gave a measurement."""

    slot: SlotName
    generation: int
    at_s: float
    measurement: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The trial on this slot said no; it would say so again."""

    slot: SlotName
    generation: int
    at_s: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Crashed:
    """The trial's own process died; the slot is well."""

    slot: SlotName
    generation: int
    at_s: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """The slot is heard of; `cpu_s` is the processor time its trial has used so far."""

    slot: SlotName
    generation: int
    at_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """Time has passed."""

    at_s: float


SlotEvent = SlotReady | SlotLost | Measured | Refused | Crashed | Beat
Event = SlotEvent | Ticked


@dataclass(frozen=True, slots=True, kw_only=True)
class StartSlot:
    """Bring up a worker; events of earlier generations of the slot are stale."""

    slot: SlotName
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTrial:
    """Run the trial on this slot's idle worker."""

    slot: SlotName
    generation: int
    key: TrialKey
    trial: Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class StopSlot:
    """End the slot's worker at once, whatever it does."""

    slot: SlotName


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepMeasurement:
    """The trial is done: store what it gave."""

    key: TrialKey
    measurement: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepFailure:
    """The trial has failed for good: store why."""

    key: TrialKey
    reason: str


SlotInstruction = StartSlot | RunTrial | StopSlot
Instruction = SlotInstruction | KeepMeasurement | KeepFailure
