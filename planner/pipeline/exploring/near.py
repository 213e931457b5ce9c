"""Plans that differ in kind and are nearly as good.

A plan of another kind does without at least one part of the best plan's kind (a
workload on a type of machine in one variant). So the best plan without each part
is solved for, then without a part of those plans as well, and so on, the best
first: what comes out is complete up to `MOST_PLANS`, in order, except for plans
that only add parts to one that is told.
"""

import heapq
import itertools
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Final

from planner.domain.placement import Candidate, PlacementProblem, Solution
from planner.pipeline.exploring.kinds import plan_words
from planner.pipeline.exploring.trials import Trials
from planner.pipeline.solving.scenarios import Trial
from planner.specs.explanation import NearPlan

WITHIN_FRAC: Final = 0.05
MOST_PLANS: Final = 10

# A workload, a type of machine, and how the model runs on it.
Way = tuple[str, str, str]


def way(c: Candidate) -> Way:
    """What is banned together: where and how it is bought makes no difference."""
    return c.workload, c.offer.instance_type, str(c.profile.variant)


def ways(solution: Solution) -> frozenset[Way]:
    """Everything a plan uses."""
    return frozenset(way(a.candidate) for a in solution.assignments)


def without(problem: PlacementProblem, *, banned: frozenset[Way]) -> PlacementProblem:
    """The problem less the columns of those ways."""
    columns = tuple(c for c in problem.candidates if way(c) not in banned)
    return replace(problem, candidates=columns)


def near_plans(
    trials: Trials, base: Trial, *, within_frac: float = WITHIN_FRAC
) -> Iterable[NearPlan]:
    """The best first; at most `MOST_PLANS`.

    Raises:
        SearchCutShortError: No time is left.
    """
    best = base.aims[0]
    told = {ways(base.solution)}
    tried: set[frozenset[Way]] = set()
    counter = itertools.count()
    heap: list[tuple[float, int, Solution, frozenset[Way]]] = []

    def solve(banned: frozenset[Way]) -> Trial | None:
        return trials.solve({}, partial(without, banned=banned))

    def expand(solution: Solution, banned: frozenset[Way]) -> None:
        wider = [
            w for one in sorted(ways(solution)) if (w := banned | {one}) not in tried
        ]
        tried.update(wider)
        for ban, found in zip(wider, trials.each(solve, wider), strict=True):
            if found is not None and found.aims[0] <= best * (1 + within_frac):
                entry = (found.aims[0], next(counter), found.solution, ban)
                heapq.heappush(heap, entry)

    expand(base.solution, frozenset())
    while heap and len(told) <= MOST_PLANS:
        value, _, solution, banned = heapq.heappop(heap)
        if ways(solution) not in told:
            told.add(ways(solution))
            yield NearPlan(
                description=plan_words(solution),
                cost_usd_per_month=solution.cost_usd_per_month,
                worse_frac=(value - best) / best if best else 0.0,
                without=tuple(" ".join(w) for w in sorted(banned)),
            )
        expand(solution, banned)
