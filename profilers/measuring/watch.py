"""Watches the machine while it measures: who else works on it, its clock, its heat.

    stolen      ticks that the hypervisor gave to others      /proc/stat
    others      busy ticks less those of its own processes    /proc/stat, times(2)
    clock       MHz of the processors, at every block         cpufreq, else /proc/cpuinfo
    heat        slowed down for heat, so often                thermal_throttle/*_count
    quota       periods in which a quota held this group back cpu.stat of its control group

Each is None where the system does not say; a virtual machine says little of clock and
heat. What it finds becomes `planner.domain.conditions.Conditions`, and, where it may
have moved the figures, a sentence.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import psutil

from planner.domain.conditions import Conditions
from profilers.measuring.energy import Absent, Meter

_ROOT: Final = Path("/")
# Above these a sentence is said. A clock that steps by a tenth moves times by as much;
# the block rule of `measure` calls noisy what disagrees by more than 1.3.
STOLEN_FRAC: Final = 0.05
OTHERS_FRAC: Final = 0.25
CLOCK_RATIO: Final = 1.1
DRIFT_RATIO: Final = 1.1


@dataclass(frozen=True, slots=True)
class _Ticks:
    """Processor time of the whole machine, in ticks, and of this process and its children."""

    busy: int
    stolen: int
    total: int
    own: float

    @classmethod
    def now(cls, root: Path) -> "_Ticks":
        stat = root / "proc/stat"
        if not stat.is_file():
            return cls(0, 0, 0, 0.0)
        with stat.open() as file:
            ticks = [int(word) for word in file.readline().split()[1:9]]
        ticks += [0] * (8 - len(ticks))
        idle, stolen = ticks[3] + ticks[4], ticks[7]
        used = os.times()
        own_s = used.user + used.system + used.children_user + used.children_system
        own_s += sum(map(_living_s, psutil.Process().children(recursive=True)))
        total = sum(ticks)
        return cls(
            total - idle - stolen, stolen, total, own_s * os.sysconf("SC_CLK_TCK")
        )


def _living_s(child: psutil.Process) -> float:
    """Processor time of one that nobody has waited for: replicas that run beside."""
    try:
        used = child.cpu_times()
    except psutil.Error:
        return 0.0
    return float(used.user + used.system)


@dataclass(slots=True)
class Watch:
    """From its making on; `note` is called between blocks, outside of any time taken."""

    meter: Meter = field(default_factory=lambda: Absent(words="not metered"))
    root: Path = _ROOT
    group_stat: Callable[[], Path | None] = lambda: None
    _before: _Ticks = field(init=False)
    _heat: int | None = field(init=False)
    _quota: tuple[int, int] | None = field(init=False)
    _clocks: list[tuple[float, ...]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._before = _Ticks.now(self.root)
        self._heat = self._heat_count()
        self._quota = self._quota_counts()

    def note(self) -> None:
        """Read the clock of every processor."""
        clocks = self._clock_mhz()
        if clocks:
            self._clocks.append(clocks)

    def told(
        self,
        *,
        cold_start_s: float | None,
        drift_ratio: float | None,
        rested_s: float | None = None,
    ) -> Conditions:
        """What has been seen, with what others timed."""
        now = _Ticks.now(self.root)
        passed = now.total - self._before.total
        others = (now.busy - self._before.busy) - (now.own - self._before.own)
        return Conditions(
            cold_start_s=cold_start_s,
            stolen_frac=(now.stolen - self._before.stolen) / passed if passed else None,
            others_frac=min(1.0, max(0.0, others / passed)) if passed else None,
            clock_ratio=self._clock_ratio(),
            n_heat_throttles=self._more_heat(),
            quota_waits_frac=self._quota_waits(),
            drift_ratio=drift_ratio,
            rested_s=rested_s,
            energy_words=self.meter.words,
        )

    def _clock_mhz(self) -> tuple[float, ...]:
        """Of every processor; from cpufreq in kHz, else as /proc/cpuinfo tells it."""
        files = sorted(
            self.root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq")
        )
        if files:
            khz = [k for file in files if (k := _number(file)) is not None]
            return tuple(k / 1000 for k in khz)
        info = self.root / "proc/cpuinfo"
        lines = info.read_text().splitlines() if info.is_file() else []
        return tuple(
            float(line.partition(":")[2])
            for line in lines
            if line.startswith("cpu MHz")
        )

    def _clock_ratio(self) -> float | None:
        """Of the fastest processor at each time: an idle one may well rest."""
        fastest = [max(clocks) for clocks in self._clocks]
        return max(fastest) / min(fastest) if fastest and min(fastest) > 0 else None

    def _heat_count(self) -> int | None:
        files = self.root.glob(
            "sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/*_count"
        )
        counts = [n for file in files if (n := _number(file)) is not None]
        return sum(counts) if counts else None

    def _more_heat(self) -> int | None:
        now = self._heat_count()
        return None if now is None or self._heat is None else max(0, now - self._heat)

    def _quota_counts(self) -> tuple[int, int] | None:
        stat = self.group_stat()
        if stat is None or not stat.is_file():
            return None
        told = dict(line.split() for line in stat.read_text().splitlines())
        if "nr_periods" not in told:
            return None
        return int(told["nr_throttled"]), int(told["nr_periods"])

    def _quota_waits(self) -> float | None:
        now = self._quota_counts()
        if now is None or self._quota is None or now[1] == self._quota[1]:
            return None
        return (now[0] - self._quota[0]) / (now[1] - self._quota[1])


def _number(file: Path) -> int | None:
    """What the file counts; None where it does not say, as of a core that is switched off."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def together(first: Conditions | None, then: Conditions) -> Conditions:
    """Two parts of one measurement: the worse of either; it was begun but once."""
    if first is None:
        return then
    return replace(
        then,
        cold_start_s=first.cold_start_s,
        rested_s=first.rested_s,
        stolen_frac=_most(first.stolen_frac, then.stolen_frac),
        others_frac=_most(first.others_frac, then.others_frac),
        clock_ratio=_most(first.clock_ratio, then.clock_ratio),
        quota_waits_frac=_most(first.quota_waits_frac, then.quota_waits_frac),
        drift_ratio=_most(first.drift_ratio, then.drift_ratio),
        n_heat_throttles=_sum(first.n_heat_throttles, then.n_heat_throttles),
    )


def _most(*told: float | None) -> float | None:
    return max((t for t in told if t is not None), default=None)


def _sum(*told: int | None) -> int | None:
    known = [t for t in told if t is not None]
    return sum(known) if known else None


def sentences(seen: Conditions) -> Sequence[str]:
    """What may have moved the figures, each with its figure."""
    said = []
    if (seen.stolen_frac or 0.0) > STOLEN_FRAC:
        said.append(f"a hypervisor gave {seen.stolen_frac:.0%} of the time to others")
    if (seen.others_frac or 0.0) > OTHERS_FRAC:
        said.append(f"other programs took {seen.others_frac:.0%} of the processors")
    if (seen.clock_ratio or 1.0) > CLOCK_RATIO:
        said.append(f"the processor's clock moved by × {seen.clock_ratio:.2f}")
    if seen.n_heat_throttles:
        said.append(
            f"the processor slowed down for its heat {seen.n_heat_throttles} times"
        )
    if (seen.drift_ratio or 1.0) > DRIFT_RATIO:
        said.append(
            f"times drifted by × {seen.drift_ratio:.2f} from the first third of the "
            "measurement to the last"
        )
    if not said:
        return ()
    return ("while it was measured, " + "; ".join(said),)
