"""Capacities that did not hold on simulated traffic, cut in the question.

A plan's trial (`planner.pipeline.rehearsing.trial_run`) records, round by round, which
part of a capacity is kept. It holds for every candidate of the same workload, profile
and way of batching, pooled or not. A workload that misses its promise a second time is
cut everywhere else, too, by the mildest factor of that round: the next best candidate
would only fail in its turn. Cuts of later rounds come on top of earlier ones.

Since the record says all of it, the question that a plan answers can be asked again.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from planner.domain.placement import Candidate, PlacementProblem
from planner.domain.variants import Variant
from planner.pipeline.asking.question import Question
from planner.specs.assurance import PlanCut, PlanSimulation, TrialRound
from planner.specs.placements import PlanVariant
from planner.units import milliseconds

ROUNDS_TO_CUT_ALL: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What one factor holds for: a workload run in one way, pooled or not."""

    workload: str
    variant: Variant
    device: str
    source: str
    max_batch: int
    max_wait_ms: float
    is_pooled: bool

    @classmethod
    def of(cls, c: Candidate) -> "Way":
        """How a candidate runs its workload."""
        return cls(
            workload=c.workload,
            variant=c.profile.variant,
            device=c.profile.device,
            source=c.profile.evidence.source,
            max_batch=c.policy.max_batch,
            max_wait_ms=milliseconds(c.policy.max_wait_s),
            is_pooled=c.pool is not None,
        )

    @classmethod
    def stated(cls, cut: PlanCut) -> "Way":
        """What a recorded cut is about."""
        return cls(
            workload=cut.workload,
            variant=cut.variant.variant(),
            device=cut.device,
            source=cut.source,
            max_batch=cut.max_batch,
            max_wait_ms=cut.max_wait_ms,
            is_pooled=cut.is_pooled,
        )


def recorded(c: Candidate, kept_frac: float) -> PlanCut:
    """A candidate's cut as the plan states it."""
    way = Way.of(c)
    return PlanCut(
        workload=way.workload,
        model=c.profile.model,
        variant=PlanVariant.of(way.variant),
        device=way.device,
        source=way.source,
        max_batch=way.max_batch,
        max_wait_ms=way.max_wait_ms,
        is_pooled=way.is_pooled,
        kept_frac=kept_frac,
    )


def cut(question: Question, rounds: Sequence[TrialRound]) -> Question:
    """The question with the capacities that the last of the rounds found to hold."""
    kept_frac = {Way.stated(c): c.kept_frac for c in rounds[-1].cuts}
    missed = Counter(
        name for r in rounds for name in {w.workload for w in r.workloads if w.is_late}
    )
    everywhere: dict[str, float] = {}
    for way, factor in kept_frac.items():
        if missed[way.workload] >= ROUNDS_TO_CUT_ALL:
            everywhere[way.workload] = max(everywhere.get(way.workload, 0.0), factor)
    return question.twisted(partial(_cut, kept_frac=kept_frac, everywhere=everywhere))


def as_tried(question: Question, simulation: PlanSimulation | None) -> Question:
    """The question that a plan answers which was shown after that trial.

    The last round tried the plan itself: what it would have cut is in no plan.
    """
    rounds = () if simulation is None else simulation.rounds
    for n in range(1, len(rounds)):
        question = cut(question, rounds[:n])
    return question


def _cut(
    problem: PlacementProblem,
    *,
    kept_frac: Mapping[Way, float],
    everywhere: Mapping[str, float],
) -> PlacementProblem:
    def kept(c: Candidate) -> Candidate:
        factor = kept_frac.get(Way.of(c), everywhere.get(c.workload, 1.0))
        return replace(c, capacity_rps=c.capacity_rps * factor)

    return replace(problem, candidates=tuple(kept(c) for c in problem.candidates))
