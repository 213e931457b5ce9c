"""For each single limit, the smallest change that alone makes the document solvable.

Every relaxation offered was solved: the document with that one field changed
was asked and answered again, and the cost is that answer's. Numeric limits are
found by bisection to `RESOLUTION_FRAC` of their turn and rounded to four digits
on the safe side; whole numbers and the budget are exact; residency and purchase
are tried word by word.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from planner.domain.placement import Solution
from planner.errors import SolverTimeoutError, SpecMistakesError
from planner.optimize.placement import place
from planner.pipeline.candidates import Capacities
from planner.pipeline.dials import Dial, dials
from planner.pipeline.question import Question, ask
from planner.specs.edit import with_values
from planner.specs.plan import Change, Relaxation

# A latency promise stretched up to 50-fold is resolved to 50**(1/1024) = 0.4 %.
RESOLUTION_FRAC: Final = 1 / 1024

Solve = Callable[[dict[str, object]], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrial:
    """Asks and solves the document again with some fields changed."""

    question: Question
    capacities: Capacities
    time_limit_s: float

    def cost_usd_per_month(self, changes: dict[str, object]) -> float | None:
        """Cost of the plan that follows, None where there still is none."""
        try:
            spec = with_values(self.question.spec, changes)
            asked = ask(
                spec, self.question.catalog, self.question.knowledge, self.capacities
            )
            answer = place(asked.problem, time_limit_s=self.time_limit_s)
        except (SpecMistakesError, SolverTimeoutError):
            # A turn that no valid document reaches, or no proof in time: not offered.
            return None
        return answer.cost_usd_per_month if isinstance(answer, Solution) else None


def relaxations(
    question: Question, capacities: Capacities, *, time_limit_s: float
) -> tuple[Relaxation, ...]:
    """Single changes that suffice, the cheapest plan first."""
    retrial = Retrial(
        question=question, capacities=capacities, time_limit_s=time_limit_s
    )
    found = [
        *_budget(question, retrial),
        *_numeric(question, retrial),
        *_words(question, retrial),
    ]
    return tuple(sorted(found, key=lambda r: r.cost_usd_per_month))


def _budget(question: Question, retrial: Retrial) -> Iterable[Relaxation]:
    field, budget = (
        "policy.budget_usd_per_month",
        question.problem.limits.budget_usd_per_month,
    )
    if budget is None:
        return
    cost = retrial.cost_usd_per_month({field: None})
    if cost is not None:
        # Cents, rounded up: what a person would write into the document.
        yield _relaxation(field, budget, math.ceil(cost * 100) / 100, "USD/month", cost)


def _numeric(question: Question, retrial: Retrial) -> Iterable[Relaxation]:
    for dial in dials(question):
        if retrial.cost_usd_per_month({dial.field: dial.limit}) is None:
            continue
        value = _least(dial, retrial)
        cost = retrial.cost_usd_per_month({dial.field: value})
        if cost is not None:
            yield _relaxation(dial.field, dial.current, value, dial.unit, cost)


def _least(dial: Dial, retrial: Retrial) -> float:
    """The smallest turn that suffices; the limit is known to."""
    low, high = 0.0, 1.0
    while _unresolved(dial, low, high):
        middle = (low + high) / 2
        if retrial.cost_usd_per_month({dial.field: dial.at(middle)}) is None:
            low = middle
        else:
            high = middle
    return dial.at(high)


def _unresolved(dial: Dial, low: float, high: float) -> bool:
    if dial.is_whole:
        return abs(dial.at(high) - dial.at(low)) > 1
    return high - low > RESOLUTION_FRAC


def _words(question: Question, retrial: Retrial) -> Iterable[Relaxation]:
    """Residency and purchase, the limits that are lists of words."""
    zones = sorted({p.zone for p in question.places if p.zone is not None})
    for i, w in enumerate(question.spec.workloads):
        field = f"workloads.{i}.residency"
        for zone in zones if w.residency else ():
            if zone not in w.residency:
                yield from _with_word(field, w.residency, zone, retrial)
    for i, site in enumerate(question.spec.sites):
        if site.kind == "cloud":
            for purchase in ("on_demand", "spot"):
                if purchase not in site.purchase:
                    words = tuple(p.value for p in site.purchase)
                    field = f"sites.{i}.purchase"
                    yield from _with_word(field, words, purchase, retrial)


def _with_word(
    field: str, words: tuple[str, ...], word: str, retrial: Retrial
) -> Iterable[Relaxation]:
    wider = [*words, word]
    cost = retrial.cost_usd_per_month({field: wider})
    if cost is not None:
        yield _relaxation(field, ", ".join(words), ", ".join(wider), "list", cost)


def _relaxation(
    field: str,
    current: float | str,
    value: float | str,
    unit: str,
    cost_usd_per_month: float,
) -> Relaxation:
    change = Change(field=field, from_=current, to=value, unit=unit)
    return Relaxation(change=(change,), cost_usd_per_month=cost_usd_per_month)
