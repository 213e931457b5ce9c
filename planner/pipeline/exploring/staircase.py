"""The points of a front, by epsilon-constraint.

    cost(e, q)   the least cost of a plan that keeps every promise multiplied by e
                 and answers nothing below a share q of the best known quality

Every value is solved for: promises are tightened in the document itself, so that
capacities, shared machines and the certificate follow; ways of lower quality are
left out. Quality takes only the values that profiles have. In e the cost is a
falling staircase. Its steps are found by halving every interval, on a scale of
factors, whose ends differ in cost, until it is narrower than `RESOLUTION_FRAC`:
between two ends of one cost there is no step, since the cost never rises with e.
So no plan beats a point by more than that in latency without being dearer, and
what is left after the beaten points are dropped is the front to that resolution.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from planner.domain.placement import Candidate, Objective, PlacementProblem
from planner.pipeline.asking.question import Question
from planner.pipeline.exploring.trials import Trials
from planner.pipeline.solving.scenarios import Trial
from planner.specs.deployment import Deployment
from planner.specs.ways_out import Setting

# Promises are bisected to this; costs that differ by less are one step.
RESOLUTION_FRAC: Final = 0.005
COST_RESOLUTION_FRAC: Final = 1e-4
# Nobody sells a hundredth of a latency: below this no front is looked for.
TIGHTEST_FRAC: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A plan and its three values; `promise_frac` is e, `quality_frac` what it reaches."""

    trial: Trial
    cost_usd_per_month: float
    promise_frac: float
    quality_frac: float


class Space:
    """The document with its promises tightened and its quality raised."""

    def __init__(self, trials: Trials) -> None:
        self.trials = trials
        self._best_frac: dict[str, float] = {}
        for c in trials.question.problem.candidates:
            known = max(self._best_frac.get(c.workload, 0.0), c.quality_frac or 0.0)
            self._best_frac[c.workload] = known

    @property
    def knows_quality(self) -> bool:
        """Whether any workload has a known quality."""
        return any(self._best_frac.values())

    def levels_frac(self) -> list[float]:
        """Every quality there is, the least first."""
        columns = self.trials.question.problem.candidates
        return sorted({quality_frac(c, self._best_frac) for c in columns})

    def best(self, promise_frac: float, least_frac: float) -> Point | None:
        """The cheapest plan that reaches both, None where there is none.

        Raises:
            SearchCutShortError: No time is left.
        """
        twist = partial(good_enough, least_frac=least_frac, best_frac=self._best_frac)
        trial = self.trials.solve(self._changes(promise_frac), twist)
        if trial is None:
            return None
        used = [a.candidate for a in trial.solution.assignments]
        return Point(
            trial=trial,
            cost_usd_per_month=trial.solution.cost_usd_per_month,
            promise_frac=promise_frac,
            quality_frac=min(quality_frac(c, self._best_frac) for c in used),
        )

    def question(self, point: Point) -> Question:
        """What the point's plan answers."""
        return self.trials.question_of(self._changes(point.promise_frac), point.trial)

    def _changes(self, promise_frac: float) -> dict[str, Setting]:
        if promise_frac == 1.0:
            return {}
        return tightened(self.trials.question.spec, promise_frac)


# A tighter end, the point there if it has one, and the point at the looser end.
Interval = tuple[float, Point | None, Point]


def quality_frac(c: Candidate, best_frac: Mapping[str, float]) -> float:
    """The share of the best known quality; 1 where none is known of its workload."""
    best = best_frac.get(c.workload, 0.0)
    return (c.quality_frac or 0.0) / best if best else 1.0


def good_enough(
    problem: PlacementProblem, *, least_frac: float, best_frac: Mapping[str, float]
) -> PlacementProblem:
    """The problem less the columns whose quality is below a share of the best known."""
    good = tuple(
        c for c in problem.candidates if quality_frac(c, best_frac) >= least_frac
    )
    return replace(problem, candidates=good)


def tightened(spec: Deployment, promise_frac: float) -> dict[str, Setting]:
    """Every promised time, multiplied."""
    changes: dict[str, Setting] = {}
    for i, w in enumerate(spec.workloads):
        for name in ("latency_ms", "ttft_ms", "tpot_ms"):
            promised_ms = getattr(w.slo, name)
            if promised_ms is not None:
                changes[f"workloads.{i}.slo.{name}"] = promised_ms * promise_frac
    return changes


def swept(space: Space, objectives: Sequence[Objective]) -> Iterable[Point]:
    """A staircase for every level of quality."""
    by_quality = Objective.QUALITY in objectives
    for level in space.levels_frac() if by_quality else (0.0,):
        loosest = space.best(1.0, level)
        if loosest is None:
            continue
        yield loosest
        if Objective.LATENCY in objectives:
            by_cost = Objective.COST in objectives
            yield from _steps(space, level, loosest, by_cost=by_cost)


def _steps(
    space: Space, level: float, loosest: Point, *, by_cost: bool
) -> Iterable[Point]:
    """Points on both sides of every step of cost over promises.

    All intervals of one width are halved together: none depends on another.
    """
    tightest = space.best(TIGHTEST_FRAC, level)
    if tightest is not None:
        yield tightest
    intervals: list[Interval] = [(TIGHTEST_FRAC, tightest, loosest)]
    while True:
        wide = [i for i in intervals if _is_open(i, by_cost=by_cost)]
        if not wide:
            return
        middles = [math.sqrt(tight * high.promise_frac) for tight, _, high in wide]
        found = space.trials.each(lambda at: space.best(at, level), middles)
        intervals = []
        for (tight, low, high), middle, between in zip(
            wide, middles, found, strict=True
        ):
            if between is None:
                intervals.append((middle, None, high))
            else:
                yield between
                intervals += [(tight, low, between), (middle, between, high)]


def _is_open(interval: Interval, *, by_cost: bool) -> bool:
    """Whether there may be a step between its ends."""
    tight, low, high = interval
    is_one = low is not None and (not by_cost or _is_one_cost(low, high))
    return not is_one and high.promise_frac > tight * (1 + RESOLUTION_FRAC)


def _is_one_cost(one: Point, other: Point) -> bool:
    costs = (one.cost_usd_per_month, other.cost_usd_per_month)
    return math.isclose(*costs, rel_tol=COST_RESOLUTION_FRAC)


def unbeaten(points: Sequence[Point], objectives: Sequence[Objective]) -> list[Point]:
    """Points that no other equals or betters in every objective, the cheapest first."""
    values = [_values(p, objectives) for p in points]
    kept: list[int] = []
    for i in sorted(range(len(points)), key=lambda i: values[i]):
        if not any(_covers(values[k], values[i]) for k in kept):
            kept.append(i)
    found = [points[i] for i in kept]
    return sorted(found, key=lambda p: (p.cost_usd_per_month, p.promise_frac))


def _values(p: Point, objectives: Sequence[Objective]) -> tuple[float, ...]:
    """Smaller is better; costs of one step are one cost."""
    step = round(math.log(max(p.cost_usd_per_month, 0.01)) / COST_RESOLUTION_FRAC)
    by_objective = {
        Objective.COST: float(step),
        Objective.LATENCY: p.promise_frac,
        Objective.QUALITY: 1.0 - p.quality_frac,
    }
    return tuple(by_objective[o] for o in objectives)


def _covers(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a <= b + 1e-9 for a, b in zip(one, other, strict=True))
