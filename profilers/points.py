"""Which batch size to time next, and when the ones between need no timing any more.

Service time s and throughput b / s(b) are taken to rise with the batch. Then a batch b
between two measured ones, l < b < u, is bracketed by what they took:

    max(s(l), s(u)·b/u)  ≤  s(b)  ≤  min(s(u), s(l)·b/l)

and is read off the line between them, s'(b), which is what plans do (`planner.perf.service`):
exact for a fixed cost a batch and a cost an item, and never above the bracket. The line's
uncertainty at b is the farther end of the bracket over s'(b), less 1; but where a point has
been timed since that the line before it had foreseen within e, lines that end at it are taken to
be off by no more than 2 e of their worse end (and by `FLOOR_FRAC` at least).

    start    the smallest and the largest batch
    next     the batch with the largest uncertainty, of those that matter
    stop     none is above `FLOOR_FRAC`, what a repetition differs by, or none that
             matters is left

A batch matters unless it takes longer than the promise allows for certain: whatever the
plan, a batch whose own time is above `limit_s` serves nobody. Nor does any larger one.

The profile keeps the whole grid: plans may use a batch size between two that were timed, at
the line's time.

Over many curves at once, `until_decided` is told by whoever plans how far the plan uses
each of them: at first the smallest batch alone is timed, then the farthest that the plan
would use with it, then all that it would use, if it uses the curve still. Nothing
is read off: on lines that were good to 5 %, 2 plans of 17 bought other machines than the
whole grid's (`tests/bench/fewer_points_measured.py`, 2026-11). What is not timed is planned
with at its fastest (`at_their_fastest`): the lower end of the bracket, beyond the largest
timed batch no slower than that one. So a plan that uses timed batches alone is the plan: no
further point could make another one cheaper.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from dataclasses import Field

# What another run of the same thing differs by: see `measure.REPEATABILITY_FRAC`.
FLOOR_FRAC: Final = 0.05


class Point(Protocol):
    """A batch size with its times; a dataclass."""

    __dataclass_fields__: "ClassVar[dict[str, Field[Any]]]"

    @property
    def batch(self) -> int:
        """Requests at once."""
        ...

    @property
    def p50_s(self) -> float:
        """The median."""
        ...


Key = TypeVar("Key")
AnyPoint = TypeVar("AnyPoint", bound=Point)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What is known of the service times over a grid of batch sizes.

    `foreseen_frac` is how far the line was off at points that were timed after it was
    drawn, by batch. `limit_s` is the longest time that is of use; None: any.
    """

    grid: tuple[int, ...]
    timed_s: Mapping[int, float]
    foreseen_frac: Mapping[int, float]
    limit_s: float | None = None

    @classmethod
    def unknown(cls, grid: Sequence[int], *, limit_s: float | None = None) -> "Curve":
        """Before anything is timed."""
        return cls(
            grid=tuple(sorted(set(grid))), timed_s={}, foreseen_frac={}, limit_s=limit_s
        )

    def with_timed(self, batch: int, service_s: float) -> "Curve":
        """After one more batch size was timed."""
        off = dict(self.foreseen_frac)
        if self._around(batch) is not None:
            off[batch] = abs(service_s / self.line_s(batch) - 1.0)
        return replace(
            self, timed_s={**self.timed_s, batch: service_s}, foreseen_frac=off
        )

    def line_s(self, batch: int) -> float:
        """The time, timed or on the line between those timed around it."""
        if batch in self.timed_s:
            return self.timed_s[batch]
        around = self._around(batch)
        if around is None:
            raise AssertionError("between points that were timed only")
        low, high = around
        part = (batch - low) / (high - low)
        return self.timed_s[low] + part * (self.timed_s[high] - self.timed_s[low])

    def uncertainty_frac(self, batch: int) -> float:
        """How far the truth may be from the line; zero where it was timed."""
        if batch in self.timed_s:
            return 0.0
        around = self._around(batch)
        if around is None:
            return float("inf")
        low, high = around
        s_low, s_high = self.timed_s[low], self.timed_s[high]
        least_s = max(s_low, s_high * batch / high)
        most_s = min(s_high, s_low * batch / low)
        line_s = self.line_s(batch)
        bracket = max(most_s / line_s - 1.0, line_s / least_s - 1.0, 0.0)
        near = [self.foreseen_frac[b] for b in (low, high) if b in self.foreseen_frac]
        return min(bracket, max(2 * max(near), FLOOR_FRAC)) if near else bracket

    def next_batches(self) -> tuple[int, ...]:
        """What to time next; empty where no further point can change anything."""
        ends = [b for b in (self.grid[0], self.grid[-1]) if b not in self.timed_s]
        if ends:
            return tuple(dict.fromkeys(ends))
        open_ = [b for b in self.grid if self._matters(b) and b not in self.timed_s]
        most = max(open_, key=self.uncertainty_frac, default=None)
        if most is None or self.uncertainty_frac(most) <= FLOOR_FRAC:
            return ()
        return (most,)

    def _matters(self, batch: int) -> bool:
        return self.limit_s is None or self._least_s(batch) <= self.limit_s

    def _least_s(self, batch: int) -> float:
        """The lower end of the bracket, for a batch within what was timed."""
        low = max(b for b in self.timed_s if b <= batch)
        high = min(b for b in self.timed_s if b >= batch)
        return max(self.timed_s[low], self.timed_s[high] * batch / high)

    def _around(self, batch: int) -> tuple[int, int] | None:
        timed = sorted(self.timed_s)
        for low, high in pairwise(timed):
            if low < batch < high:
                return low, high
        return None


