"""What caution costs, and how likely the bill is to outgrow the budget.

The premium is the difference of two proven plans: this one, and the one that takes
every profile and rate at its word (`TRUSTING`) and expects no rises of demand; what
the rises alone cost is the difference to the plan without them.

Prices. Of 829 AWS types whose on-demand prices of 2025-04 and 2026-07 were compared,
805 had not moved; `.metal` types had risen by 6 to 10 %, p4 and p5 fallen by 25 to
44 % (karpenter and ec2.shop price tables). How many of the 24 rose is not told
apart, so each counts as a rise: a bound, not an estimate. A price moved within so
many months with probability 1 − (805/829)^(months/15), each on its own, by no more
than 10 %. The bill outgrows the budget where the prices that rose take it there.
"""

import datetime as dt
import itertools
import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from planner.domain.hardware import Offer, Purchase
from planner.domain.placement import PlacementProblem, Solution
from planner.errors import SolverTimeoutError
from planner.optimize.placement import place
from planner.optimize.solution import purchase_usd_per_month
from planner.pipeline.asking.question import Question, ask
from planner.pipeline.exploring.kinds import plan_words
from planner.specs.assurance import PlanRises, PlanSafety
from planner.specs.deployment import Deployment
from planner.specs.edit import with_values
from planner.specs.ways_out import Setting

# Compared between 2025-04 and 2026-07, AWS us-east-1, Linux on demand.
UNMOVED_FRAC: Final = 805 / 829
COMPARED_MONTHS: Final = 15.0
LARGEST_RISE_FRAC: Final = 0.10
DAYS_PER_MONTH: Final = 365.25 / 12
# Every set of that many prices is looked at; of more, any rise counts as too much.
MOST_PRICES: Final = 12
TRUSTING: Final[Mapping[str, Setting]] = {
    "policy.confidence_frac": 0.5,
    "policy.demand_error_frac": 0.0,
}
CENT_USD: Final = 0.01


def trusting(spec: Deployment) -> Deployment:
    """The document of someone who takes every figure at its word."""
    return with_values(spec, {**TRUSTING, **_without_rises(spec)})


def _without_rises(spec: Deployment) -> Mapping[str, Setting]:
    if spec.policy.demand_rises is None:
        return {}
    return {"policy.demand_rises.most_at_once": 0}


def safety(
    question: Question,
    solution: Solution,
    *,
    today: dt.date,
    time_limit_s: float,
) -> PlanSafety | None:
    """The premium and the budget's risk; None where the time passed without a plan."""
    asked = ask(
        trusting(question.spec),
        question.catalog,
        question.knowledge,
        question.capacities,
    )
    try:
        naive = place(asked.problem, time_limit_s=time_limit_s)
    except SolverTimeoutError:
        return None
    if not isinstance(naive, Solution):
        # Whoever fears less can do more: only an unproven "no" ends up here.
        return None
    return PlanSafety(
        trusting_usd_per_month=naive.cost_usd_per_month,
        premium_usd_per_month=solution.cost_usd_per_month - naive.cost_usd_per_month,
        trusting_plan=plan_words(naive),
        budget_exceeded_probability_frac=budget_exceeded_frac(
            question.problem, solution, today=today
        ),
        price_note=_note(solution),
        rises=_rises(question, solution, time_limit_s=time_limit_s),
    )


def _rises(
    question: Question,
    solution: Solution,
    *,
    time_limit_s: float,
) -> PlanRises | None:
    """What room for rises costs; None without any, or where the time ran out."""
    rises = question.problem.rises
    if rises is None:
        return None
    spec = with_values(question.spec, _without_rises(question.spec))
    asked = ask(spec, question.catalog, question.knowledge, question.capacities)
    try:
        steady = place(asked.problem, time_limit_s=time_limit_s)
    except SolverTimeoutError:
        return None
    if not isinstance(steady, Solution):
        return None
    return PlanRises(
        most_at_once=rises.most_at_once,
        n_rising=len(rises.extra_rps),
        largest_rise_frac=max(w.rise_frac for w in question.workloads),
        premium_usd_per_month=solution.cost_usd_per_month - steady.cost_usd_per_month,
    )


def budget_exceeded_frac(
    problem: PlacementProblem, solution: Solution, *, today: dt.date
) -> float | None:
    """At most this likely; None without a budget."""
    budget = problem.limits.budget_usd_per_month
    if budget is None:
        return None
    bills = _bills(problem, solution)
    room = budget - solution.cost_usd_per_month
    if LARGEST_RISE_FRAC * sum(bills.values()) <= room + CENT_USD:
        return 0.0
    rises = [
        (rise_probability_frac(o.price_as_of, today), usd) for o, usd in bills.items()
    ]
    if len(rises) > MOST_PRICES:
        return 1.0 - math.prod(1.0 - p for p, _ in rises)
    total = 0.0
    for risen in itertools.product((False, True), repeat=len(rises)):
        more = sum(u for (_, u), rose in zip(rises, risen, strict=True) if rose)
        if LARGEST_RISE_FRAC * more > room + CENT_USD:
            total += math.prod(
                p if rose else 1.0 - p
                for (p, _), rose in zip(rises, risen, strict=True)
            )
    return min(1.0, total)


def rise_probability_frac(as_of: dt.date, today: dt.date) -> float:
    """That a price moved since it was noted, or moves in the month that is paid for.

    Example:
        >>> day = dt.date(2026, 1, 1)
        >>> round(rise_probability_frac(day, day), 4)
        0.002
    """
    months = max(0.0, (today - as_of).days / DAYS_PER_MONTH) + 1.0
    return 1.0 - math.pow(UNMOVED_FRAC, months / COMPARED_MONTHS)


def _bills(problem: PlacementProblem, solution: Solution) -> dict[Offer, float]:
    """What is paid by list price, USD/month by offer."""
    found: dict[Offer, float] = defaultdict(float)
    for p in solution.purchases:
        if p.offer.purchase is Purchase.ON_DEMAND and p.commitment is None:
            found[p.offer] += purchase_usd_per_month(problem, p)
    return found


def _note(solution: Solution) -> str:
    told = (
        "of 829 AWS on-demand prices compared between 2025-04 and 2026-07, 805 had not "
        "moved and none had risen by more than 10 %; each of the 24 counts as a rise"
    )
    if any(p.offer.purchase is Purchase.SPOT for p in solution.purchases):
        told += (
            "; spot prices move daily, no record of it is at hand and none is counted"
        )
    return told
