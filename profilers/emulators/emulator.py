"""The port `profilers.ports.Emulator`, over a catalogue's published profiles.

    envelope     threads: the device's cores, at most half of this machine's
                 quota:   the device's cores, where this machine has more
                 memory:  the device's, less what its system takes; edge devices only,
                          a cloud machine's memory is a property of the offer
    calibrate    times of known models here, once a room (envelope without memory)
    profile      `profilers.emulators.mapping`, from the fastest published rows of the
                 device, or of its relative (`planner.reference.relatives`)

A precision that nobody published for a device is refused, never replaced.
"""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import TYPE_CHECKING, Protocol

from planner.domain.hardware import Device, DeviceKind
from planner.domain.operations import family
from planner.domain.profiles import BatchProfile, Profile
from planner.domain.variants import Precision
from planner.errors import DeviceUnavailableError
from planner.reference.records import PublishedModel
from planner.reference.relatives import RELATIVES
from planner.units import BYTES_PER_MIB
from profilers.emulators import bands, calibration
from profilers.emulators.mapping import Learned, emulated
from profilers.emulators.published import FAMILIES, Published, Table, tables, times
from profilers.emulators.ratios import MIN_MODELS
from profilers.measuring import machine
from profilers.trials import Envelope, Failure, Measurement, Trial, TrialResult

if TYPE_CHECKING:
    from profilers.ports import Emulator

# In use on an idle Raspberry Pi 5 with Debian 12's desktop, of 8,048 MiB:
# github.com/joe-possum/machines, wiki page "System: RPi5", 2024-11-26.
SYSTEM_BYTES = 591 * BYTES_PER_MIB
_ISAS = {"amd64": "x86_64", "aarch64": "arm64"}


class Facts(Protocol):
    """What the emulator reads of the catalogue."""

    def device(self, name: str) -> Device:
        """One device."""
        ...

    def models(self) -> Sequence[PublishedModel]:
        """Every model with a published profile."""
        ...

    def profiles(self, model: str) -> Sequence[Profile]:
        """Everything published about a model."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The machine that measures: cores that it may use, instruction set."""

    cores: int
    isa: str

    @classmethod
    def here(cls) -> "Host":
        """This machine."""
        return cls(cores=machine.cores(), isa=isa(platform.machine()))


def isa(architecture: str | None) -> str:
    """One name for an instruction set that systems spell differently.

    Example:
        >>> isa("aarch64"), isa("x86_64")
        ('arm64', 'x86_64')
    """
    name = (architecture or "").lower()
    return _ISAS.get(name, name)


