"""The front of cost, latency and quality: every plan that nothing beats, certified.

Each point is a plan of its own that answers the document with its promises tightened
(`planner.pipeline.exploring.staircase`), with its proof from the solver.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from planner.domain.placement import NoPlan, Objective, Solution
from planner.domain.workloads import LatencySlo
from planner.errors import SpecError
from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.asking.knowledge import Knowledge, learn
from planner.pipeline.asking.question import Question, ask
from planner.pipeline.asking.references import check_references
from planner.pipeline.checking.certify import Inputs, certified
from planner.pipeline.exploring.kinds import plan_words
from planner.pipeline.exploring.staircase import (
    RESOLUTION_FRAC,
    TIGHTEST_FRAC,
    Point,
    Space,
    swept,
    unbeaten,
)
from planner.pipeline.exploring.trials import SearchCutShortError, Trials
from planner.pipeline.recommend import World
from planner.pipeline.solving.answered import answered
from planner.pipeline.telling import answer
from planner.specs.deployment import Deployment
from planner.specs.edit import with_values
from planner.specs.front import Front, FrontPoint, FrontWorkload
from planner.units import milliseconds

SEARCH_S: Final = 120.0
SPANNED: Final = (Objective.COST, Objective.LATENCY, Objective.QUALITY)


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
        for point in swept(space, objectives):
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
