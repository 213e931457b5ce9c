"""What could be measured so that there is a plan: a table, and what to do."""

from collections.abc import Iterable
from typing import Final

from planner.report.measuring import (
    duration,
    failed_words,
    price_notes,
    session_words,
    taken_words,
)
from planner.report.sentences import (
    clean,
    counted,
    dollars,
    listed,
    sentence,
    share,
    usd,
)
from planner.report.tables import Table, table
from planner.specs.measuring import PlanFitting, PlanWayToFit
from planner.specs.plan import PlanDocument

_VERDICTS: Final = {
    "take": "measure",
    "over_budget": "beyond the budget",
    "adds_nothing": "adds nothing",
}


def fitting_table(plan: PlanDocument) -> Table | None:
    """Every set of measurements that could lead to a plan; None where none was sought."""
    study = plan.fitting
    if study is None or not study.ways:
        return None
    return table(
        "What measuring could lead to a plan",
        [
            "Measurements",
            "Where",
            ">Costs",
            ">Leads to a plan",
            ">Of USD/month",
            "Verdict",
        ],
        [_row(w) for w in study.ways],
        footnotes=tuple(_notes(study)),
    )


def _row(way: PlanWayToFit) -> tuple[str, ...]:
    together = way.measurements
    return (
        " and ".join(f"{m.model} on {m.device}" for m in together),
        " and ".join(m.where.removeprefix(f"{m.device} ") for m in together),
        _costs(way),
        share(way.probability_frac),
        usd(way.usd_per_month),
        _VERDICTS[way.verdict],
    )


def _costs(way: PlanWayToFit) -> str:
    price = "" if way.price_usd == 0 else f"up to {dollars(way.price_usd)}, "
    return price + duration(way.time_s)


def _notes(study: PlanFitting) -> Iterable[str]:
    yield (
        "Leads to a plan: the share of "
        f"{counted(study.n_worlds, 'draw')} from the profiles' error bands (seed {study.seed}) "
        "in which there is one once these truths are known; USD/month: the middle of what "
        "those plans cost."
    )
    if study.note:
        yield sentence(study.note)
    yield from price_notes(m for w in study.ways for m in w.measurements)


def fitting_lines(plan: PlanDocument) -> tuple[str, ...]:
    """What was measured, what to measure and how, and how likely that leads to a plan."""
    study = plan.fitting
    return () if study is None else tuple(clean(line) for line in _lines(study))


def _lines(study: PlanFitting) -> Iterable[str]:
    yield from map(taken_words, study.taken)
    yield from map(failed_words, study.failed)
    wanted = [w for w in study.ways if w.verdict == "take"]
    for way in wanted:
        yield from _wanted(way)
    if len(wanted) > 1:
        price = study.price_usd
        cost = f", for at most {dollars(price)}" if price else ""
        yield (
            "Together these measurements lead to a plan with "
            f"{share(study.probability_frac)} probability{cost}."
        )
    if not wanted:
        yield _none(study)
    if study.possible_frac and study.possible_frac > study.probability_frac:
        yield (
            "Perfect knowledge of every profile would lead to a plan with "
            f"{share(study.possible_frac)} probability."
        )


def _wanted(way: PlanWayToFit) -> Iterable[str]:
    names = listed([f"{m.model} on {m.device}" for m in way.measurements])
    cost = (
        ""
        if way.usd_per_month is None
        else f", of about {dollars(way.usd_per_month)} a month"
    )
    yield (
        f"measure {names} ({_costs(way)}): {share(way.probability_frac)} probability of a "
        f"plan{cost}."
    )
    for m in way.measurements:
        if not m.is_here:
            yield session_words(m)


def _none(study: PlanFitting) -> str:
    if study.n_measurable == 0:
        return (
            "No other measurement is left that could lead to a plan."
            if study.failed
            else "No measurement could lead to a plan: none of the profiles on offer has "
            "an error band left that measuring would settle."
        )
    if study.is_cut_short:
        return "The time for weighing passed before a measurement was found to lead to a plan."
    if not study.ways:
        several = counted(study.n_measurable, "possible measurement")
        return (
            f"No measurement could lead to a plan: even if {several} turned out as well as "
            "the error bands allow, nothing would fit. The ways out are other changes."
        )
    if study.budget_usd == 0:
        return "Nothing is measured with a budget of nothing."
    return "No measurement within the budget is likely to lead to a plan."
