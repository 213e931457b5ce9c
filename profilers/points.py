"""Which batch size to time next, and when the ones between need no timing any more.

Service time s and throughput b / s(b) are taken to rise with the batch. Then a batch b
between two measured ones, l < b < u, is bracketed by what they took:

    max(s(l), s(u)·b/u)  ≤  s(b)  ≤  min(s(u), s(l)·b/l)

and is read off the line between them, s'(b), which is what plans do (`planner.perf.service`):
exact for a fixed cost a batch and a cost an item, and never above the bracket. The line's
uncertainty at b is the farther end of the bracket over s'(b), less 1; but where a point has
been timed since that the line before it had foreseen within e, lines that end at it are taken to
be off by no more than 2 e of their worse end (and by `FLOOR_FRAC` at least: what a repetition differs by).

    start    the smallest and the largest batch
    next     the batch with the largest uncertainty, of those that matter
    stop     none is above `tolerance_frac`, or none that matters is left

A batch matters unless it takes longer than the promise allows for certain: whatever the
plan, a batch whose own time is above `limit_s` serves nobody. Nor does any larger one.

Over many curves at once, `until_decided` is told by whoever plans which of them the plan
uses, and times only those. What is not timed is planned with at its fastest (the lower end
of the bracket; beyond the largest timed batch, no slower than that one), so a plan that uses
timed points alone is the plan: no further point could make another one cheaper.

The profile keeps the whole grid: plans may use a batch size between two that were timed, at
the line's time, and the error band holds the largest uncertainty that was left.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeVar

# What another run of the same thing differs by: see `measure.REPEATABILITY_FRAC`.
FLOOR_FRAC: Final = 0.05
TOLERANCE_FRAC: Final = 0.12

Key = TypeVar("Key")


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
        return Curve(
            grid=self.grid,
            timed_s={**self.timed_s, batch: service_s},
            foreseen_frac=off,
            limit_s=self.limit_s,
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

    def fastest_s(self, batch: int) -> float:
        """No less than this can be hoped for; the line where that is sure enough."""
        around = self._around(batch)
        if batch in self.timed_s or (
            around is not None and self.uncertainty_frac(batch) <= TOLERANCE_FRAC
        ):
            return self.line_s(batch)
        return self._least_s(batch)

    def _least_s(self, batch: int) -> float:
        """The lower end of the bracket."""
        below = [b for b in self.timed_s if b <= batch]
        least_s = self.timed_s[max(below)] if below else 0.0
        above = [b for b in self.timed_s if b > batch]
        if above:
            least_s = max(least_s, self.timed_s[min(above)] * batch / min(above))
        return least_s

    def next_within(self, batch: int) -> int | None:
        """What to time so that batches up to this one are known; None: nothing more."""
        if batch not in self.timed_s:
            return batch
        inside = [b for b in self.grid if b < batch and b not in self.timed_s]
        most = max(inside, key=self.uncertainty_frac, default=None)
        if most is None or self.uncertainty_frac(most) <= TOLERANCE_FRAC:
            return None
        return most

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

    def next_batch(self, *, tolerance_frac: float = TOLERANCE_FRAC) -> int | None:
        """The batch to time next; None where no further one can change anything."""
        ends = [b for b in (self.grid[0], self.grid[-1]) if b not in self.timed_s]
        if ends:
            return ends[0]
        open_ = [b for b in self.grid if self._matters(b) and b not in self.timed_s]
        most = max(open_, key=self.uncertainty_frac, default=None)
        if most is None or self.uncertainty_frac(most) <= tolerance_frac:
            return None
        return most

    def left_frac(self) -> float:
        """The largest uncertainty among batch sizes that matter and were not timed."""
        return max(
            (self.uncertainty_frac(b) for b in self.grid if self._matters(b)),
            default=0.0,
        )

    def _matters(self, batch: int) -> bool:
        return self.limit_s is None or self._least_s(batch) <= self.limit_s

    def _around(self, batch: int) -> tuple[int, int] | None:
        timed = sorted(self.timed_s)
        for low, high in pairwise(timed):
            if low < batch < high:
                return low, high
        return None


def until_decided(
    curves: Mapping[Key, Curve],
    *,
    planned: Callable[[Mapping[Key, Curve]], Mapping[Key, int]],
    timed: Callable[[Key, int], float],
) -> Mapping[Key, Curve]:
    """Time no more points than the plan hangs on.

    `planned` gives the curves that the best plan uses, planning with `fastest_s` at every
    batch size, and the largest batch it uses of each; `timed` times a batch.
    """
    known = {
        key: curve.with_timed(curve.grid[0], timed(key, curve.grid[0]))
        for key, curve in curves.items()
    }
    while True:
        used = planned(known)
        wanted = {key: known[key].next_within(batch) for key, batch in used.items()}
        missing = {key: batch for key, batch in wanted.items() if batch is not None}
        if not missing:
            return known
        for key, batch in missing.items():
            known[key] = known[key].with_timed(batch, timed(key, batch))
