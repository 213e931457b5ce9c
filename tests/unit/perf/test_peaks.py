import datetime as dt
import math

import pytest

from planner.domain.hardware import Device, DeviceKind
from planner.domain.variants import Precision
from planner.perf import peaks
from planner.perf.peaks import Peaks, Timed


def gpu(name, flop_per_s, bytes_per_s, time_s):
    return Timed(
        device=name,
        peaks=Peaks(flop_per_s=flop_per_s, memory_bytes_per_s=bytes_per_s),
        time_s=time_s,
    )


def geometric(flop_per_s, bytes_per_s):
    return 1e11 / math.sqrt(flop_per_s * bytes_per_s)


SPREAD = [
    gpu(name, f, b, geometric(f, b))
    for name, f, b in [
        ("a", 1e14, 3e11),
        ("b", 3e14, 1.5e12),
        ("c", 1e15, 3e12),
        ("d", 7e13, 6e11),
    ]
]


def test_what_is_half_arithmetic_and_half_memory_is_predicted_exactly():
    found = peaks.time_s(SPREAD, Peaks(flop_per_s=2e14, memory_bytes_per_s=9e11))

    assert found == pytest.approx(geometric(2e14, 9e11))


def test_known_devices_that_say_otherwise_bend_the_slopes():
    by_memory = [
        gpu(t.device, t.peaks.flop_per_s, t.peaks.memory_bytes_per_s, 1e9 / t.peaks.memory_bytes_per_s)
        for t in SPREAD
    ]  # fmt: skip
    asked = Peaks(flop_per_s=5e14, memory_bytes_per_s=6e11)

    error = abs(math.log(peaks.time_s(by_memory, asked) / (1e9 / 6e11)))
    undrawn = abs(math.log(geometric(5e14, 6e11) / geometric(3e14, 1.5e12)) - math.log(1.5e12 / 6e11))  # fmt: skip

    assert error < 0.35
    assert error < undrawn


def test_slopes_are_drawn_to_where_they_are_asked_to_be():
    asked = Peaks(flop_per_s=5e14, memory_bytes_per_s=6e11)

    level = peaks.time_s(SPREAD, asked, towards=(0.0, 0.0), draw=1e9)
    steep = peaks.time_s(SPREAD, asked, towards=(-1.0, 0.0), draw=1e9)

    mean_s = math.prod(t.time_s for t in SPREAD) ** (1 / 4)
    mean_flop = math.prod(t.peaks.flop_per_s for t in SPREAD) ** (1 / 4)
    assert level == pytest.approx(mean_s)
    assert steep == pytest.approx(mean_s * mean_flop / 5e14)


def test_devices_alike_do_not_run_away_with_the_slopes():
    alike = [
        gpu("a", 3.12e14, 1.94e12, 0.010),
        gpu("b", 3.12e14, 2.04e12, 0.014),
        gpu("c", 3.12e14, 1.56e12, 0.010),
    ]

    found = peaks.time_s(alike, Peaks(flop_per_s=1e15, memory_bytes_per_s=3.4e12))

    assert 0.003 < found < 0.02


def test_left_out_errors_of_exact_times_vanish():
    assert peaks.left_out([SPREAD]) == pytest.approx([0.0] * len(SPREAD), abs=1e-9)


def test_two_devices_are_too_few_to_leave_one_out():
    assert peaks.left_out([SPREAD[:2]]) == ()


@pytest.mark.parametrize(
    ("flop_per_s", "bytes_per_s", "beyond"),
    [(2e14, 1e12, False), (2e13, 1e12, True), (2e14, 1e13, True), (3e15, 3e12, False)],
)
def test_peaks_far_outside_the_known_ones_are_another_world(
    flop_per_s, bytes_per_s, beyond
):
    asked = Peaks(flop_per_s=flop_per_s, memory_bytes_per_s=bytes_per_s)

    assert peaks.is_beyond(SPREAD, asked) is beyond


def test_a_device_without_both_peaks_has_none():
    device = Device(
        name="d",
        kind=DeviceKind.GPU,
        description="d",
        source="s",
        as_of=dt.date(2026, 1, 1),
        fp16_flop_per_s=1e14,
    )

    assert peaks.peaks_of(device, Precision.FP16) is None
    assert peaks.peaks_of(device, Precision.Q4_K_M) is None
