"""Weighs what could be measured for a plan, makes what can be made here, tells the rest.

    answer ──► weigh ──► of what is worth its price, anything to measure here?
      ▲                    │ yes: measure, put it in the figure's place, solve again
      └────────────────────┘ no: the answer, what is left to measure, and the regret

A plan's measurements are weighed by what they save (`planner.pipeline.informing.value`);
where there is no plan, by how likely they lead to one (`…fitting`).
The planner rents nothing: what has a price is told with its commands, never spent.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from planner.domain.evidence import Provenance
from planner.domain.placement import NoPlan, Objective
from planner.domain.profiles import Profile, ProfileKey, key_of
from planner.domain.profiling import (
    ProfilingJob,
    ProfilingOutcome,
    ProfilingProgress,
    UserModel,
)
from planner.errors import ProfilingError, SpecError
from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.asking.knowledge import Knowledge, profiling_jobs
from planner.pipeline.asking.question import Question, ask
from planner.pipeline.informing.draws import Draws
from planner.pipeline.informing.fitting import fitting
from planner.pipeline.informing.prices import Session, sessions
from planner.pipeline.informing.telling import Studied, told, told_fitting
from planner.pipeline.informing.value import Values, weigh
from planner.pipeline.informing.worlds import Costs, drawn, luckiest
from planner.pipeline.solving.answered import Answered, answered
from planner.ports import Profiler, Scenarios
from planner.reference.catalog import Catalog
from planner.specs.measuring import MeasurementTaken, PlanFitting, PlanMeasuring

# Sixteen strata a profile: the mean's own error is below the dollars that sessions cost.
N_WORLDS: Final = 16
SEARCH_S: Final = 120.0
MONTHS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What a user wants weighed before acting on a plan.

    A measurement pays if it saves more than its price within `months`. `here` names
    the device that this machine is, or the cluster's nodes are; None where it is none
    of those on offer. `search_s` bounds the weighing, of which each round has its own.
    """

    budget_usd: float
    months: float = MONTHS
    here: str | None = None
    n_worlds: int = N_WORLDS
    seed: int = 0
    search_s: float = SEARCH_S
    clock_s: Callable[[], float] = time.monotonic

    @classmethod
    def asked(
        cls,
        catalog: Catalog,
        *,
        budget_usd: float | None,
        months: float | None,
        as_device: str | None,
    ) -> "Study | None":
        """What a user asks to have weighed; None without a budget, where nothing is.

        Without `months`, within one.

        Raises:
            SpecError: A device or months without a budget, or numbers that are none of either.
            UnknownReferenceError: No such device in the catalogue.
        """
        if budget_usd is None:
            if as_device is not None:
                raise SpecError(
                    "--as-device (as_device in Python) names what this machine is for "
                    "what is worth measuring on it, so it goes with --profile-budget-usd "
                    "(profile_budget_usd)"
                )
            if months is not None:
                raise SpecError(
                    "--profile-months (profile_months in Python) is how long a measurement "
                    "has to save its price, so it goes with --profile-budget-usd "
                    "(profile_budget_usd)"
                )
            return None
        within = MONTHS if months is None else months
        if not (0 <= budget_usd < math.inf and 0 < within < math.inf):
            raise SpecError(
                "a profile budget is no less than 0 USD and has an end, to be saved within "
                f"more than 0 months; not {budget_usd:g} USD within {within:g}"
            )
        here = None if as_device is None else catalog.device(as_device).name
        return cls(budget_usd=budget_usd, months=within, here=here)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The last answer with its question, and what is left to measure.

    `measuring` is told of a plan, `fitting` of none.
    """

    found: Answered | NoPlan
    question: Question
    measuring: PlanMeasuring | None = None
    fitting: PlanFitting | None = None

    @property
    def plan(self) -> Answered | None:
        """None where there is none."""
        return self.found if isinstance(self.found, Answered) else None


def studied(
    found: Answered | NoPlan, question: Question, study: Study, means: Means
) -> Outcome:
    """The answer after what was worth measuring here was measured, and what is left.

    Raises:
        SpecError: The document's first aim is not money.
        SolverTimeoutError: No verdict on the plan after a measurement.
    """
    if question.spec.policy.objectives[0] is not Objective.COST:
        raise SpecError(
            "--profile-budget-usd weighs what measurements save against what they cost, "
            "so money must come first: set policy.objective to cost"
        )
    log = _Log()
    now = Outcome(found=found, question=question)
    while True:
        known = sessions(now.question, here=study.here, own_models=means.models)
        told_of, chosen = _weighed(now, known, study, means, log)
        session = next((s for s in chosen if s.is_here), None)
        if session is None:
            return told_of
        measured = _measured(now.question, session, means, log)
        if not measured:
            continue
        learned = with_measured(now.question.knowledge, session.model, measured)
        before, now = now, _again(now, learned, means)
        log.taken.append(_taken(session, before, now, n_profiles=len(measured)))


def _again(now: Outcome, learned: Knowledge, means: Means) -> Outcome:
    """The same question to what is known now."""
    asked = ask(now.question.spec, now.question.catalog, learned, Capacities())
    for twist in now.question.twists:
        asked = asked.twisted(twist)
    start = None if now.plan is None else now.plan.solution
    found = answered(asked, time_limit_s=means.time_limit_s, start=start)
    return Outcome(found=found, question=asked)


def _weighed(
    now: Outcome, known: Sequence[Session], study: Study, means: Means, log: _Log
) -> tuple[Outcome, Sequence[Session]]:
    """What could be measured, weighed by the plan there is, or by having one at all."""
    draws = _draws(now, known, study, means)

    def about() -> Studied:
        return Studied(
            question=now.question,
            own_models=means.models,
            budget_usd=study.budget_usd,
            months=study.months,
            n_worlds=study.n_worlds,
            seed=study.seed,
            n_sessions=len(known),
            n_solves=draws.n_solves,
            taken=log.taken,
            why_failed=log.failed,
        )

    if now.plan is None:
        fits = fitting(known, draws, budget_usd=study.budget_usd, cannot=log.failed)
        chosen = [s for way, _ in fits.chosen for s in way.sessions]
        return replace(now, fitting=told_fitting(fits, about())), chosen
    weighed = weigh(
        known,
        Values(draws, today_usd_per_month=now.plan.solution.cost_usd_per_month),
        budget_usd=study.budget_usd,
        months=study.months,
        cannot=log.failed,
    )
    chosen = [s for s, _ in weighed.chosen]
    return replace(now, measuring=told(weighed, about())), chosen


def _draws(now: Outcome, known: Sequence[Session], study: Study, means: Means) -> Draws:
    sigmas = _sigmas(now.question, known)
    costs = Costs(
        now.question,
        None if now.plan is None else now.plan.solution,
        time_limit_s=means.time_limit_s,
        is_unsure=now.plan is not None and not now.plan.is_sure,
    )
    rng = np.random.default_rng(study.seed)
    return Draws(
        costs,
        drawn(sigmas, n_worlds=study.n_worlds, rng=rng),
        luckiest(sigmas, n_worlds=study.n_worlds),
        scenarios=means.scenarios,
        now_s=study.clock_s,
        ends_s=study.clock_s() + study.search_s,
    )


def _sigmas(question: Question, known: Sequence[Session]) -> dict[ProfileKey, float]:
    wanted = {k for s in known for k in s.keys}
    # Curves of one key differ by their shape and host: the widest counts for all.
    found: dict[ProfileKey, float] = {}
    for profiles in question.knowledge.profiles.values():
        for p in profiles:
            key = key_of(p)
            if key in wanted:
                found[key] = max(found.get(key, 0.0), p.evidence.sigma())
    return found


def _measured(
    question: Question, session: Session, means: Means, log: _Log
) -> tuple[Profile, ...]:
    """What the session gave; nothing, and the reason, if it settled none of its keys.

    Variants that fail beside others that do not are left for a session of their own, which
    then settles nothing: no session is held for ever.
    """
    try:
        outcome = _session_here(question, session, means)
    except ProfilingError as error:
        log.failed[session.model, session.device] = str(error)
        return ()
    found = tuple(_as_device(p, session.device) for p in outcome.profiles)
    if any(key_of(p) in session.keys for p in found):
        return found
    variants = {key.variant for key in session.keys}
    reasons = [
        f"{f.variant}: {f.reason}" for f in outcome.failures if f.variant in variants
    ]
    told = "; ".join(reasons) or "none of its variants could be measured"
    log.failed[session.model, session.device] = told
    return ()


def _session_here(
    question: Question, session: Session, means: Means
) -> ProfilingOutcome:
    if means.profiler is None:
        raise AssertionError("own models come with a profiler")
    jobs = profiling_jobs(question.spec, question.catalog, means.models, ())
    cores = question.catalog.device(session.device).cores or 1
    job: ProfilingJob = next(j for j in jobs if j.model.name == session.model)
    there = replace(job, devices=("local",), rooms=((cores, 1),))
    return means.profiler.profile([there], on_progress=means.on_progress)


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
    session: Session, before: Outcome, after: Outcome, *, n_profiles: int
) -> MeasurementTaken:
    def usd_per_month(now: Outcome) -> float | None:
        return None if now.plan is None else now.plan.solution.cost_usd_per_month

    return MeasurementTaken(
        model=session.model,
        device=session.device,
        n_profiles=n_profiles,
        before_usd_per_month=usd_per_month(before),
        after_usd_per_month=usd_per_month(after),
    )
