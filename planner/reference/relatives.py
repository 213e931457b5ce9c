"""Devices without a published table, and the relative of each that has one.

The relative's time is multiplied by a factor between two bounds, each an argument from
published figures.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from planner.domain.factors import Factor
from planner.domain.variants import Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """A device with a table, time over its time by precision, and the argument for it."""

    device: str
    factors: Mapping[Precision, Factor]
    argument: str
    source: str


# High-Performance Linpack, Gflop/s: github.com/geerlingguy/top500-benchmark
# @be7b678134 README.md. Same program, same author, all cores.
_HPL_PI_4, _HPL_PI_5, _HPL_RK3588S = 11.889, 35.169, 53.333
# RK3588S time over Raspberry Pi 4 time, fastest runtime of each, MLPerf open edge
# sweep: median of 28 models at fp32 and of 24 at int8.
_RK3588S_OVER_PI_4 = {Precision.FP32: 0.394, Precision.INT8: 0.380}

_PI_5 = Relative(
    device="rk3588",
    factors={
        precision: Factor(
            low_ratio=_HPL_PI_4 / _HPL_PI_5 / over_pi_4,
            high_ratio=_HPL_RK3588S / _HPL_PI_5,
        )
        for precision, over_pi_4 in _RK3588S_OVER_PI_4.items()
    },
    argument=(
        "both have four Cortex-A76 at 2.4 GHz, the RK3588S four Cortex-A55 and a "
        "wider memory bus besides; at worst slower by their Linpack ratio, at best "
        "faster as Linpack over a Raspberry Pi 4 says"
    ),
    source="github.com/geerlingguy/top500-benchmark@be7b678134",
)

# The same chip on other boards; each board's memory and cooling are its own.
_HPL_ROCK_5B = 51.382
_BOARD_RATIO = (_HPL_RK3588S / _HPL_ROCK_5B) ** 2
_ON_RK3588 = Relative(
    device="rk3588",
    factors={
        precision: Factor(low_ratio=1 / _BOARD_RATIO, high_ratio=_BOARD_RATIO)
        for precision in _RK3588S_OVER_PI_4
    },
    argument=(
        "the same chip on another board; faster or slower by twice what two boards with "
        "it differ by in Linpack"
    ),
    source="github.com/geerlingguy/top500-benchmark@be7b678134",
)

# 12 cores at 2,201.6 MHz: MLPerf v2.1 open/Krai/systems/orin-tflite-v2.7.1-ruy.json.
_AGX_ORIN_GHZ = 2.2016
# 6 cores; the Super developer kit raised 1.5 GHz to 1.7: NVIDIA datasheet, December
# 2024, as cited for the device in the catalogue.
_ORIN_NANO_GHZ, _ORIN_NANO_SUPER_GHZ = 1.5, 1.7
# What doubling the threads from 2 to 4 gave on a Raspberry Pi 4, median over 28
# detectors at fp32 and 18 at int8 (TFLite): github.com/NobuoTsukamoto/benchmarks
# @422e0a08db. From 6 cores to 12 it gives no more than that.
_TWICE_THE_CORES = {Precision.FP32: 1.24, Precision.INT8: 1.70}


def _orin_nano(clock_ghz: float) -> Relative:
    slower = _AGX_ORIN_GHZ / clock_ghz
    return Relative(
        device="jetson-agx-orin",
        factors={
            precision: Factor(low_ratio=slower, high_ratio=slower * twice)
            for precision, twice in _TWICE_THE_CORES.items()
        },
        argument=(
            f"the same Cortex-A78AE at {clock_ghz} instead of 2.2 GHz, 6 instead of "
            "12 cores; slower by the clocks, and by up to what doubling threads gives"
        ),
        source=(
            "MLPerf v2.1 system descriptions; NVIDIA Jetson Orin Nano Super datasheet; "
            "github.com/NobuoTsukamoto/benchmarks@422e0a08db"
        ),
    )


RELATIVES: Mapping[str, Relative] = {
    "raspberry-pi-5": _PI_5,
    "raspberry-pi-5-8gb": _PI_5,
    "raspberry-pi-5-16gb": _PI_5,
    "jetson-orin-nano-8gb": _orin_nano(_ORIN_NANO_GHZ),
    "orange-pi-5": _ON_RK3588,
    "radxa-rock-5b": _ON_RK3588,
    "jetson-orin-nano-super-8gb": _orin_nano(_ORIN_NANO_SUPER_GHZ),
}
