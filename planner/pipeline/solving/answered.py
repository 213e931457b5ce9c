"""The one place through which every plan of the pipeline is solved for.

A plan keeps each workload's promise with the policy's confidence c, all of its
profiles together (`planner.pipeline.solving.joint`). Most plans do as they come.
Where one falls short, the workloads at fault are solved for anew in two ways, and
the better plan is taken:

    one profile     each is served by a single profile, which is sure enough at c
    surer profiles  every profile of theirs is trusted at c^(1/k), where k is how
                    many uncertain ones served it in the round before

Both are repeated for what falls short next, at most `MOST_ROUNDS` times. The first
plan's cost is a lower bound on any that holds, so the difference bounds what holding
jointly costs. Where neither way leads to a plan the first one stands, and says so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from planner.domain.placement import NoPlan, PlacementProblem, Solution
from planner.errors import SolverTimeoutError
from planner.optimize.placement import place
from planner.pipeline.asking.question import Question
from planner.pipeline.exploring.kinds import aims, is_worse
from planner.pipeline.solving.joint import Shortfall, shortfalls
from planner.specs.assurance import PlanJoint, PlanSplit

MOST_ROUNDS: Final = 4

Solve = Callable[[PlacementProblem], Solution | NoPlan]
# Asks more of workloads, given how many uncertain profiles serve each of them.
Way = Callable[[Question, Mapping[str, int]], Question]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A plan, and the question whose capacities it was solved for.

    `asked` is the question as it came, which differs where promises had to be made
    to hold jointly; `joint` tells of that, and is None where they did as they came.
    """

    asked: Question
    question: Question
    solution: Solution
    joint: PlanJoint | None = None

    @property
    def is_sure(self) -> bool:
        """Whether all promises hold as surely as asked, all profiles together."""
        return self.joint is None or not self.joint.why_not


def answered(
    question: Question, *, time_limit_s: float, start: Solution | None = None
) -> Answered | NoPlan:
    """The best plan whose promises hold jointly, or a proof that there is no plan.

    `start` is a plan of a similar question, to begin the search with.

    Raises:
        SolverTimeoutError: The limit passed before any plan was found.
    """
    solve = partial(place, time_limit_s=time_limit_s, start=start)
    first = solve(question.problem)
    if isinstance(first, NoPlan):
        return first
    short = {s.workload: s for s in shortfalls(question, first)}
    if not short:
        return Answered(asked=question, question=question, solution=first)
    found = [
        plan
        for way in (_on_one_profile, _surer)
        if (plan := _held(question, first, short, way, solve)) is not None
    ]
    if not found:
        joint = _record(question, first, first, short, why_not=_why_not(question))
        return Answered(asked=question, question=question, solution=first, joint=joint)
    best = found[0]
    for other in found[1:]:
        if is_worse(_aims(best), _aims(other)):
            best = other
    return best


def _aims(found: Answered) -> tuple[float, ...]:
    return aims(found.question.problem, found.solution)


def _held(
    question: Question,
    first: Solution,
    short: Mapping[str, Shortfall],
    way: Way,
    solve: Solve,
) -> Answered | None:
    """The plan of one way in which nothing falls short any more; None without one."""
    wanting = dict(short)
    parts = {w: max(1, s.n_profiles) for w, s in short.items()}
    for _ in range(MOST_ROUNDS):
        harder = way(question, parts)
        try:
            found = solve(harder.problem)
        except SolverTimeoutError:
            return None
        if isinstance(found, NoPlan):
            return None
        left = shortfalls(harder, found)
        if not left:
            joint = _record(harder, first, found, wanting)
            return Answered(
                asked=question, question=harder, solution=found, joint=joint
            )
        for s in left:
            wanting.setdefault(s.workload, s)
            # As many profiles as serve it now; where that was so before, one to spare.
            parts[s.workload] = max(s.n_profiles, parts.get(s.workload, 0) + 1)
    return None


def one_profile(
    problem: PlacementProblem, *, workloads: tuple[str, ...]
) -> PlacementProblem:
    """The problem in which a single profile serves each of the workloads."""
    most = {**problem.limits.most_profiles, **dict.fromkeys(workloads, 1)}
    return replace(problem, limits=replace(problem.limits, most_profiles=most))


def _on_one_profile(question: Question, parts: Mapping[str, int]) -> Question:
    return question.twisted(partial(one_profile, workloads=tuple(parts)))


def _surer(question: Question, parts: Mapping[str, int]) -> Question:
    confidence_frac = question.spec.policy.confidence_frac
    return question.surer({w: confidence_frac ** (1 / k) for w, k in parts.items()})


def _record(
    question: Question,
    first: Solution,
    final: Solution,
    short: Mapping[str, Shortfall],
    *,
    why_not: str = "",
) -> PlanJoint:
    asked_frac = question.spec.policy.confidence_frac
    return PlanJoint(
        splits=tuple(
            PlanSplit(
                workload=s.workload,
                n_profiles=s.n_profiles,
                joint_frac=s.joint_frac,
                trusted_frac=question.surer_frac.get(s.workload, asked_frac),
                is_on_one_profile=s.workload in question.problem.limits.most_profiles,
            )
            for s in short.values()
        ),
        price_usd_per_month=final.cost_usd_per_month - first.cost_usd_per_month,
        why_not=why_not,
    )


def _why_not(question: Question) -> str:
    return (
        "neither a single profile for each of them nor surer ones lead to a plan "
        "within stock, lines and budget at "
        f"{100 * question.spec.policy.confidence_frac:.0f} % confidence"
    )
