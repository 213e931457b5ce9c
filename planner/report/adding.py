"""Amounts rounded so that what is printed adds up as printed.

Each amount is rounded down, then those that lost most are rounded up until the
total is met (largest remainder): no amount is off by a whole unit of the last digit.
The bill is rounded from the top: the total, then the placements, then their lines,
so that the same money reads the same in every table.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from planner.specs.plan import PlanDocument

CENT_DECIMALS: Final = 2
# Sums of floats that differ by less than this part of the last printed digit are one.
SAME_SUM_DIGITS: Final = Fraction(2, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedUp:
    """Amounts and their total as printed.

    `is_whole` is false where the amounts do not add up to the total that was
    stated; then the total printed is theirs.
    """

    parts: tuple[str, ...]
    total: str
    is_whole: bool = True


def added_up(
    amounts: Sequence[float], total: float | None = None, *, decimals: int
) -> AddedUp:
    """Amounts with their own total, or with a stated one that they must meet.

    Example:
        >>> added_up([0.333, 0.333, 0.334], decimals=2)
        AddedUp(parts=('0.33', '0.33', '0.34'), total='1.00', is_whole=True)
    """
    scale = 10**decimals
    exact = [Fraction(a) * scale for a in amounts]
    own = sum(exact, Fraction(0))
    stated = own if total is None else Fraction(total) * scale
    is_whole = abs(own - stated) <= SAME_SUM_DIGITS
    target = half_up(stated if is_whole else own)
    return AddedUp(
        parts=tuple(fixed(c, decimals) for c in _counts(exact, target)),
        total=fixed(target, decimals),
        is_whole=is_whole,
    )


def _counts(exact: Sequence[Fraction], target: int) -> list[int]:
    """Each amount rounded down or up, adding up to the target."""
    counts = [math.floor(a) for a in exact]
    most_lost = sorted(range(len(exact)), key=lambda i: counts[i] - exact[i])
    for i in most_lost[: target - sum(counts)]:
        counts[i] += 1
    return counts


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedBill:
    """The month's money as every table prints it."""

    placements: AddedUp
    lines: AddedUp


def printed_bill(plan: PlanDocument) -> PrintedBill:
    """Placements add up to the total, and lines to the placements they belong to."""
    total = plan.cost.total_usd_per_month
    costs = [p.cost_usd_per_month for p in plan.placements]
    amounts = [line.usd_per_month for line in plan.cost.lines]
    placements = added_up(costs, total, decimals=CENT_DECIMALS)
    lines = added_up(amounts, total, decimals=CENT_DECIMALS)
    groups = _groups(amounts, costs)
    if groups is None or not (placements.is_whole and lines.is_whole):
        return PrintedBill(placements=placements, lines=lines)
    scale = 10**CENT_DECIMALS
    exact_costs = [Fraction(c) * scale for c in costs]
    targets = _counts(exact_costs, half_up(Fraction(total) * scale))
    parts = [
        fixed(count, CENT_DECIMALS)
        for group, target in zip(groups, targets, strict=True)
        for count in _counts([Fraction(a) * scale for a in group], target)
    ]
    return PrintedBill(
        placements=placements,
        lines=AddedUp(parts=tuple(parts), total=lines.total),
    )


def _groups(
    amounts: Iterable[float], costs: Iterable[float]
) -> list[list[float]] | None:
    """Lines in runs that add up to one placement each; None where they do not."""
    rest = list(amounts)
    groups: list[list[float]] = []
    for cost in costs:
        group: list[float] = []
        while rest and not _is_same(sum(group), cost):
            group.append(rest.pop(0))
        if not _is_same(sum(group), cost):
            return None
        groups.append(group)
    if any(rest) or not groups:
        return None
    groups[-1] += rest
    return groups


def _is_same(a: float, b: float) -> bool:
    # The same floats added in another order differ in the last digits only.
    return math.isclose(a, b, rel_tol=1e-15)


def half_up(value: Fraction) -> int:
    """The nearest whole number, halves up."""
    return math.floor(value + Fraction(1, 2))


def fixed(count: int, decimals: int) -> str:
    """So many units of the last decimal, with separators; exact at any size.

    Example:
        >>> fixed(123450, 2), fixed(-5, 2), fixed(1234, 0)
        ('1,234.50', '-0.05', '1,234')
    """
    sign = "-" if count < 0 else ""
    whole, rest = divmod(abs(count), 10**decimals)
    return f"{sign}{whole:,}" + (f".{rest:0{decimals}d}" if decimals else "")