def completed(
    curve: Curve, timed: Callable[[Sequence[int]], Mapping[int, float]]
) -> Curve:
    """The curve once nothing need be timed any more; `timed` gives seconds by batch."""
    while wanted := curve.next_batches():
        for batch, service_s in timed(wanted).items():
            curve = curve.with_timed(batch, service_s)
    return curve


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Which batch sizes of a curve's grid are timed."""

    grid: tuple[int, ...]
    timed: frozenset[int] = frozenset()

    @property
    def asked(self) -> tuple[int, ...]:
        """Them, ascending."""
        return tuple(sorted(self.timed))

    @property
    def known(self) -> tuple[int, ...]:
        """The batch sizes that a plan may use: a limit needs all below it."""
        return tuple(takewhile(self.timed.__contains__, self.grid))

    def towards(self, batch: int) -> "Reach":
        """At first with the farthest that is no larger alone, then with all up to it."""
        within = [b for b in self.grid if b <= batch]
        is_first = len(self.timed) <= 1 and batch not in self.timed
        more = within[:1] + within[-1:] if is_first else within
        return replace(self, timed=self.timed.union(more))

    def below(self, batch: int) -> "Reach":
        """Without that batch and all larger ones, which cannot be had."""
        return replace(
            self,
            grid=tuple(b for b in self.grid if b < batch),
            timed=frozenset(b for b in self.timed if b < batch),
        )


def until_decided(
    reaches: Mapping[Key, Reach],
    *,
    timed: Callable[[Mapping[Key, Reach]], Collection[Key]],
    planned: Callable[[Mapping[Key, Reach]], Mapping[Key, int]],
) -> Mapping[Key, Reach]:
    """Make curves known no farther than the plan hangs on.

    `timed` makes curves known as far as said, and gives those that could not be;
    `planned` gives the curves that the best plan uses and the largest batch of each,
    where those that are not known are taken at their fastest.
    """
    known = dict(reaches)
    wanted = {k: r.towards(r.grid[0]) for k, r in known.items()}
    while wanted:
        failed = timed(wanted)
        for key, reach in wanted.items():
            new = (reach.timed - known[key].timed) or reach.timed
            known[key] = known[key].below(max(new)) if key in failed else reach
        farther = {k: known[k].towards(b) for k, b in planned(known).items()}
        wanted = {k: r for k, r in farther.items() if r.asked != known[k].asked}
    return known


def read_off(points: Sequence[AnyPoint], grid: Sequence[int]) -> tuple[AnyPoint, ...]:
    """The points, and the batches of the grid between them on the line from one to the next."""
    timed = sorted(points, key=lambda p: p.batch)
    between = [
        _on_line(low, high, batch)
        for low, high in pairwise(timed)
        for batch in grid
        if low.batch < batch < high.batch
    ]
    return tuple(sorted([*timed, *between], key=lambda p: p.batch))


def at_their_fastest(points: Sequence[AnyPoint], reach: Reach) -> tuple[AnyPoint, ...]:
    """The points, and what is not known beside them as fast as they allow it to be."""
    timed = {p.batch for p in points}
    unknown = [b for b in reach.grid if b not in timed and b not in reach.known]
    hoped = [*points, *(_fastest(points, b) for b in unknown)]
    return tuple(sorted(hoped, key=lambda p: p.batch))


def _fastest(points: Sequence[AnyPoint], batch: int) -> AnyPoint:
    low = max((p for p in points if p.batch < batch), key=lambda p: p.batch)
    high = min(
        (p for p in points if p.batch > batch), key=lambda p: p.batch, default=None
    )
    if high is None or high.p50_s * batch / high.batch <= low.p50_s:
        return replace(low, batch=batch)
    return _scaled(replace(high, batch=batch), batch / high.batch)


def _on_line(low: AnyPoint, high: AnyPoint, batch: int) -> AnyPoint:
    part = (batch - low.batch) / (high.batch - low.batch)
    begins, ends = _times_s(low), _times_s(high)
    times = {
        name: time_s + part * (ends[name] - time_s) if name in ends else None
        for name, time_s in begins.items()
    }
    return replace(low, batch=batch, **times)


def _scaled(point: AnyPoint, ratio: float) -> AnyPoint:
    """All its times that much longer."""
    times = {name: time_s * ratio for name, time_s in _times_s(point).items()}
    return replace(point, **times)


def _times_s(point: Point) -> dict[str, float]:
    """Those that are known, by their names."""
    return {
        f.name: value
        for f in fields(point)
        if f.name.endswith("_s") and (value := getattr(point, f.name)) is not None
    }
