"""An explanation as tables: what binds, where the answer flips, what is nearly as good."""

from planner.report.sentences import NOTHING, dollars, exact, number, share, usd
from planner.report.tables import Table, setting, table
from planner.specs.explanation import Explanation, Flip, Outcome, Steady, Worth


def explanation_tables(told: Explanation) -> tuple[Table, ...]:
    """Tables that have rows, in the order in which they are told."""
    every = (
        worth_table(told),
        openings_table(told),
        flips_table(told),
        near_table(told),
        lost_table(told),
    )
    return tuple(t for t in every if t.rows)


def worth_table(told: Explanation) -> Table:
    """Each limit, whether it binds, and what a unit of it is worth."""
    return table(
        "What binds, and what a unit is worth",
        [
            *("Limit", ">Now", "Unit", "Binds"),
            *(">Easier", ">USD/month", ">Harder", ">USD/month"),
        ],
        [_worth_row(w) for w in told.worth],
        footnotes=(
            "USD/month: how the cost of the best plan changes; each was solved anew.",
        ),
    )


def _worth_row(w: Worth) -> tuple[str, ...]:
    return (
        w.field,
        _short(w.current),
        w.unit,
        "yes" if w.binds else "no",
        *_outcome(w.easier),
        *_outcome(w.harder),
    )


def _outcome(outcome: Outcome | None) -> tuple[str, str]:
    if outcome is None:
        return NOTHING, NOTHING
    if outcome.change_usd_per_month is None:
        return _short(outcome.to), "no plan"
    return _short(outcome.to), _change(outcome.change_usd_per_month)


def _change(amount: float) -> str:
    if abs(amount) < 0.005:
        return "0.00"
    return f"+{usd(amount)}" if amount > 0 else f"−{usd(-amount)}"


def _short(value: object) -> str:
    if isinstance(value, float):
        return number(value)
    return (
        setting(value)
        if value is None or isinstance(value, bool | str | tuple)
        else str(value)
    )


def openings_table(told: Explanation) -> Table:
    """What the document rules out and would make the plan better."""
    return table(
        "What else could be allowed",
        ["Change", ">From", ">To", ">USD/month", ">Then", "Runs"],
        [
            (
                change.field,
                setting(change.from_),
                setting(change.to),
                usd(opened.cost_usd_per_month),
                _change(opened.cost_usd_per_month - told.cost_usd_per_month),
                opened.plan,
            )
            for opened in told.openings
            for change in opened.change
        ],
        footnotes=("Each alone makes a better plan, which was solved.",),
    )


def flips_table(told: Explanation) -> Table:
    """How far each thing may be turned, and what the plan then becomes."""
    rows = [_flip_row(f) for f in told.flips] + [_steady_row(s) for s in told.steady]
    return table(
        "Where the answer flips",
        [
            *("What", ">Now", ">Stands to", ">Flips at"),
            *("Unit", "Becomes", ">USD/month"),
        ],
        rows,
        footnotes=(
            f"Found to {share(told.resolution_frac)} by solving, between both values.",
        ),
    )


def _flip_row(flip: Flip) -> tuple[str, ...]:
    change = flip.change
    return (
        flip.what,
        setting(change.from_),
        setting(change.not_enough),
        setting(change.to),
        change.unit,
        flip.becomes or "no plan",
        usd(flip.cost_usd_per_month),
    )


def _steady_row(steady: Steady) -> tuple[str, ...]:
    change = steady.change
    return (
        steady.what,
        setting(change.from_),
        setting(change.to),
        "not seen",
        change.unit,
        NOTHING,
        NOTHING,
    )


def near_table(told: Explanation) -> Table:
    """Plans of other kinds that are nearly as good."""
    return table(
        f"Other plans within {share(told.near_within_frac)} of the best",
        ["Plan", ">USD/month", ">Worse by"],
        [
            (n.description, usd(n.cost_usd_per_month), share(n.worse_frac))
            for n in told.near
        ],
    )


def lost_table(told: Explanation) -> Table:
    """The runner-up of each workload, and why it lost."""
    return table(
        "Why not the runner-up",
        ["Workload", "Runner-up", ">USD/month", "Why not"],
        [
            (
                r.workload,
                r.runner_up.description,
                usd(r.runner_up.cost_usd_per_month),
                r.runner_up.why_not,
            )
            for r in told.runners_up
        ],
    )


def opening_line(told: Explanation) -> str:
    """The plan that is explained."""
    return f"{told.name}: {told.plan}, {dollars(told.cost_usd_per_month)} a month"


def closing_notes(told: Explanation) -> tuple[str, ...]:
    """How it was found."""
    return (*told.notes, f"{exact(told.n_solves)} solves")