class Emulators:
    """Every device that published profiles reach, as seen from one machine."""

    def __init__(self, catalog: Facts, *, host: Host | None = None) -> None:
        self._catalog = catalog
        self._host = host or Host.here()
        self._results: Mapping[Trial, TrialResult] = {}

    @cached_property
    def _tables(self) -> Mapping[Precision, Table]:
        return tables(
            profile
            for model in self._catalog.models()
            if family(model.name) in FAMILIES
            for profile in self._catalog.profiles(model.name)
        )

    def devices(self) -> tuple[str, ...]:
        """Catalogue names of the devices that can be emulated at some precision."""
        published = {device for table in self._tables.values() for device in table}
        names = sorted(published | RELATIVES.keys())
        return tuple(name for name in names if self.precisions(name))

    def precisions(self, device: str) -> tuple[Precision, ...]:
        """Precisions at which enough of the known models are published."""
        return tuple(
            precision
            for precision in self._tables
            if len(self._known_rows(device, precision)) >= MIN_MODELS
        )

    def envelope(self, device: str) -> Envelope:
        """The room that a measurement for the device is given.

        Raises:
            DeviceUnavailableError: No published profile teaches how to map to it.
        """
        self._check_emulable(device)
        facts = self._catalog.device(device)
        host_cores = self._host.cores
        cores = facts.cores or host_cores  # where nobody states it, no limit
        memory_bytes = None
        if facts.kind is DeviceKind.EDGE and facts.memory_bytes is not None:
            memory_bytes = facts.memory_bytes - SYSTEM_BYTES
        return Envelope(
            # Two threads on two busy cores ran 3 to 30 × slower for seconds at a time.
            threads=max(1, min(cores, host_cores // 2)),
            cpu_quota_cores=float(cores) if cores < host_cores else None,
            memory_bytes=memory_bytes,
        )

    def calibration_trials(self, devices: Sequence[str]) -> tuple[Trial, ...]:
        """Measurements of the known models, once in each room of these devices.

        Raises:
            DeviceUnavailableError: One of them cannot be emulated.
        """
        return calibration.trials(self.envelope(device) for device in devices)

    def calibrate(self, results: Mapping[Trial, TrialResult]) -> None:
        """Learn this machine's times of the known models; failed ones are missing."""
        self._results = dict(results)

    def profile(
        self, measurement: Measurement, trial: Trial, device: str
    ) -> BatchProfile:
        """The device's profile, provenance `emulated`, with its error band.

        Raises:
            DeviceUnavailableError: What was learned does not reach this device.
        """
        self._check_emulable(device)
        return emulated(self._learned(trial, device), measurement, trial)

    def _check_emulable(self, device: str) -> None:
        if not self.precisions(device):
            raise DeviceUnavailableError(
                f"'{device}' cannot be emulated: nobody published enough known models "
                f"on it; emulated can be {', '.join(self.devices())}"
            )

    def _known_rows(self, device: str, precision: Precision) -> Mapping[str, Published]:
        """Published rows of the known models, on the device or on its relative."""
        relative = RELATIVES.get(device)
        table = self._tables.get(precision, {})
        rows = table.get(relative.device if relative else device, {})
        return {model: rows[model] for model in calibration.MODELS if model in rows}

    def _learned(self, trial: Trial, device: str) -> Learned:
        precision = trial.variant.precision
        if precision not in self.precisions(device):
            known = ", ".join(self.precisions(device))
            raise DeviceUnavailableError(
                f"{precision} on '{device}' cannot be emulated: too few known models "
                f"are published there at {precision}; measure {known} for it, or "
                "measure on the device itself"
            )
        here = self._known_here(trial)
        rows = {
            model: row
            for model, row in self._known_rows(device, precision).items()
            if model in here
        }
        if len(rows) < MIN_MODELS:
            raise DeviceUnavailableError(
                f"{precision} on '{device}' cannot be emulated: {len(rows)} of the "
                f"{MIN_MODELS} known models needed could be measured here"
                + self._why_missing(trial)
            )
        errors, n_devices = self._left_out(precision, self._device_isa(device))
        return Learned(
            device=device,
            precision=precision,
            rows=rows,
            local_s={model: here[model].points[0].p50_s for model in rows},
            known_error_frac=median(here[model].error_frac for model in rows),
            devices_sigma=bands.sigma(errors),
            n_devices=n_devices,
            relative=RELATIVES.get(device),
        )

    def _known_here(self, trial: Trial) -> Mapping[str, Measurement]:
        """The known models as measured here, in the trial's room and precision."""
        return {
            known.model.name: result
            for known, result in self._results.items()
            if isinstance(result, Measurement) and _is_alike(known, trial)
        }

    def _why_missing(self, trial: Trial) -> str:
        reasons = dict.fromkeys(
            result.reason
            for known, result in self._results.items()
            if isinstance(result, Failure) and _is_alike(known, trial)
        )
        return f": {'; '.join(reasons)}" if reasons else ""

    def _device_isa(self, device: str) -> str:
        return isa(self._catalog.device(device).architecture)

    @cached_property
    def _held_out(self) -> Mapping[Precision, Sequence[bands.HeldOut]]:
        return {
            precision: bands.held_out_errors(times(table), calibration.MODELS)
            for precision, table in self._tables.items()
        }

    def _left_out(
        self, precision: Precision, device_isa: str
    ) -> tuple[Sequence[bands.HeldOut], int]:
        """Errors of pairs like this machine and the device, and how many devices."""
        errors = bands.alike(
            self._held_out[precision],
            {name: self._device_isa(name) for name in self._tables[precision]},
            local_isa=self._host.isa,
            device_isa=device_isa,
        )
        return errors, len({error.device for error in errors})


def _is_alike(known: Trial, trial: Trial) -> bool:
    return (
        known.envelope == calibration.room(trial.envelope)
        and known.variant.precision is trial.variant.precision
    )


if TYPE_CHECKING:

    def _proof(catalog: Facts) -> Emulator:
        return Emulators(catalog)
