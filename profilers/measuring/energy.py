"""Energy from the machine's own counters, where it has any; absent is said, never zero.

    RAPL   /sys/class/powercap/intel-rapl:N/energy_uj, one file a processor package, µJ,
           wrapping at max_energy_range_uj (Linux, Documentation/power/powercap); Intel
           and AMD processors; readable by root alone since 2020 (CVE-2020-8694)
    NVML   nvmlDeviceGetTotalEnergyConsumption, mJ since the driver was loaded, on
           Volta and later; of every GPU of the machine

Both count all that the package or GPU does, other programs and idling included.
"""

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

_POWERCAP: Final = Path("/sys/class/powercap")
_UJ_PER_J: Final = 1e6
_MJ_PER_J: Final = 1e3


class Meter(Protocol):
    """Counts joules from some fixed moment."""

    @property
    def words(self) -> str:
        """What it meters, or why nothing does."""
        ...

    def energy_j(self) -> float | None:
        """So far; None where nothing meters."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """Nothing meters here."""

    words: str

    def energy_j(self) -> None:
        """Not known."""


@dataclass(slots=True)
class Rapl:
    """The processor packages' counters, unwrapped."""

    packages: Sequence[Path]
    _last_uj: list[int] = field(default_factory=list)
    _total_uj: int = 0

    @property
    def words(self) -> str:
        """How many packages."""
        n = len(self.packages)
        return (
            f"the whole processor package by RAPL ({n} package{'s' if n > 1 else ''})"
        )

    def energy_j(self) -> float:
        """Since it was first asked."""
        now_uj = [_whole(p / "energy_uj") for p in self.packages]
        last_uj = self._last_uj or now_uj
        for package, before, after in zip(self.packages, last_uj, now_uj, strict=True):
            wrapped = after < before
            self._total_uj += after - before
            self._total_uj += _whole(package / "max_energy_range_uj") if wrapped else 0
        self._last_uj = now_uj
        return self._total_uj / _UJ_PER_J


@dataclass(frozen=True, slots=True)
class Nvml:
    """The GPUs' counters; `read_mj` reads each."""

    read_mj: Sequence[Callable[[], int]]

    @property
    def words(self) -> str:
        """How many GPUs: those that are idle, too."""
        n = len(self.read_mj)
        return f"the whole GPU by NVML{f' (all {n} GPUs)' if n > 1 else ''}"

    def energy_j(self) -> float:
        """Since the driver was loaded."""
        return sum(read() for read in self.read_mj) / _MJ_PER_J


def processor_meter(powercap: Path = _POWERCAP) -> Meter:
    """RAPL where it can be read."""
    packages = sorted(
        p for p in powercap.glob("intel-rapl:*") if p.name.count(":") == 1
    )
    if not packages:
        return Absent(words="not metered: this system has no energy counters (RAPL)")
    try:
        meter = Rapl(packages)
        meter.energy_j()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return Absent(words=f"not metered: {packages[0]} cannot be read ({why})")
    return meter


def gpu_meter() -> Meter:
    """NVML where it answers."""
    if importlib.util.find_spec("pynvml") is None:
        return Absent(words="not metered: nvidia-ml-py is not installed")
    nvml: Any = importlib.import_module("pynvml")
    try:
        nvml.nvmlInit()
        handles = [
            nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())
        ]
        meter = Nvml(
            [partial(nvml.nvmlDeviceGetTotalEnergyConsumption, h) for h in handles]
        )
        meter.energy_j()
    except nvml.NVMLError as error:
        return Absent(words=f"not metered: NVML says {error}")
    return meter


def _whole(file: Path) -> int:
    return int(file.read_text())
