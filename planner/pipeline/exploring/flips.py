"""Where the answer flips: the traffic, price, promise or budget at which it changes in kind.

One thing is turned at a time, in growing steps until the plan as it is in kind
(`planner.pipeline.exploring.kinds`) is no longer among the best, then bisected to
`RESOLUTION_FRAC`. A kind is still among the best where the best plan of that kind is
as good as the best of all; each such claim is solved for, and equals do not count
as a flip. Between two steps a kind might lose and win again unseen; `STEPS` says
how far apart they are.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from planner.domain.placement import Objective, PlacementProblem, Solution
from planner.errors import SpecMistakesError
from planner.pipeline.asking.question import Question
from planner.pipeline.exploring.dials import traffic
from planner.pipeline.exploring.kinds import (
    Kind,
    aims,
    is_worse,
    kind,
    only,
    plan_words,
)
from planner.pipeline.exploring.trials import Changes, Trials
from planner.pipeline.telling.bill import machine_words
from planner.specs.explanation import Flip, Steady
from planner.specs.plan import Change, Setting

# Factors by which a thing is turned, up or down, before the flip is bisected.
STEPS: Final = (1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
# Prices and traffic are known to a percent at best.
RESOLUTION_FRAC: Final = 0.005

Problem = Callable[[float], PlacementProblem]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turnable:
    """A thing that is multiplied by a factor; `problem` is what is then asked.

    `current` and `unit` are how the document states it.
    """

    what: str
    field: str
    current: float
    unit: str
    problem: Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What a factor leads to: whether the kind stands, and the best plan if it does not."""

    stands: bool
    best: Solution | None = None


def turnables(trials: Trials, base: Solution) -> Iterable[Turnable]:
    """Traffic of all workloads, the chosen machines' prices, promises, the budget."""
    yield _traffic(trials)
    yield from _prices(trials.question.problem, base)
    yield from _promises(trials)
    yield from _budget(trials.question)


def flips(
    trials: Trials, base: Solution, turnable: Turnable
) -> Iterable[Flip | Steady]:
    """The nearest flip upwards and downwards, or how far the kind was seen to stand.

    Raises:
        SearchCutShortError: No time is left.
    """
    chosen = kind(base)
    for sign in (1, -1):
        last = 1.0
        for step in STEPS:
            factor = step**sign
            seen = _look(trials, turnable, chosen, factor)
            if seen is None:
                break
            if not seen.stands:
                yield _bisected(trials, turnable, chosen, last, factor)
                break
            last = factor
        else:
            yield _steady(turnable, last)


def _look(
    trials: Trials, turnable: Turnable, chosen: Kind, factor: float
) -> _Seen | None:
    """None where no valid document goes so far."""
    try:
        problem = turnable.problem(factor)
    except SpecMistakesError:
        return None
    best = trials.place(problem)
    if best is None:
        return _Seen(stands=False)
    if kind(best) == chosen:
        return _Seen(stands=True)
    same = trials.place(only(problem, chosen))
    if same is None or kind(same) != chosen:
        return _Seen(stands=False, best=best)
    is_beaten = is_worse(aims(problem, same), aims(problem, best))
    return _Seen(stands=not is_beaten, best=best)


def _bisected(
    trials: Trials, turnable: Turnable, chosen: Kind, keeps: float, flips_at: float
) -> Flip:
    best: Solution | None = None
    while abs(math.log(flips_at / keeps)) > RESOLUTION_FRAC:
        middle = math.sqrt(keeps * flips_at)
        seen = _look(trials, turnable, chosen, middle)
        if seen is None or seen.stands:
            keeps = middle
        else:
            flips_at = middle
    final = _look(trials, turnable, chosen, flips_at)
    best = final.best if final is not None else None
    return Flip(
        what=turnable.what,
        change=_change(turnable, flips_at, keeps),
        becomes=None if best is None else plan_words(best),
        cost_usd_per_month=None if best is None else best.cost_usd_per_month,
    )


