"""Weighed measurements as a part of the plan document, with the commands that take them."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from planner.pipeline.asking.question import Question
from planner.pipeline.informing.prices import SET_UP_S, VARIANT_S, Session
from planner.pipeline.informing.value import Weighed, pays
from planner.pipeline.telling.bill import machine_words
from planner.specs.measuring import MeasurementTaken, PlanMeasurement, PlanMeasuring

PRICE_NOTE = (
    f"prices allow {SET_UP_S / 60:.0f} minutes of setting up and at most "
    f"{VARIANT_S / 60:.0f} for each variant, beside the median time that the cloud takes "
    "to boot; a session that ends sooner costs less"
)
UNMEASURED_NOTE = (
    "devices that nothing is known of are not weighed: policy.predict_unmeasured: true "
    "lets them compete"
)


def told(
    weighed: Weighed,
    *,
    study_months: float,
    budget_usd: float,
    n_sessions: int,
    failed: Mapping[tuple[str, str], str],
    taken: Sequence[MeasurementTaken],
    n_worlds: int,
    seed: int,
    n_solves: int,
    question: Question,
    own_models: Collection[str],
) -> PlanMeasuring:
    """The study as the plan document has it."""
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
    notes = [PRICE_NOTE, *(f"{m} on {d}: {why}" for (m, d), why in failed.items())]
    if not question.spec.policy.predict_unmeasured:
        notes.append(UNMEASURED_NOTE)
    return PlanMeasuring(
        budget_usd=budget_usd,
        within_months=study_months,
        price_usd=math.fsum(s.price_usd for s in adds),
        measurements=tuple(
            _measurement(
                s,
                weighed,
                adds.get(s),
                has_failed=(s.model, s.device) in failed,
                months=study_months,
                is_own=s.model in own_models,
                question=question,
            )
            for s in by_worth
        ),
        taken=tuple(taken),
        n_powerless=0 if weighed.is_cut_short else n_sessions - len(weighed.alone),
        regret_now_usd_per_month=weighed.today_regret_usd_per_month,
        regret_usd_per_month=weighed.regret_usd_per_month,
        n_worlds=n_worlds,
        seed=seed,
        n_solves=n_solves,
        is_cut_short=weighed.is_cut_short,
        note="; ".join(notes),
    )


def _measurement(
    session: Session,
    weighed: Weighed,
    adds_usd_per_month: float | None,
    *,
    has_failed: bool,
    months: float,
    is_own: bool,
    question: Question,
) -> PlanMeasurement:
    offer, worth = session.offer, weighed.alone[session]
    if has_failed:
        verdict = "failed"
    elif adds_usd_per_month is not None:
        verdict = "take"
    elif pays(worth.saving_usd_per_month, session.price_usd, months=months):
        verdict = "over_budget"
    else:
        verdict = "not_worth_its_price"
    return PlanMeasurement(
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
        saving_usd_per_month=worth.saving_usd_per_month,
        best_saving_usd_per_month=worth.best_usd_per_month,
        cheaper_probability_frac=worth.changes_frac,
        dearer_probability_frac=worth.dearer_frac,
        verdict=verdict,
        adds_usd_per_month=adds_usd_per_month,
        commands=tuple(_commands(session, question, is_own=is_own)),
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
