"""How sure it is that all profiles which serve a workload hold at once.

A profile is a variant on a device. Its error is one draw: placements that rest on it
err together, and the least sure of them speaks for all. Different profiles err
independently, so a workload's promise holds with

    P(w) = Π_k  min_{p ∈ k} P(p)        profiles k of w, placements p

Each P(p) ≥ c by construction, which makes P(w) ≥ c for one profile, and as little
as c^k for k of them. `policy.confidence_frac` is a promise about the workload, so
where P(w) < c the profiles have to be surer: c^(1/k) each.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from planner.domain.placement import Assignment, Solution
from planner.domain.profiles import Profile
from planner.pipeline.asking.question import Question
from planner.pipeline.telling import prediction

# The capacity search works on a coarser lattice than a single prediction.
TOLERANCE_FRAC: Final = 5e-3
# A plan that takes every figure at its word promises nothing to be kept jointly.
TRUSTING_FRAC: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """A workload that several profiles serve, less surely than the policy asks."""

    workload: str
    n_profiles: int
    joint_frac: float


def joint_frac(probabilities: Iterable[tuple[Profile, float]]) -> float:
    """That every placement keeps the promise, from each one's profile and probability."""
    product = 1.0
    for probability in _by_profile(probabilities).values():
        product *= probability
    return product


def _by_profile(
    probabilities: Iterable[tuple[Profile, float]],
) -> dict[tuple[str, str], float]:
    least: dict[tuple[str, str], float] = {}
    for profile, probability in probabilities:
        key = (profile.device, str(profile.variant))
        least[key] = min(least.get(key, 1.0), probability)
    return least


def shortfalls(question: Question, solution: Solution) -> tuple[Shortfall, ...]:
    """Every workload that is less sure than the policy asks, all profiles together."""
    asked_frac = question.spec.policy.confidence_frac
    if asked_frac <= TRUSTING_FRAC:
        return ()
    serving: dict[str, list[Assignment]] = {}
    for a in solution.assignments:
        if a.rate_rps > 0:
            serving.setdefault(a.candidate.workload, []).append(a)
    found = (
        _shortfall(question, solution, workload, parts)
        for workload, parts in serving.items()
        if len({(a.candidate.profile.device, a.candidate.profile.variant) for a in parts}) > 1
    )  # fmt: skip
    return tuple(s for s in found if s.joint_frac < asked_frac * (1 - TOLERANCE_FRAC))


def _shortfall(
    question: Question,
    solution: Solution,
    workload: str,
    parts: Sequence[Assignment],
) -> Shortfall:
    each = [(a.candidate.profile, _holds_frac(question, solution, a)) for a in parts]
    least = _by_profile(each)
    return Shortfall(
        workload=workload,
        n_profiles=sum(p < 1.0 for p in least.values()),
        joint_frac=joint_frac(each),
    )


def _holds_frac(question: Question, solution: Solution, a: Assignment) -> float:
    sharing = [
        b
        for b in solution.assignments
        if b is not a and b.candidate.group == a.candidate.group
    ]
    replica = prediction.replica(a, sharing, question.behind)
    return prediction.slo_met_probability_frac(replica)
