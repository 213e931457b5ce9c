"""Why this and not the next best: the plan that avoids what was chosen, solved for."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from planner.domain.placement import Assignment, PlacementProblem, Solution
from planner.optimize.placement import place
from planner.pipeline.exploring.kinds import words
from planner.specs.plan import RunnerUp

# One solve a workload: beyond this many the answer would keep the user waiting.
MOST_WORKLOADS: Final = 25


def runner_up(
    problem: PlacementProblem,
    solution: Solution,
    workload: str,
    *,
    time_limit_s: float,
) -> RunnerUp:
    """The best plan in which this workload runs on none of its chosen machines."""
    chosen = {
        (a.candidate.offer.site, a.candidate.offer.instance_type)
        for a in solution.assignments
        if a.candidate.workload == workload
    }
    others = tuple(
        c
        for c in problem.candidates
        if c.workload != workload or (c.offer.site, c.offer.instance_type) not in chosen
    )
    answer = place(replace(problem, candidates=others), time_limit_s=time_limit_s)
    if not isinstance(answer, Solution):
        return RunnerUp(
            description="no other machine",
            cost_usd_per_month=None,
            why_not="without the chosen machines no plan keeps every promise"
            + (" within the budget" if problem.limits.budget_usd_per_month else ""),
        )
    instead = [a for a in answer.assignments if a.candidate.workload == workload]
    return RunnerUp(
        description=words(instead),
        cost_usd_per_month=answer.cost_usd_per_month,
        why_not=_why_not(answer, solution, instead),
    )


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
