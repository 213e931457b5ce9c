"""The conversions the planner makes, each in one place: a factor is never typed twice."""

from typing import Final

BYTES_PER_KIB: Final = 1024
BYTES_PER_MIB: Final = 1024**2
BYTES_PER_GIB: Final = 1024**3
# Vendors sell decimal gigabytes; a cloud's egress is billed per GB = 10^9 bytes.
BYTES_PER_GB: Final = 10**9
BITS_PER_BYTE: Final = 8

MS_PER_S: Final = 1000.0
S_PER_MIN: Final = 60.0
S_PER_H: Final = 3600.0
# The month every cloud bills by: 8,760 h / 12.
H_PER_MONTH: Final = 730.0
W_PER_KW: Final = 1000.0
GCO2E_PER_KGCO2E: Final = 1000.0


def seconds(milliseconds: float) -> float:
    """Seconds in so many milliseconds.

    Example:
        >>> seconds(120.0)
        0.12
    """
    return milliseconds / MS_PER_S


def milliseconds(seconds: float) -> float:
    """Milliseconds in so many seconds.

    Example:
        >>> milliseconds(0.12)
        120.0
    """
    return seconds * MS_PER_S


def bytes_per_s(megabits_per_s: float) -> float:
    """Bytes per second carried by a link sold in decimal megabits per second.

    Example:
        >>> bytes_per_s(20.0)
        2500000.0
    """
    return megabits_per_s * 1e6 / BITS_PER_BYTE


def megabits_per_s(bytes_per_s: float) -> float:
    """Decimal megabits per second, as links are sold, that carry so many bytes a second.

    Example:
        >>> megabits_per_s(2500000.0)
        20.0
    """
    return bytes_per_s * BITS_PER_BYTE / 1e6


def usd_per_month(usd_per_h: float) -> float:
    """A month's bill for something that runs all the time.

    Example:
        >>> usd_per_month(1.0)
        730.0
    """
    return usd_per_h * H_PER_MONTH