def _steady(turnable: Turnable, factor: float) -> Steady:
    return Steady(what=turnable.what, change=_change(turnable, factor, None))


def _change(turnable: Turnable, factor: float, keeps: float | None) -> Change:
    def at(times: float) -> float:
        return float(f"{turnable.current * times:.6g}")

    return Change(
        field=turnable.field,
        from_=turnable.current,
        to=at(factor),
        unit=turnable.unit,
        not_enough=None if keeps is None else at(keeps),
    )


def _traffic(trials: Trials) -> Turnable:
    spec = trials.question.spec

    def problem(factor: float) -> PlacementProblem:
        fields = [traffic(spec, i) for i in range(len(spec.workloads))]
        changes: Changes = {field: rate * factor for field, rate, _ in fields}
        return trials.ask(changes).problem

    return Turnable(
        what="traffic of every workload" if len(spec.workloads) > 1 else "traffic",
        field="workloads.*.traffic",
        current=1.0,
        unit="times every rate",
        problem=problem,
    )


def _prices(problem: PlacementProblem, base: Solution) -> Iterable[Turnable]:
    chosen = {p.offer.name: p.offer for p in base.purchases}
    for name, offer in chosen.items():
        if offer.price_usd_per_h > 0:
            yield Turnable(
                what=f"price of {machine_words(offer)}",
                field="price_usd_per_h",
                current=offer.price_usd_per_h,
                unit="USD/h",
                problem=partial(_priced, problem, name),
            )


def _priced(problem: PlacementProblem, name: str, factor: float) -> PlacementProblem:
    """The offer and every commitment to it at so many times their price."""
    columns = []
    for c in problem.candidates:
        if c.offer.name == name:
            price = c.offer.price_usd_per_h * factor
            columns.append(replace(c, offer=replace(c.offer, price_usd_per_h=price)))
        else:
            columns.append(c)
    commitments = tuple(
        replace(m, usd_per_h=m.usd_per_h * factor) if m.pays_for == name else m
        for m in problem.commitments
    )
    return replace(problem, candidates=tuple(columns), commitments=commitments)


def _promises(trials: Trials) -> Iterable[Turnable]:
    for i, w in enumerate(trials.question.spec.workloads):
        limits = (
            ("latency_ms", w.slo.latency_ms),
            ("ttft_ms", w.slo.ttft_ms),
            ("tpot_ms", w.slo.tpot_ms),
        )
        for name, current_ms in limits:
            if current_ms is not None:
                field = f"workloads.{i}.slo.{name}"
                yield Turnable(
                    what=f"promise of {w.name}",
                    field=field,
                    current=current_ms,
                    unit="ms",
                    problem=_asked(trials, field, current_ms),
                )


def _asked(trials: Trials, field: str, current: float) -> Problem:
    def problem(factor: float) -> PlacementProblem:
        value: Setting = current * factor
        return trials.ask({field: value}).problem

    return problem


def least_budget(question: Question, base: Solution) -> Iterable[Flip]:
    """Where cost comes first, the budget changes nothing until it is below the cost."""
    budget = question.problem.limits.budget_usd_per_month
    if budget is not None and question.problem.objectives[0] is Objective.COST:
        cents = math.ceil(base.cost_usd_per_month * 100 - 1e-6)
        yield Flip(
            what="budget",
            change=Change(
                field="policy.budget_usd_per_month",
                from_=budget,
                to=max(0.0, (cents - 1) / 100),
                unit="USD/month",
                not_enough=cents / 100,
            ),
            becomes=None,
            cost_usd_per_month=None,
        )


def _budget(question: Question) -> Iterable[Turnable]:
    """Where something else comes first."""
    budget = question.problem.limits.budget_usd_per_month
    if budget and question.problem.objectives[0] is not Objective.COST:
        yield Turnable(
            what="budget",
            field="policy.budget_usd_per_month",
            current=budget,
            unit="USD/month",
            problem=lambda factor: replace(
                question.problem,
                limits=replace(
                    question.problem.limits, budget_usd_per_month=budget * factor
                ),
            ),
        )
