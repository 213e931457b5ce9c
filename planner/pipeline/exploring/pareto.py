"""The front of cost, latency and quality, by epsilon-constraint.

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

Each point is a plan of its own that answers the tightened document, with its proof
from the solver, and passes the certificate.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from planner.domain.placement import (
    Candidate,
    NoPlan,
    Objective,
    PlacementProblem,
    Solution,
)
from planner.domain.workloads import LatencySlo
from planner.errors import SpecError
from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.asking.knowledge import Knowledge, learn
from planner.pipeline.asking.question import Question, ask
from planner.pipeline.asking.references import check_references
from planner.pipeline.checking.certify import Inputs, certified
from planner.pipeline.exploring.kinds import plan_words
from planner.pipeline.exploring.trials import SearchCutShortError, Trials
from planner.pipeline.recommend import World
from planner.pipeline.solving.answered import answered
from planner.pipeline.solving.scenarios import Trial
from planner.pipeline.telling import answer
from planner.specs.deployment import Deployment
from planner.specs.edit import with_values
from planner.specs.front import Front, FrontPoint, FrontWorkload
from planner.specs.ways_out import Setting
from planner.units import milliseconds

SEARCH_S: Final = 120.0
SPANNED: Final = (Objective.COST, Objective.LATENCY, Objective.QUALITY)
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


def front(
    spec: Deployment,
    world: World,
    *,
    objectives: Sequence[Objective],
    search_s: float = SEARCH_S,
    clock_s: Callable[[], float] = time.monotonic,
) -> Front:
    """Every plan that nothing beats in all of the objectives, certified.

    Raises:
        SpecError: Objectives that span no front.
        SpecMistakesError: Names that the catalogue does not know.
        ProfilingError: Nothing can be measured here at all.
        SolverError: No verdict within the time limit, or a plan that fails its check.
    """
    _check(objectives)
    check_references(spec, world.catalog)
    world.observer.stage("profiles")
    known = learn(
        spec,
        world.catalog,
        world.models,
        world.profiler,
        on_progress=world.observer.profiling,
    )
    return spanned(
        spec, known, world, objectives=objectives, search_s=search_s, clock_s=clock_s
    )


def _check(objectives: Sequence[Objective]) -> None:
    unknown = [o for o in objectives if o not in SPANNED]
    few = len(set(objectives)) < 2 or len(set(objectives)) < len(objectives)
    if unknown or few:
        raise SpecError(
            "a front spans two or three different objectives of "
            f"{', '.join(o.value for o in SPANNED)}; asked: "
            f"{', '.join(o.value for o in objectives) or 'none'}"
        )


def spanned(
    spec: Deployment,
    knowledge: Knowledge,
    world: World,
    *,
    objectives: Sequence[Objective],
    search_s: float,
    clock_s: Callable[[], float],
) -> Front:
    """The same, from what is known already."""
    world.observer.stage("capacities")
    asked = _cost_first(spec, objectives)
    question = ask(asked, world.catalog, knowledge, Capacities())
    loosest = answered(question, time_limit_s=world.time_limit_s)
    trials = Trials(
        question,
        time_limit_s=world.time_limit_s,
        search_s=search_s,
        clock_s=clock_s,
        scenarios=world.scenarios,
        plan=None if isinstance(loosest, NoPlan) else loosest.solution,
    )
    space = Space(trials)
    undone = []
    found: list[Point] = []
    try:
        for point in _swept(space, objectives):
            found.append(point)
            world.observer.stage(f"front: {trials.n_solves} solves")
    except SearchCutShortError:
        undone.append(f"cut short after {search_s:g} s: points may be missing")
    if trials.n_undecided:
        undone.append(f"{trials.n_undecided} solves ended without a proof")
    world.observer.stage("checking every point")
    kept = unbeaten(found, objectives)
    return Front(
        name=spec.name,
        spec_sha256=answer.spec_sha256(spec),
        objectives=tuple(objectives),
        points=tuple(_document(p, space, world) for p in kept),
        complete=not undone,
        n_solves=trials.n_solves,
        notes=(*_methods(objectives, space), *undone),
    )


def _cost_first(spec: Deployment, objectives: Sequence[Objective]) -> Deployment:
    """Cost is minimised; columns state their quality where that is an aim."""
    aims = [Objective.COST.value]
    if Objective.QUALITY in objectives:
        aims.append(Objective.QUALITY.value)
    return with_values(spec, {"policy.objective": tuple(aims)})


def _swept(space: Space, objectives: Sequence[Objective]) -> Iterable[Point]:
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


def _document(p: Point, space: Space, world: World) -> FrontPoint:
    question, solution = space.question(p), p.trial.solution
    plan = answer.plan_document(
        question, solution, now=world.now(), why={}, runners_up={}
    )
    inputs = Inputs(
        spec=question.spec,
        catalog=question.catalog,
        profiles=question.knowledge.profiles,
    )
    return FrontPoint(
        cost_usd_per_month=p.cost_usd_per_month,
        promise_frac=p.promise_frac,
        quality_frac=p.quality_frac if space.knows_quality else None,
        workloads=tuple(_workloads(question, solution)),
        description=plan_words(solution),
        plan=certified(plan, inputs),
    )


def _workloads(question: Question, solution: Solution) -> Iterable[FrontWorkload]:
    for w in question.workloads:
        used = [a.candidate.profile for a in solution.assignments if a.candidate.workload == w.name]  # fmt: skip
        known = [profile.quality.value_frac for profile in used if profile.quality]
        slo = w.slo
        promised_s = slo.latency_s if isinstance(slo, LatencySlo) else slo.ttft_s
        yield FrontWorkload(
            name=w.name,
            latency_ms=milliseconds(promised_s),
            quality_frac=min(known) if len(known) == len(used) else None,
        )


def _methods(objectives: Sequence[Objective], space: Space) -> Iterable[str]:
    if Objective.LATENCY in objectives:
        yield (
            "latency: the promise that the plan keeps (TTFT, and TPOT alike, for "
            f"language models), found to {RESOLUTION_FRAC:.1%}, down to "
            f"{TIGHTEST_FRAC:.0%} of the document's"
        )
    if Objective.QUALITY in objectives and not space.knows_quality:
        yield "quality: not known of any profile, so it sets nothing apart"
