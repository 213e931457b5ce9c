"""Weighed measurements as a part of the plan document, with the commands that take them."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from planner.pipeline.asking.question import Question
from planner.pipeline.informing.fitting import Fitting, Way
from planner.pipeline.informing.prices import SET_UP_S, VARIANT_S, Session
from planner.pipeline.informing.value import Weighed, pays
from planner.pipeline.telling.bill import machine_words
from planner.specs.measuring import (
    MeasurementFailed,
    MeasurementTaken,
    PlanFitting,
    PlanMeasurement,
    PlanMeasuring,
    PlanSession,
    PlanWayToFit,
)

PRICE_NOTE = (
    f"prices allow {SET_UP_S / 60:.0f} minutes of setting up and at most "
    f"{VARIANT_S / 60:.0f} for each variant, beside the median time that the cloud takes "
    "to boot; a session that ends sooner costs less"
)
UNMEASURED_NOTE = (
    "devices that nothing is known of are not weighed: policy.predict_unmeasured: true "
    "lets them compete"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Studied:
    """What was asked and done, whatever came of it; `why_failed` by model and device."""

    question: Question
    own_models: Collection[str]
    budget_usd: float
    months: float
    n_worlds: int
    seed: int
    n_sessions: int
    n_solves: int
    taken: Sequence[MeasurementTaken]
    why_failed: Mapping[tuple[str, str], str]

    @property
    def note(self) -> str:
        """What the prices allow for, and what was not weighed."""
        weighs_all = self.question.spec.policy.predict_unmeasured
        return PRICE_NOTE if weighs_all else f"{PRICE_NOTE}; {UNMEASURED_NOTE}"

    @property
    def failed(self) -> tuple[MeasurementFailed, ...]:
        """What was tried here in vain."""
        return tuple(
            MeasurementFailed(model=model, device=device, reason=why)
            for (model, device), why in self.why_failed.items()
        )


def told(weighed: Weighed, study: Studied) -> PlanMeasuring:
    """What measuring is worth to a plan, as the plan document has it."""
    adds = dict(weighed.chosen)
    order = {s: i for i, (s, _) in enumerate(weighed.chosen)}
    by_worth = sorted(
        weighed.alone,
        key=lambda s: (
            order.get(s, math.inf),
            -weighed.alone[s].saving_usd_per_month,
            s.device,
        ),
    )
    return PlanMeasuring(
        budget_usd=study.budget_usd,
        within_months=study.months,
        price_usd=math.fsum(s.price_usd for s in adds),
        measurements=tuple(
            _measurement(s, weighed, adds.get(s), study) for s in by_worth
        ),
        taken=tuple(study.taken),
        failed=study.failed,
        n_powerless=(
            0 if weighed.is_cut_short else study.n_sessions - len(weighed.alone)
        ),
        regret_now_usd_per_month=weighed.today_regret_usd_per_month,
        regret_usd_per_month=weighed.regret_usd_per_month,
        n_worlds=study.n_worlds,
        seed=study.seed,
        n_solves=study.n_solves,
        is_cut_short=weighed.is_cut_short,
        note=study.note,
    )


def told_fitting(found: Fitting, study: Studied) -> PlanFitting:
    """Which measurements could lead to a plan, as the document without one has it."""
    adds = dict(found.chosen)
    ways = [*adds, *(w for w in found.ways if w not in adds)]
    return PlanFitting(
        budget_usd=study.budget_usd,
        price_usd=math.fsum(w.price_usd for w in adds),
        ways=tuple(_way(w, adds.get(w), study) for w in ways),
        taken=tuple(study.taken),
        failed=study.failed,
        n_measurable=found.n_able,
        probability_frac=min(1.0, max(0.0, found.probability_frac)),
        possible_frac=found.possible_frac,
        n_worlds=study.n_worlds,
        seed=study.seed,
        n_solves=study.n_solves,
        is_cut_short=found.is_cut_short,
        note=study.note,
    )


def _way(way: Way, adds_frac: float | None, study: Studied) -> PlanWayToFit:
    if adds_frac is not None:
        verdict = "take"
    elif way.price_usd > study.budget_usd or study.budget_usd == 0:
        verdict = "over_budget"
    else:
        verdict = "adds_nothing"
    return PlanWayToFit(
        measurements=tuple(_session(s, study) for s in way.sessions),
        price_usd=way.price_usd,
        time_s=math.fsum(s.time_s for s in way.sessions),
        probability_frac=way.probability_frac,
        usd_per_month=way.usd_per_month,
        verdict=verdict,
        adds_probability_frac=adds_frac,
    )


def _session(session: Session, study: Studied) -> PlanSession:
    offer = session.offer
    is_own = session.model in study.own_models
    return PlanSession(
        model=session.model,
        device=session.device,
        variants=tuple(dict.fromkeys(str(k.variant) for k in session.keys)),
        where="here" if session.is_here else machine_words(offer),
        is_here=session.is_here,
        time_s=session.time_s,
        price_usd=session.price_usd,
        price_usd_per_h=offer.price_usd_per_h,
        price_source=offer.price_source,
        price_as_of=offer.price_as_of,
        commands=tuple(_commands(session, study.question, is_own=is_own)),
    )


def _measurement(
    session: Session,
    weighed: Weighed,
    adds_usd_per_month: float | None,
    study: Studied,
) -> PlanMeasurement:
    worth = weighed.alone[session]
    if (session.model, session.device) in study.why_failed:
        verdict = "failed"
    elif adds_usd_per_month is not None:
        verdict = "take"
    elif pays(worth.saving_usd_per_month, session.price_usd, months=study.months):
        verdict = "over_budget"
    else:
        verdict = "not_worth_its_price"
    return PlanMeasurement(
        **dict(_session(session, study)),
        saving_usd_per_month=worth.saving_usd_per_month,
        best_saving_usd_per_month=worth.best_usd_per_month,
        cheaper_probability_frac=worth.changes_frac,
        dearer_probability_frac=worth.dearer_frac,
        verdict=verdict,
        adds_usd_per_month=adds_usd_per_month,
    )


def _commands(session: Session, question: Question, *, is_own: bool) -> Iterable[str]:
    """What to run on the device and then here; a published model has nothing to run."""
    if session.is_here or not is_own:
        return
    cores = question.catalog.device(session.device).cores or 1
    file = f"{session.model}-{session.device}.json"
    yield (
        f"planner profile SPEC --executor local --as-device {session.device} "
        f"--threads {cores} --export {file}"
    )
    yield f"planner import profiles {file}"
