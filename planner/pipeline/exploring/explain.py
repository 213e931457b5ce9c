"""A plan explained: what binds, where it flips, what is nearly as good, what lost."""

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, TypeVar

from planner.domain.placement import NoPlan, Solution
from planner.errors import SpecError
from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.asking.knowledge import Knowledge, learn
from planner.pipeline.asking.question import ask
from planner.pipeline.asking.references import check_references
from planner.pipeline.exploring.flips import (
    RESOLUTION_FRAC,
    STEPS,
    flips,
    least_budget,
    turnables,
)
from planner.pipeline.exploring.kinds import plan_words
from planner.pipeline.exploring.near import MOST_PLANS, WITHIN_FRAC, near_plans
from planner.pipeline.exploring.openings import openings
from planner.pipeline.exploring.trials import SearchCutShortError, Trials
from planner.pipeline.exploring.worth import by_worth, worths
from planner.pipeline.recommend import World
from planner.pipeline.solving.answered import answered
from planner.pipeline.solving.cuts import as_tried
from planner.pipeline.solving.scenarios import Trial, trial_of
from planner.pipeline.telling import answer
from planner.pipeline.telling.alternatives import runners_up
from planner.specs.deployment import Deployment
from planner.specs.explanation import (
    Explanation,
    Flip,
    Steady,
    WorkloadRunnerUp,
)
from planner.specs.load import parse_spec
from planner.specs.plan import PlanDocument

# Long enough for some hundreds of solves of a small document.
SEARCH_S: Final = 120.0
CENT_USD: Final = 0.01

Item = TypeVar("Item")


def spec_of(plan: PlanDocument) -> Deployment:
    """The question that a plan answers, checked anew.

    Raises:
        SpecError: The plan does not carry it.
        SpecMistakesError: It does not fit this version of the planner.
    """
    if plan.spec is None:
        raise SpecError(
            f"the plan '{plan.name}' does not carry its document (an older version "
            "wrote it); run planner recommend again"
        )
    return parse_spec(plan.spec, document=f"the document of plan '{plan.name}'")


def explain(
    plan: PlanDocument,
    world: World,
    *,
    search_s: float = SEARCH_S,
    clock_s: Callable[[], float] = time.monotonic,
) -> Explanation:
    """What the plan hangs on, by solving its document again and again.

    Raises:
        SpecError: The plan carries no document, or there is no plan today.
        ProfilingError: Its models cannot be measured here at all.
        SolverError: No verdict within the time limit.
    """
    spec = spec_of(plan)
    check_references(spec, world.catalog)
    world.observer.stage("profiles")
    known = learn(
        spec,
        world.catalog,
        world.models,
        world.profiler,
        on_progress=world.observer.profiling,
        planned=None if plan.points is None else world.used(spec),
    )
    return explained(spec, plan, known, world, search_s=search_s, clock_s=clock_s)


def explained(
    spec: Deployment,
    plan: PlanDocument,
    knowledge: Knowledge,
    world: World,
    *,
    search_s: float,
    clock_s: Callable[[], float],
) -> Explanation:
    """The same, from what is known already."""
    world.observer.stage("capacities")
    asked = ask(spec, world.catalog, knowledge, Capacities())
    question = as_tried(asked, plan.simulation)
    found = answered(question, time_limit_s=world.time_limit_s)
    if isinstance(found, NoPlan):
        raise SpecError(
            f"with today's prices and profiles there is no plan for '{plan.name}'; "
            "planner recommend says why, and what would make one"
        )
    trials = Trials(
        question,
        time_limit_s=world.time_limit_s,
        search_s=search_s,
        clock_s=clock_s,
        scenarios=world.scenarios,
        accepts_unsure=not found.is_sure,
        plan=found.solution,
    )
    return _explanation(plan, trial_of(found), trials, world, search_s)


def _explanation(
    plan: PlanDocument,
    base: Trial,
    trials: Trials,
    world: World,
    search_s: float,
) -> Explanation:
    notes: list[str] = [*_changed(plan, base.solution), *_cuts(plan), *_methods()]

    def within_time(items: Iterable[Item], what: str) -> tuple[Item, ...]:
        world.observer.stage(what)
        found: list[Item] = []
        try:
            found.extend(items)
        except SearchCutShortError:
            notes.append(f"{what}: cut short after {search_s:g} s in all")
        return tuple(found)

    near = within_time(near_plans(trials, base), "plans nearly as good")
    turned = within_time(_turned(trials, base, world), "flip points")
    worth = within_time(worths(trials, base), "what each limit is worth")
    opened = within_time(openings(trials, base), "what else could be allowed")
    world.observer.stage("runners-up")
    if len(near) >= MOST_PLANS:
        notes.append(f"plans nearly as good: only the best {MOST_PLANS} are told")
    return Explanation(
        name=plan.name,
        spec_sha256=answer.spec_sha256(trials.question.spec),
        plan=plan_words(base.solution),
        cost_usd_per_month=base.solution.cost_usd_per_month,
        worth=by_worth(worth),
        flips=tuple(t for t in turned if isinstance(t, Flip)),
        steady=tuple(t for t in turned if isinstance(t, Steady)),
        near_within_frac=WITHIN_FRAC,
        near=near,
        runners_up=_runners_up(trials, base),
        openings=opened,
        resolution_frac=RESOLUTION_FRAC,
        n_solves=trials.n_solves,
        notes=tuple(notes),
    )


def _turned(trials: Trials, base: Trial, world: World) -> Iterable[Flip | Steady]:
    yield from least_budget(trials.question, base.solution)
    every = list(turnables(trials, base))
    found = trials.each(partial(flips, trials, base), every)
    for i, turnable in enumerate(every, start=1):
        world.observer.stage(f"flip points {i}/{len(every)}: {turnable.what}")
        yield from next(found)


def _runners_up(trials: Trials, base: Trial) -> tuple[WorkloadRunnerUp, ...]:
    names = [w.name for w in trials.question.workloads]
    found = runners_up(trials, base.solution, names)
    return tuple(
        WorkloadRunnerUp(workload=name, runner_up=other)
        for name, other in found.items()
    )


def _changed(plan: PlanDocument, base: Solution) -> Iterable[str]:
    then, now = plan.cost.total_usd_per_month, base.cost_usd_per_month
    if abs(then - now) > CENT_USD:
        yield (
            f"prices or profiles changed since the plan was made: it cost {then:,.2f} "
            f"USD/month, the best plan today costs {now:,.2f}, and is what is explained"
        )


def _cuts(plan: PlanDocument) -> Iterable[str]:
    tried = () if plan.simulation is None else plan.simulation.rounds[:-1]
    kept = [
        f"{c.kept_frac:.0%} of {c.workload} as {c.variant} on {c.device}"
        for r in tried
        for c in r.cuts
    ]
    if kept:
        yield (
            "capacities are those that held on simulated traffic, as the plan records "
            f"them: {'; '.join(kept)}"
        )


def _methods() -> Iterable[str]:
    yield (
        "worth of a limit: the difference of two solved plans, one unit apart; no LP "
        "duals are used, since machines are whole"
    )
    far = STEPS[-1]
    yield (
        f"flip points: looked for up to {far:g} times and down to 1/{far:g}, in steps "
        f"of {', '.join(f'{s:g}' for s in STEPS)}, then bisected to "
        f"{RESOLUTION_FRAC:.1%}, each step solved"
    )
