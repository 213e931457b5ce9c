"""A model's time on a device of which only the peaks are known, from other devices.

    ln t[d]  =  a + β · (ln F[d], ln B[d])      F operations/s, B bytes/s, at their peaks

β is drawn towards (-½, -½): half of the way to arithmetic, half to memory, which is
where a roofline's two sides meet. DRAW is the weight of that against what the known
devices say, as if they lay so far apart (in squared logarithms) themselves.

How far off: every device is left out in turn, over everything measured alike.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.domain.hardware import Device
from planner.domain.variants import Precision
from planner.perf.kriging import covering

MIN_DEVICES: Final = 3
DRAW: Final = 0.3
TOWARDS: Final = (-0.5, -0.5)
# Fewer left-out times say nothing about how far off the next one is.
MIN_LEFT_OUT: Final = 10
# Peaks farther outside those of the known devices than this are another world.
BEYOND_RATIO: Final = 3.0

_OPERATIONS = {
    Precision.FP32: "fp32_flop_per_s",
    Precision.FP16: "fp16_flop_per_s",
    Precision.BF16: "fp16_flop_per_s",
    Precision.INT8: "int8_op_per_s",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Peaks:
    """What a device can do at most, in the number format at hand."""

    flop_per_s: float
    memory_bytes_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One thing's time on one device with known peaks."""

    device: str
    peaks: Peaks
    time_s: float


def peaks_of(device: Device, precision: Precision) -> Peaks | None:
    """The device's peaks; None where a source states only one of them, or none."""
    column = _OPERATIONS.get(precision)
    flop_per_s = None if column is None else getattr(device, column)
    if flop_per_s is None or device.memory_bytes_per_s is None:
        return None
    return Peaks(flop_per_s=flop_per_s, memory_bytes_per_s=device.memory_bytes_per_s)


def time_s(
    known: Sequence[Timed],
    peaks: Peaks,
    *,
    towards: tuple[float, float] = TOWARDS,
    draw: float = DRAW,
) -> float:
    """The thing's time on a device with these peaks."""
    x = np.array([_logs(k.peaks) for k in known])
    y = np.log([k.time_s for k in known])
    centre, level = x.mean(axis=0), float(y.mean())
    apart = x - centre
    surprise = apart.T @ (y - level - apart @ np.array(towards))
    slopes = np.array(towards) + np.linalg.solve(
        apart.T @ apart + draw * np.eye(2), surprise
    )
    return math.exp(level + float((np.array(_logs(peaks)) - centre) @ slopes))


def is_beyond(known: Sequence[Timed], peaks: Peaks) -> bool:
    """Whether a peak lies farther outside the known devices' than BEYOND_RATIO."""
    for i, log in enumerate(_logs(peaks)):
        logs = [_logs(k.peaks)[i] for k in known]
        if max(min(logs) - log, log - max(logs)) > math.log(BEYOND_RATIO):
            return True
    return False


def left_out(things: Iterable[Sequence[Timed]]) -> tuple[float, ...]:
    """Logarithm of truth over prediction of every time, each with its device left out."""
    errors = []
    for thing in things:
        for timed in thing:
            others = [k for k in thing if k.device != timed.device]
            if len({k.device for k in others}) >= MIN_DEVICES - 1:
                errors.append(math.log(timed.time_s / time_s(others, timed.peaks)))
    return tuple(errors)


def half_width(errors: Sequence[float], share_frac: float) -> float:
    """Half of the interval, in logarithms, that holds so many of the left-out times."""
    return covering(sorted(abs(e) for e in errors), share_frac)


def _logs(peaks: Peaks) -> tuple[float, float]:
    return math.log(peaks.flop_per_s), math.log(peaks.memory_bytes_per_s)
