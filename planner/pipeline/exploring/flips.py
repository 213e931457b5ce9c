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
from planner.pipeline.asking.question import Question, Twist
from planner.pipeline.exploring.dials import traffic
from planner.pipeline.exploring.kinds import Kind, is_worse, kind, only, plan_words
from planner.pipeline.exploring.trials import Trials
from planner.pipeline.solving.scenarios import Changes, Trial
from planner.pipeline.telling.bill import machine_words
from planner.specs.deployment import Deployment
from planner.specs.explanation import Flip, Steady
from planner.specs.ways_out import Change

# Factors by which a thing is turned, up or down, before the flip is bisected.
STEPS: Final = (1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
# Prices and traffic are known to a percent at best.
RESOLUTION_FRAC: Final = 0.005
# Prices of single requests have too many zeros to be read.
REQUESTS: Final = 1_000_000

# The changes of the document, and the twists of its problem, that a factor stands for.
Turn = tuple[Changes, tuple[Twist, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turnable:
    """A thing that is multiplied by a factor; `turned` is what is then asked.

    `current` and `unit` are how the document states it.
    """

    what: str
    field: str
    current: float
    unit: str
    turned: Callable[[float], Turn]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What a factor leads to: whether the kind stands, and the best plan if it does not."""

    stands: bool
    best: Solution | None = None


def turnables(trials: Trials, base: Trial) -> Iterable[Turnable]:
    """Traffic of all workloads, the chosen machines' prices, promises, the budget."""
    yield _traffic(trials.question.spec)
    yield from _prices(base.solution)
    yield from _request_prices(base.solution)
    yield from _promises(trials.question.spec)
    yield from _budget(trials.question)


def flips(trials: Trials, base: Trial, turnable: Turnable) -> list[Flip | Steady]:
    """The nearest flip upwards and downwards, or how far the kind was seen to stand.

    Raises:
        SearchCutShortError: No time is left.
    """
    found: list[Flip | Steady] = []
    chosen = kind(base.solution)
    for sign in (1, -1):
        last = 1.0
        for step in STEPS:
            factor = step**sign
            seen = _look(trials, turnable, chosen, factor)
            if seen is None:
                break
            if not seen.stands:
                found.append(_bisected(trials, turnable, chosen, last, factor))
                break
            last = factor
        else:
            found.append(_steady(turnable, last))
    return found


def _look(
    trials: Trials, turnable: Turnable, chosen: Kind, factor: float
) -> _Seen | None:
    """None where no valid document goes so far."""
    changes, twists = turnable.turned(factor)
    if not trials.allows(changes):
        return None
    best = trials.solve(changes, *twists)
    if best is None:
        return _Seen(stands=False)
    if kind(best.solution) == chosen:
        return _Seen(stands=True)
    same = trials.solve(changes, *twists, partial(only, allowed=chosen))
    if same is None or kind(same.solution) != chosen:
        return _Seen(stands=False, best=best.solution)
    return _Seen(stands=not is_worse(same.aims, best.aims), best=best.solution)


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


def _traffic(spec: Deployment) -> Turnable:
    fields = [traffic(spec, i) for i in range(len(spec.workloads))]

    def turned(factor: float) -> Turn:
        return {field: rate * factor for field, rate, _ in fields}, ()

    return Turnable(
        what="traffic of every workload" if len(spec.workloads) > 1 else "traffic",
        field="workloads.*.traffic",
        current=1.0,
        unit="times every rate",
        turned=turned,
    )


def _prices(base: Solution) -> Iterable[Turnable]:
    chosen = {p.offer.name: p.offer for p in base.purchases}
    for name, offer in chosen.items():
        if offer.price_usd_per_h > 0:
            yield Turnable(
                what=f"price of {machine_words(offer)}",
                field="price_usd_per_h",
                current=offer.price_usd_per_h,
                unit="USD/h",
                turned=_priced_by(name),
            )


def _request_prices(base: Solution) -> Iterable[Turnable]:
    """What a request costs where there are no machines to pay for."""
    for a in base.assignments:
        offer, usd = a.candidate.offer, a.candidate.usd_per_request
        if offer.tariff is not None and usd > 0 and a.rate_rps > 0:
            yield Turnable(
                what=f"price of {machine_words(offer)}, for {a.candidate.workload}",
                field="usd_per_request",
                current=usd * REQUESTS,
                unit="USD per million requests",
                turned=_charged_by(offer.name, a.candidate.workload),
            )


def _charged_by(name: str, workload: str) -> Callable[[float], Turn]:
    return lambda factor: (
        {},
        (partial(_charged, name=name, workload=workload, factor=factor),),
    )


def _charged(
    problem: PlacementProblem, *, name: str, workload: str, factor: float
) -> PlacementProblem:
    """The workload's requests to the offer at so many times their price."""
    columns = tuple(
        replace(c, usd_per_request=c.usd_per_request * factor)
        if (c.offer.name, c.workload) == (name, workload)
        else c
        for c in problem.candidates
    )
    return replace(problem, candidates=columns)


def _priced_by(name: str) -> Callable[[float], Turn]:
    return lambda factor: ({}, (partial(_priced, name=name, factor=factor),))


def _priced(problem: PlacementProblem, *, name: str, factor: float) -> PlacementProblem:
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


def _promises(spec: Deployment) -> Iterable[Turnable]:
    for i, w in enumerate(spec.workloads):
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
                    turned=_times(field, current_ms),
                )


def _times(field: str, current: float) -> Callable[[float], Turn]:
    return lambda factor: ({field: current * factor}, ())


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
        field = "policy.budget_usd_per_month"
        yield Turnable(
            what="budget",
            field=field,
            current=budget,
            unit="USD/month",
            turned=_times(field, budget),
        )
