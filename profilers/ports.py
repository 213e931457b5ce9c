"""What profiling asks of its own parts: something that emulates, something that executes."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from planner.domain.profiles import BatchProfile
from planner.domain.variants import Precision
from profilers.running.events import SlotEvent, SlotInstruction, SlotName
from profilers.trials import LOCAL, Envelope, Measurement, Trial, TrialResult


class Emulator(Protocol):
    """Maps what this machine measured in an envelope to a device that is not here."""

    def devices(self) -> Sequence[str]:
        """Catalogue names of the devices it can map to."""
        ...

    def precisions(self, device: str) -> Sequence[Precision]:
        """What it can map to the device; others need not be measured for it."""
        ...

    def envelope(self, device: str) -> Envelope:
        """The room that a measurement for the device is given.

        Raises:
            DeviceUnavailableError: No published profile teaches how to map to it.
        """
        ...

    def calibration_trials(self, devices: Sequence[str]) -> tuple[Trial, ...]:
        """Measurements of known models that the mapping to these devices needs first."""
        ...

    def calibrate(self, results: Mapping[Trial, TrialResult]) -> None:
        """Learn the mapping from the calibration trials, some of which may have failed."""
        ...

    def profile(
        self, measurement: Measurement, trial: Trial, device: str
    ) -> BatchProfile:
        """The device's profile, provenance `emulated`, with its error band.

        Raises:
            DeviceUnavailableError: What was learned does not reach this device.
        """
        ...


class Executor(Protocol):
    """Carries out the schedule's instructions somewhere, and says what happened.

    Events are stamped with the clock that `at_s` gives.
    """

    def devices(self) -> Sequence[str]:
        """Devices, by their names in the catalogue, that it can measure on themselves.

        Raises:
            DeviceUnavailableError: Whoever would know does not answer.
        """
        ...

    def cores(self, device: str) -> int:
        """The cores of one of them."""
        ...

    def environment(self, device: str = LOCAL) -> Mapping[str, str]:
        """Processor and runtime versions of where trials for the device will run."""
        ...

    def open(self) -> tuple[SlotName, ...]:
        """Make ready; the slots, one measurement at a time each.

        Raises:
            ProfilingError: Nothing can be run there.
        """
        ...

    def device_of(self, slot: SlotName) -> str:
        """What kind of device an opened slot is."""
        ...

    def execute(self, instruction: SlotInstruction) -> None:
        """Begin what is asked and return at once."""
        ...

    def wait(self, *, timeout_s: float | None) -> Sequence[SlotEvent]:
        """Block until something happened or the time is up."""
        ...

    def at_s(self) -> float:
        """The executor's monotonic clock."""
        ...

    def close(self) -> None:
        """End every worker and give back what `open` took."""
        ...
