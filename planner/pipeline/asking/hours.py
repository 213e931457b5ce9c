"""The hours of a day or week, gathered into blocks in which every rate stays the same.

Hours with equal rates of every workload are one block, at no loss. Where more
blocks are left than allowed, the two most alike are merged again and again; a
merged block has the larger of the two rates, so a plan for it serves both hours.
What merging asks for beyond the stated traffic is least at each step.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from planner.domain.placement import ALWAYS, Block
from planner.specs.traffic import ConstantTraffic, HourlyTraffic, Traffic
from planner.units import H_PER_MONTH

H_PER_DAY: Final = 24
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

Rates = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Blocks, each workload's rate in each of them, and the block of every hour."""

    blocks: tuple[Block, ...]
    rates_rps: Mapping[str, Rates]
    block_of_hour: tuple[int, ...] = (0,)


def gather(traffic: Mapping[str, Traffic], *, most_blocks: int) -> Hours:
    """At most `most_blocks` blocks that together are a month of 730 hours."""
    n_hours = max((len(_hourly(t)) for t in traffic.values()), default=1)
    if n_hours == 1:
        rates = {w: (_hourly(t)[0],) for w, t in traffic.items()}
        return Hours(blocks=(ALWAYS,), rates_rps=rates)
    week = {w: _repeated(_hourly(t), n_hours) for w, t in traffic.items()}
    alike: dict[Rates, list[int]] = defaultdict(list)
    for hour in range(n_hours):
        alike[tuple(week[w][hour] for w in week)].append(hour)
    groups = _merged(list(alike.items()), most_blocks)
    groups.sort(key=lambda group: group[1][0])
    share_h = H_PER_MONTH / n_hours
    return Hours(
        blocks=tuple(
            Block(name=_name(hours, n_hours), h_per_month=share_h * len(hours))
            for _, hours in groups
        ),
        rates_rps={w: tuple(r[i] for r, _ in groups) for i, w in enumerate(week)},
        block_of_hour=tuple(
            next(t for t, (_, hours) in enumerate(groups) if hour in hours)
            for hour in range(n_hours)
        ),
    )


def _hourly(traffic: Traffic) -> Rates:
    if isinstance(traffic, ConstantTraffic):
        return (traffic.rate_rps,)
    if isinstance(traffic, HourlyTraffic):
        return tuple(traffic.scale_ratio * rate for rate in traffic.rates_rps)
    return traffic.rates_rps


def _repeated(rates: Rates, n_hours: int) -> Rates:
    return rates * (n_hours // len(rates))


def _merged(
    groups: list[tuple[Rates, list[int]]], most_blocks: int
) -> list[tuple[Rates, list[int]]]:
    while len(groups) > most_blocks:
        pairs = (
            (_excess(groups[i], groups[j]), i, j)
            for i in range(len(groups))
            for j in range(i)
        )
        _, i, j = min(pairs)
        (one, hours), (other, more) = groups[i], groups[j]
        both = tuple(max(a, b) for a, b in zip(one, other, strict=True))
        rest = [g for k, g in enumerate(groups) if k not in {i, j}]
        groups = [*rest, (both, sorted([*hours, *more]))]
    return groups


def _excess(one: tuple[Rates, list[int]], other: tuple[Rates, list[int]]) -> float:
    """Requests beyond those stated, each workload's in parts of its own rate."""
    total = 0.0
    for a, b in zip(one[0], other[0], strict=True):
        high = max(a, b)
        if high > 0:
            total += (high - a) / high * len(one[1]) + (high - b) / high * len(other[1])
    return total


def _name(hours: Sequence[int], n_hours: int) -> str:
    """Runs of hours in words.

    Example:
        >>> _name([0, 1, 2, 23], 24)
        '00–03, 23–24'
        >>> _name([9, 33], 168)
        'Mon 09–10, Tue 09–10'
    """
    runs: list[list[int]] = []
    for hour in hours:
        starts_day = hour % H_PER_DAY == 0
        if runs and hour == runs[-1][1] and not starts_day:
            runs[-1][1] = hour + 1
        else:
            runs.append([hour, hour + 1])
    words = []
    for start, end in runs:
        day = f"{DAYS[start // H_PER_DAY]} " if n_hours > H_PER_DAY else ""
        words.append(f"{day}{start % H_PER_DAY:02d}–{(end - 1) % H_PER_DAY + 1:02d}")
    return ", ".join(words)
