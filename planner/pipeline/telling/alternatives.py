"""Why this and not the next best: the plan that avoids what was chosen, solved for."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from planner.domain.placement import Assignment, PlacementProblem, Solution
from planner.pipeline.exploring.kinds import words
from planner.pipeline.exploring.trials import SearchCutShortError, Trials
from planner.specs.plan import RunnerUp

# One solve a workload: beyond this many the answer would keep the user waiting.
MOST_WORKLOADS: Final = 25


def runners_up(
    trials: Trials, solution: Solution, workloads: Sequence[str]
) -> dict[str, RunnerUp]:
    """For each workload the best plan in which it runs on none of its chosen machines.

    None at all where there are more than `MOST_WORKLOADS`, or where the time passed.
    """
    if len(workloads) > MOST_WORKLOADS:
        return {}
    found: dict[str, RunnerUp] = {}
    with contextlib.suppress(SearchCutShortError):
        answers = trials.each(partial(_runner_up, trials, solution), workloads)
        for name in workloads:
            found[name] = next(answers)
    return found


def _runner_up(trials: Trials, solution: Solution, workload: str) -> RunnerUp:
    chosen = {
        (a.candidate.offer.site, a.candidate.offer.instance_type)
        for a in solution.assignments
        if a.candidate.workload == workload
    }
    avoiding = partial(elsewhere, workload=workload, chosen=frozenset(chosen))
    answer = trials.solve({}, avoiding)
    if answer is None:
        budget = trials.question.problem.limits.budget_usd_per_month
        return RunnerUp(
            description="no other machine",
            cost_usd_per_month=None,
            why_not="without the chosen machines no plan keeps every promise"
            + (" within the budget" if budget else ""),
        )
    other = answer.solution
    instead = [a for a in other.assignments if a.candidate.workload == workload]
    return RunnerUp(
        description=words(instead),
        cost_usd_per_month=other.cost_usd_per_month,
        why_not=_why_not(other, solution, instead),
    )


def elsewhere(
    problem: PlacementProblem, *, workload: str, chosen: frozenset[tuple[str, str]]
) -> PlacementProblem:
    """The problem without the workload's columns on machines of those sites and types."""
    others = tuple(
        c
        for c in problem.candidates
        if c.workload != workload or (c.offer.site, c.offer.instance_type) not in chosen
    )
    return replace(problem, candidates=others)


def _why_not(
    other: Solution, chosen: Solution, instead: Sequence[Assignment]
) -> str:  # fmt: skip
    more = other.cost_usd_per_month - chosen.cost_usd_per_month
    if more > 0.005:
        return f"the whole plan would cost {more:,.2f} USD/month more"
    if more < -0.005:
        slower = max(a.candidate.latency_s for a in instead)
        return f"cheaper by {-more:,.2f} USD/month, but slower ({slower * 1000:.0f} ms)"
    return "the same cost; the solver chose between equals"
