"""Which limits bind, and what a unit of each is worth.

Every figure is the difference of two solved plans: as things stand, and with one
limit moved by one unit (a tenth of an amount, one of a count, five points of a
fraction, one point of a percentile). No duals are used: machines are whole, and
the duals of the relaxed program are not what a unit of a limit is worth.
"""

from collections.abc import Iterable
from typing import Final

from planner.pipeline.asking.question import Question
from planner.pipeline.exploring.dials import Dial, Scale, dials
from planner.pipeline.exploring.kinds import TOLERANCE_FRAC
from planner.pipeline.exploring.trials import Trials
from planner.pipeline.solving.scenarios import Trial
from planner.specs.explanation import Outcome, Worth

NO_PLAN: Final = (None, None, None)


def worths(trials: Trials, base: Trial) -> Iterable[Worth]:
    """Every numeric limit of the document, moved a unit each way.

    Raises:
        SearchCutShortError: No time is left.
    """

    def worth(dial: Dial) -> Worth:
        easier, harder = (
            _outcome(trials, base, dial, is_easier=is_easier)
            for is_easier in (True, False)
        )
        return Worth(
            field=dial.field,
            current=dial.current,
            unit=dial.unit,
            binds=_is_better(easier) or _is_worse(harder),
            easier=easier,
            harder=harder,
        )

    yield from trials.each(worth, (*_sums(trials.question), *dials(trials.question)))


def _sums(question: Question) -> Iterable[Dial]:
    policy = question.spec.policy
    limits = (
        ("budget_usd_per_month", policy.budget_usd_per_month, "USD/month"),
        ("carbon_kgco2e_per_month", policy.carbon_kgco2e_per_month, "kgCO2e/month"),
    )
    for name, current, unit in limits:
        if current:
            field = f"policy.{name}"
            yield Dial(field=field, current=current, limit=current * 1000, unit=unit)


def _outcome(
    trials: Trials, base: Trial, dial: Dial, *, is_easier: bool
) -> Outcome | None:
    stepped = float(f"{dial.stepped(is_easier=is_easier):.6g}")
    to = _within(dial, stepped, is_easier=is_easier)
    if to == dial.current or not trials.allows({dial.field: to}):
        return None
    trial = trials.solve({dial.field: to})
    cost, change, aim = NO_PLAN if trial is None else _compared(base, trial)
    return Outcome(
        to=to,
        cost_usd_per_month=cost,
        change_usd_per_month=change,
        aim_change_frac=aim,
    )


def _within(dial: Dial, value: float, *, is_easier: bool) -> float:
    """No further than the dial goes, fractions no further than the whole."""
    if is_easier:
        return min(value, dial.limit) if dial.limit > dial.current else max(value, dial.limit)  # fmt: skip
    if dial.scale is Scale.FRACTION:
        return min(1.0, max(0.0, value))
    return value


def _compared(base: Trial, trial: Trial) -> tuple[float, float, float]:
    cost = trial.solution.cost_usd_per_month
    before, after = base.aims[0], trial.aims[0]
    aim_change = (after - before) / before if before else after - before
    return cost, cost - base.solution.cost_usd_per_month, aim_change


def _is_better(outcome: Outcome | None) -> bool:
    return (
        outcome is not None
        and outcome.aim_change_frac is not None
        and outcome.aim_change_frac < -TOLERANCE_FRAC
    )


def _is_worse(outcome: Outcome | None) -> bool:
    return outcome is not None and (
        outcome.aim_change_frac is None or outcome.aim_change_frac > TOLERANCE_FRAC
    )


def first(worth: Worth) -> float:
    """What is worth most comes first: dollars saved by a unit more, or lost by one less."""
    outcomes = [o for o in (worth.easier, worth.harder) if o is not None]
    no_plan = any(o.change_usd_per_month is None for o in outcomes)
    moved = [abs(o.change_usd_per_month or 0.0) for o in outcomes]
    return -(max(moved, default=0.0) + (1e12 if no_plan else 0.0))


def by_worth(found: Iterable[Worth]) -> tuple[Worth, ...]:
    """Those that bind before those that do not."""
    return tuple(sorted(found, key=lambda w: (not w.binds, first(w))))
