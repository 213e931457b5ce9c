"""Weighs what could be measured for a plan, makes what can be made here, tells the rest.

    plan ──► weigh ──► of what is worth its price, anything to measure here?
      ▲                   │ yes: measure, put it in the figure's place, solve again
      └───────────────────┘ no: the plan, what is left to measure, and the regret

The planner rents nothing: what has a price is told with its commands, never spent.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from planner.domain.evidence import Provenance
from planner.domain.placement import NoPlan, Objective
from planner.domain.profiles import Profile, ProfileKey, key_of
from planner.domain.profiling import ProfilingJob, ProfilingProgress, UserModel
from planner.errors import ProfilingError, SpecError
from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.asking.knowledge import Knowledge, profiling_jobs
from planner.pipeline.asking.question import Question, ask
from planner.pipeline.informing.prices import Session, sessions
from planner.pipeline.informing.telling import told
from planner.pipeline.informing.value import Values, weigh
from planner.pipeline.informing.worlds import Costs, drawn, luckiest
from planner.pipeline.solving.answered import Answered, answered
from planner.ports import Profiler, Scenarios
from planner.specs.measuring import MeasurementTaken, PlanMeasuring

# Sixteen strata a profile: the mean's own error is below the dollars that sessions cost.
N_WORLDS: Final = 16
SEARCH_S: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What a user wants weighed before acting on a plan.

    A measurement pays if it saves more than its price within `months`. `here` names
    the device that this machine is, or the cluster's nodes are; None where it is none
    of those on offer. `search_s` bounds the weighing, of which each round has its own.
    """

    budget_usd: float
    months: float = 1.0
    here: str | None = None
    n_worlds: int = N_WORLDS
    seed: int = 0
    search_s: float = SEARCH_S
    clock_s: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """With what a study measures and solves."""

    models: Mapping[str, UserModel]
    profiler: Profiler | None
    scenarios: Scenarios
    time_limit_s: float
    on_progress: Callable[[ProfilingProgress], None]


@dataclass(slots=True, kw_only=True)
class _Log:
    """What was measured, and what could not be."""

    taken: list[MeasurementTaken] = field(default_factory=list)
    failed: dict[tuple[str, str], str] = field(default_factory=dict)


def studied(
    found: Answered, study: Study, means: Means
) -> tuple[Answered | NoPlan, Question, PlanMeasuring | None]:
    """The plan after what was worth measuring here was measured, and what is left.

    The question is the last one that was asked, for where the truth leaves no plan.

    Raises:
        SpecError: The document's first aim is not money.
        SolverTimeoutError: No verdict on the plan after a measurement.
    """
    if found.asked.spec.policy.objectives[0] is not Objective.COST:
        raise SpecError(
            "--profile-budget-usd weighs what measurements save against what they cost, "
            "so money must come first: set policy.objective to cost"
        )
    log = _Log()
    while True:
        question = found.asked
        known = sessions(question, here=study.here, own_models=means.models)
        values = _values(found, known, study, means)
        weighed = weigh(
            known,
            values,
            budget_usd=study.budget_usd,
            months=study.months,
            cannot=log.failed,
        )
        session = next((s for s, _ in weighed.chosen if s.is_here), None)
        if session is None:
            document = told(
                weighed,
                study_months=study.months,
                budget_usd=study.budget_usd,
                n_sessions=len(known),
                failed=log.failed,
                taken=log.taken,
                n_worlds=study.n_worlds,
                seed=study.seed,
                n_solves=values.n_solves,
                question=question,
                own_models=means.models,
            )
            return found, question, document
        learned = _measured(question, session, means, log)
        if learned is None:
            continue
        asked = ask(question.spec, question.catalog, learned, Capacities())
        for twist in question.twists:
            asked = asked.twisted(twist)
        after = answered(asked, time_limit_s=means.time_limit_s, start=found.solution)
        log.taken.append(_taken(session, found, after))
        if isinstance(after, NoPlan):
            return after, asked, None
        found = after


def _values(
    found: Answered, known: Sequence[Session], study: Study, means: Means
) -> Values:
    sigmas = _sigmas(found.asked, known)
    costs = Costs(
        found.asked,
        found.solution,
        time_limit_s=means.time_limit_s,
        is_unsure=not found.is_sure,
    )
    rng = np.random.default_rng(study.seed)
    return Values(
        costs,
        drawn(sigmas, n_worlds=study.n_worlds, rng=rng),
        luckiest(sigmas, n_worlds=study.n_worlds),
        today_usd_per_month=found.solution.cost_usd_per_month,
        scenarios=means.scenarios,
        now_s=study.clock_s,
        ends_s=study.clock_s() + study.search_s,
    )


def _sigmas(question: Question, known: Sequence[Session]) -> dict[ProfileKey, float]:
    wanted = {k for s in known for k in s.keys}
    return {
        key_of(p): p.evidence.sigma()
        for profiles in question.knowledge.profiles.values()
        for p in profiles
        if key_of(p) in wanted
    }


def _measured(
    question: Question, session: Session, means: Means, log: _Log
) -> Knowledge | None:
    """What is known once the session was held here; None where nothing came of it."""
    try:
        found = _session_here(question, session, means)
    except ProfilingError as error:
        log.failed[session.model, session.device] = str(error)
        return None
    if not found:
        reason = (
            "nothing could be measured; planner profile SPEC --device local says why"
        )
        log.failed[session.model, session.device] = reason
        return None
    return with_measured(question.knowledge, session.model, found)


def _session_here(
    question: Question, session: Session, means: Means
) -> tuple[Profile, ...]:
    if means.profiler is None:
        raise AssertionError("own models come with a profiler")
    jobs = profiling_jobs(question.spec, question.catalog, means.models, ())
    cores = question.catalog.device(session.device).cores or 1
    job: ProfilingJob = next(j for j in jobs if j.model.name == session.model)
    there = replace(job, devices=("local",), rooms=((cores, 1),))
    outcome = means.profiler.profile([there], on_progress=means.on_progress)
    return tuple(_as_device(p, session.device) for p in outcome.profiles)


def _as_device(profile: Profile, device: str) -> Profile:
    """What was measured here, as a profile of the device that the user says this is."""
    known = profile.evidence
    source = f"{known.source}, which the user names a {device}"
    evidence = replace(known, provenance=Provenance.MEASURED, source=source)
    return replace(profile, device=device, evidence=evidence)


def with_measured(
    knowledge: Knowledge, model: str, measured: Sequence[Profile]
) -> Knowledge:
    """The knowledge with measurements in the place of what was said of the same."""
    settled = {key_of(p) for p in measured}
    others = (p for p in knowledge.profiles[model] if key_of(p) not in settled)
    profiles = {**knowledge.profiles, model: (*others, *measured)}
    return replace(
        knowledge, profiles=profiles, n_measured=knowledge.n_measured + len(measured)
    )


def _taken(
    session: Session, before: Answered, after: Answered | NoPlan
) -> MeasurementTaken:
    return MeasurementTaken(
        model=session.model,
        device=session.device,
        n_profiles=len(session.keys),
        before_usd_per_month=before.solution.cost_usd_per_month,
        after_usd_per_month=(
            None if isinstance(after, NoPlan) else after.solution.cost_usd_per_month
        ),
    )
