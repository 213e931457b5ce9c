"""Whether the plan is a tie with another one: what was measured once more may choose that.

Times that were measured here come out otherwise the next time, within their own spread
(`Evidence.repeats_frac`). So the plan is solved for twice more, with every column that rests
on times behind the plan at its capacity over, and at its capacity times (1 + that spread).
Where the best plan then uses other machines or variants, it is told, with its cost by
today's figures. Capacities of promises that are hardly kept move by more than that: not
every tie is told.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

from planner.domain.placement import PlacementProblem, Solution
from planner.domain.profiles import ProfileKey, key_of
from planner.pipeline.exploring.kinds import kind, only, plan_words
from planner.pipeline.exploring.near import WITHIN_FRAC, ways
from planner.pipeline.exploring.trials import SearchCutShortError, Trials

Spreads = Mapping[ProfileKey, float]


def ties(trials: Trials, solution: Solution) -> Iterable[str]:
    """The plans that another measurement may choose, each in a sentence."""
    profiles = [a.candidate.profile for a in solution.assignments]
    spreads = {
        key_of(p): p.evidence.repeats_frac
        for p in profiles
        if p.evidence.repeats_frac > 0
    }
    told = {ways(solution)}
    for sign in (-1, 1) if spreads else ():
        try:
            rival = _rival(trials, spreads, sign)
        except SearchCutShortError:
            return
        if rival is not None and ways(rival) not in told:
            told.add(ways(rival))
            yield _words(rival, solution, max(spreads.values()))


def _rival(trials: Trials, spreads: Spreads, sign: int) -> Solution | None:
    """The best plan of that world, or of its kind by today's figures where there is one."""
    there = trials.solve({}, partial(_shifted, spreads=spreads, sign=sign))
    if there is None:
        return None
    now = trials.solve({}, partial(only, allowed=kind(there.solution)))
    return there.solution if now is None else now.solution


def _shifted(
    problem: PlacementProblem, *, spreads: Spreads, sign: int
) -> PlacementProblem:
    """The problem with those profiles' columns carrying that much less, or more."""
    columns = tuple(
        replace(
            c,
            capacity_rps=c.capacity_rps
            * (1 + spreads.get(key_of(c.profile), 0.0)) ** sign,
        )
        for c in problem.candidates
    )
    return replace(problem, candidates=columns)


def _words(rival: Solution, solution: Solution, spread_frac: float) -> str:
    cost, chosen = rival.cost_usd_per_month, solution.cost_usd_per_month
    word = "a tie" if abs(cost - chosen) <= WITHIN_FRAC * chosen else "not certain"
    return (
        f"{word}: measured again, the best plan may be {plan_words(rival)} "
        f"({cost:,.2f} USD/month as things stand, {abs(cost - chosen):,.2f} "
        f"{'more' if cost >= chosen else 'less'}), for times measured here come out up to "
        f"{100 * spread_frac:.0f} % otherwise the next time"
    )
