"""What could still be measured before acting on a plan: a table, and what to do."""

from collections.abc import Iterable
from typing import Final

from planner.domain.placement import Verdict
from planner.report.sentences import (
    NOTHING,
    clean,
    counted,
    dollars,
    sentence,
    share,
    usd,
)
from planner.report.tables import Table, table
from planner.specs.measuring import (
    MeasurementFailed,
    MeasurementTaken,
    PlanMeasurement,
    PlanMeasuring,
    PlanPoints,
    PlanSession,
)
from planner.specs.plan import PlanDocument
from planner.units import S_PER_H, S_PER_MIN

_VERDICTS: Final = {
    "take": "measure",
    "over_budget": "beyond the budget",
    "not_worth_its_price": "not worth it",
    "failed": "failed here",
}


def measuring_table(plan: PlanDocument) -> Table | None:
    """Every measurement that could change the plan; None where none was weighed."""
    study = plan.measuring
    if study is None or not study.measurements:
        return None
    return table(
        "What measuring would be worth",
        [
            *("Measurement", "Where", ">Costs", ">Saves USD/month", ">At best"),
            *(">Cheaper plan", ">Dearer plan", "Verdict"),
        ],
        [_row(m) for m in study.measurements],
        footnotes=tuple(_notes(study)),
    )


def _row(m: PlanMeasurement) -> tuple[str, ...]:
    return (
        f"{m.model} on {m.device}",
        m.where.removeprefix(f"{m.device} "),
        _costs(m),
        usd(m.saving_usd_per_month),
        usd(m.best_saving_usd_per_month),
        share(m.cheaper_probability_frac),
        share(m.dearer_probability_frac),
        _VERDICTS[m.verdict],
    )


def _costs(m: PlanMeasurement) -> str:
    price = "" if m.price_usd == 0 else f"up to {dollars(m.price_usd)}, "
    return price + duration(m.time_s)


def duration(time_s: float) -> str:
    """Minutes, or hours where it is long."""
    minutes = time_s / S_PER_MIN
    return f"{minutes:.0f} min" if time_s < S_PER_H else f"{time_s / S_PER_H:.1f} h"


def _notes(study: PlanMeasuring) -> Iterable[str]:
    yield (
        "Saves: how much less for the best plan once the truth is known, on average over "
        f"{counted(study.n_worlds, 'draw')} from the profiles' error bands (seed {study.seed}). "
        "Dearer: the truth turns out worse than the plan's confidence allows for."
    )
    if study.note:
        yield sentence(study.note)
    yield from price_notes(study.measurements)


def price_notes(sessions: Iterable[PlanSession]) -> Iterable[str]:
    """Where the prices of sessions come from, each once."""
    return dict.fromkeys(
        f"{m.where}: {usd(m.price_usd_per_h)} USD/h, {m.price_source}, {m.price_as_of}"
        for m in sessions
        if m.price_usd
    )


def points_lines(plan: PlanDocument) -> tuple[str, ...]:
    """How few batch sizes were timed, and why the others could not change the plan."""
    points = plan.points
    return () if points is None else tuple(_points(points, plan))


def _points(points: PlanPoints, plan: PlanDocument) -> Iterable[str]:
    share_frac = points.n_timed / points.n_grid if points.n_grid else 0.0
    yield (
        f"{points.n_timed} of {counted(points.n_grid, 'batch size')} of your own models "
        f"({share(share_frac)}; {counted(points.n_curves, 'curve')}, "
        f"{counted(points.n_plans, 'plan')} made in between)."
    )
    if points.n_read_off:
        yield (
            f"{points.n_read_off} read off lines between timed ones, good to some 5 %: where "
            "a whole machine hangs on less than that, the whole grid may plan otherwise."
        )
    if points.n_beyond:
        nothing = plan.status is Verdict.INFEASIBLE
        then = "nothing would fit" if nothing else "this would be the best plan"
        yield (
            f"{points.n_beyond} could not change the answer: even if each of them were as "
            f"fast as the timed ones beside it allow, {then}."
        )
    if plan.simulation is not None and len(plan.simulation.rounds) > 1:
        yield (
            "What the trial on simulated traffic cut came after that: planner recommend "
            "without --fewer-points times what may be better then, too."
        )


def measuring_lines(plan: PlanDocument) -> tuple[str, ...]:
    """What was measured, what is worth measuring and how, and what not knowing costs."""
    study = plan.measuring
    return () if study is None else tuple(clean(line) for line in _lines(study))


def _lines(study: PlanMeasuring) -> Iterable[str]:
    yield from map(taken_words, study.taken)
    yield from map(failed_words, study.failed)
    for m in study.measurements:
        if m.verdict == "take":
            yield _wanted(m, study.within_months)
    if study.n_powerless:
        could = counted(study.n_powerless, "other measurement")
        yield f"{could} could not make the plan cheaper, however well they turned out."
    if not any(m.verdict == "take" for m in study.measurements):
        yield _none(study)
    yield _regret(study)


def taken_words(m: MeasurementTaken) -> str:
    """What was measured here, and what came of it."""
    what = (
        f"measured {m.model} on {m.device} here ({counted(m.n_profiles, 'variant')}): "
    )
    before, after = m.before_usd_per_month, m.after_usd_per_month
    if before is None:
        if after is None:
            return what + "there is no plan with what was found, either."
        return what + f"that made a plan possible, of {dollars(after)} a month."
    now = NOTHING if after is None else dollars(after)
    return what + f"the plan went from {dollars(before)} to {now} a month."


def failed_words(m: MeasurementFailed) -> str:
    """What could not be measured here, and why."""
    return (
        f"{m.model} on {m.device} could not be measured here, and that is not proposed "
        f"again: {m.reason}"
    )


def _wanted(m: PlanMeasurement, months: float) -> str:
    adds = m.adds_usd_per_month or 0.0
    where = m.where.removeprefix(f"{m.device} ")
    within = "a month" if months == 1 else f"{months:g} months"
    return (
        f"measure {m.model} on {m.device}, {where} ({_costs(m)}): it "
        f"saves {dollars(adds)} a month on average and pays within {within}; {_how(m)}"
    )


def session_words(m: PlanSession) -> str:
    """Where a session is held and how."""
    where = m.where.removeprefix(f"{m.device} ")
    return f"{m.model} on {m.device}, {where}: {_how(m)}"


def _how(m: PlanSession) -> str:
    if m.commands:
        return f"there: {' ; then here: '.join(m.commands)}"
    return (
        "its profile is published and its code is not here: run your own copy of the "
        "model on the device, then planner import"
    )


def _none(study: PlanMeasuring) -> str:
    if study.budget_usd == 0:
        return "Nothing is measured with a budget of nothing."
    if study.is_cut_short:
        return "The time for weighing passed before a measurement was found worth it."
    return "No measurement left is worth its price."


def _regret(study: PlanMeasuring) -> str:
    left = study.regret_usd_per_month
    if left is None:
        return "What perfect knowledge would save is not known: the time for weighing passed."
    after = " on top" if any(m.verdict == "take" for m in study.measurements) else ""
    return (
        f"Remaining regret: even perfect knowledge of every profile would save {dollars(left)} "
        f"a month{after}, on average."
    )
