"""What sets two plans apart in kind: where, on what, bought how, run in which way.

How many machines there are does not: two of a machine instead of three is the
same kind of plan.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from planner.domain.hardware import Purchase
from planner.domain.placement import (
    Assignment,
    Candidate,
    Objective,
    PlacementProblem,
    Solution,
)
from planner.domain.tariffs import TokenTariff
from planner.pipeline.telling.bill import machine_words

# Values of an aim that differ by less are the solver's tolerance.
TOLERANCE_FRAC: Final = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Part:
    """One way in which a plan serves a workload."""

    workload: str
    provider: str
    site: str
    instance_type: str
    purchase: str
    variant: str


Kind = frozenset[Part]


def part(c: Candidate) -> Part:
    """The kind of a column."""
    return Part(
        workload=c.workload,
        provider=c.offer.provider,
        site=c.offer.site,
        instance_type=c.offer.instance_type,
        purchase=c.offer.purchase.value,
        variant=str(c.profile.variant),
    )


def kind(solution: Solution) -> Kind:
    """The kind of a plan."""
    return frozenset(part(a.candidate) for a in solution.assignments)


def only(problem: PlacementProblem, *, allowed: Kind) -> PlacementProblem:
    """The problem with no other columns than those of a kind."""
    columns = tuple(c for c in problem.candidates if part(c) in allowed)
    return replace(problem, candidates=columns)


def way_words(c: Candidate) -> str:
    """A candidate in words: ``int8 on tflite on raspberry-pi-4 at berlin-store``."""
    if isinstance(c.offer.tariff, TokenTariff):
        return machine_words(c.offer)
    return f"{c.profile.variant} on {machine_words(c.offer)}"


def words(assignments: Iterable[Assignment]) -> str:
    """Assignments of one workload in words."""
    return " + ".join(_counted(a) for a in assignments)


def _counted(a: Assignment) -> str:
    # What is paid by request comes in no number.
    is_called = a.candidate.offer.purchase is Purchase.BY_REQUEST
    many = "" if is_called else f"{a.machines} × "
    return f"{many}{way_words(a.candidate)}"


def plan_words(solution: Solution) -> str:
    """A whole plan in words; workloads are named where there are several."""
    by_workload: dict[str, list[Assignment]] = {}
    for a in solution.assignments:
        by_workload.setdefault(a.candidate.workload, []).append(a)
    if len(by_workload) == 1:
        return words(solution.assignments)
    return "; ".join(f"{w}: {words(a)}" for w, a in by_workload.items())


def aims(problem: PlacementProblem, solution: Solution) -> tuple[float, ...]:
    """The plan's value of every objective in order, smaller is better."""
    return tuple(aim(problem, solution, o) for o in problem.objectives)


def aim(problem: PlacementProblem, solution: Solution, objective: Objective) -> float:
    """USD/month, mean seconds, one less the mean quality, or gCO2e/month."""
    match objective:
        case Objective.COST:
            return solution.cost_usd_per_month
        case Objective.LATENCY:
            return _mean(problem, solution, [a.candidate.latency_s for a in solution.assignments])  # fmt: skip
        case Objective.QUALITY:
            losses = [1 - (a.candidate.quality_frac or 0.0) for a in solution.assignments]  # fmt: skip
            return _mean(problem, solution, losses)
        case Objective.CARBON:
            return emitted_gco2e(problem, solution)


def _mean(
    problem: PlacementProblem, solution: Solution, figures: Sequence[float]
) -> float:
    """Over all requests of the month."""
    weights = [
        sum(b.h_per_month * r for b, r in zip(problem.blocks, a.rates_rps, strict=True))
        for a in solution.assignments
    ]
    total = sum(weights)
    return sum(f * w for f, w in zip(figures, weights, strict=True)) / total


def emitted_gco2e(problem: PlacementProblem, solution: Solution) -> float:
    """Of all machines that are on, a month; shared machines count once."""
    grams = problem.gco2e_per_machine_h
    groups = {(a.candidate.group, a.candidate.offer.name): a for a in solution.assignments}  # fmt: skip
    return sum(
        b.h_per_month * n * grams.get(a.candidate.offer.name, 0.0)
        for a in groups.values()
        for b, n in zip(problem.blocks, a.machines_on, strict=True)
    )


def is_worse(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether the first plan's aims are worse, in order of priority."""
    for a, b in zip(one, other, strict=True):
        room = TOLERANCE_FRAC * max(abs(a), abs(b), 1e-9)
        if abs(a - b) > room:
            return a > b
    return False
