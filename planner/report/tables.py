"""A plan as tables of words, ready for any medium: what runs where, the bill, the times.

Renderers (terminal, Markdown, HTML) lay these out and escape them for their medium;
none of them rounds, adds or decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from planner.report.adding import added_up, printed_bill
from planner.report.sentences import (
    NOTHING,
    PURCHASE_WORDS,
    beyond,
    clean,
    counted,
    dollars,
    exact,
    limit,
    number,
    rate,
    sentence,
    share,
    usd,
    variant,
)
from planner.specs.placements import (
    FunctionTerms,
    HostedTerms,
    PlanPlacement,
    TokenPrediction,
)
from planner.specs.plan import PlanDocument
from planner.specs.ways_out import Change, Setting

# Shares of a workload's traffic add up to one but for the solver's tolerance.
WHOLE_TRAFFIC_FRAC: Final = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column's heading; numbers stand to the right and are not broken."""

    title: str
    is_number: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of words; where `has_total`, the last row sums up the others."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    has_total: bool = False
    footnotes: tuple[str, ...] = ()


def table(
    title: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    total: Sequence[str] | None = None,
    footnotes: Iterable[str] = (),
) -> Table:
    """A table of cleaned cells; headings that start with '>' are those of numbers."""
    every_row = [*rows, total] if total is not None else list(rows)
    return Table(
        title=clean(title),
        columns=tuple(
            Column(title=clean(h.removeprefix(">")), is_number=h.startswith(">"))
            for h in headings
        ),
        rows=tuple(tuple(clean(cell) for cell in row) for row in every_row),
        has_total=total is not None,
        footnotes=tuple(clean(note) for note in footnotes),
    )


def told_table(
    title: str,
    columns: Mapping[str, Sequence[str]],
    *,
    of: Mapping[str, Sequence[str]] | None = None,
    footnotes: Iterable[str] = (),
) -> Table:
    """A table of the columns that say something in any row, by their headings.

    Those of `of` stand before them, or in the title where every row says the same.

    Example:
        >>> shown = told_table("T", {"Who": ["a", "b"], ">Heat": [NOTHING, ""]},
        ...                    of={"Model": ["m", "m"], "Device": ["x", "y"]})
        >>> shown.title, shown.rows
        ('T (m)', (('x', 'a'), ('y', 'b')))
    """
    common = {h: cells[0] for h, cells in (of or {}).items() if len(set(cells)) == 1}
    told = {
        h: cells
        for h, cells in {**(of or {}), **columns}.items()
        if h not in common and not {NOTHING, ""}.issuperset(cells)
    }
    whose = ", ".join(words for words in common.values() if words != NOTHING)
    rows = zip(*told.values(), strict=True)
    return table(
        f"{title} ({whose})" if whose else title,
        list(told),
        list(rows),
        footnotes=footnotes,
    )


def where(placement: PlanPlacement) -> str:
    """The site, and who runs it."""
    if placement.site_kind == "edge":
        return f"{placement.site} (edge)"
    return f"{placement.provider} {placement.site}"


def machines(placement: PlanPlacement) -> str:
    """What is bought, how many, and how many of them are spares."""
    if placement.by_request is not None:
        return called(placement)
    kind = placement.instance_type
    if placement.device != kind:
        each = f"{placement.device_count} × " if placement.device_count > 1 else ""
        kind += f" ({each}{placement.device})"
    words = f"{placement.machines:,} × {kind}, {PURCHASE_WORDS[placement.purchase]}"
    if placement.replicas > placement.machines:
        words += f", {counted(placement.replicas, 'replica')}"
    if placement.spare_machines:
        words += f", {placement.spare_machines:,} spare"
    return words


def called(placement: PlanPlacement) -> str:
    """What is paid by request, with its limit."""
    terms, words = placement.by_request, placement.instance_type
    if isinstance(terms, FunctionTerms):
        words += f" ({number(terms.memory_gib)} GiB, runs like {terms.runs_like})"
    most = placement.capacity_rps
    limited = "no limit stated" if most is None else f"at most {rate(most)}"
    return f"{words}, {PURCHASE_WORDS[placement.purchase]}, {limited}"


def how(placement: PlanPlacement) -> str:
    """Variant and batching; language engines batch by themselves."""
    if isinstance(placement.by_request, HostedTerms):
        return "as its vendor runs it"
    words = variant(placement.variant)
    if isinstance(placement.predicted, TokenPrediction):
        return words
    if placement.max_batch == 1:
        return f"{words}, one at a time"
    words = f"{words}, batch ≤ {placement.max_batch:,}"
    if placement.max_wait_ms:
        words += f", wait ≤ {limit(placement.max_wait_ms)}"
    return words


def placements_table(plan: PlanDocument) -> Table:
    """What to run where."""
    costs = printed_bill(plan).placements
    shares = _traffic_shares(plan)
    rows = [
        (
            p.workload,
            where(p),
            machines(p),
            how(p),
            rate(p.rate_rps) + (f" ({part})" if p.share_frac < 1 else ""),
            busy(p),
            cost,
        )
        for p, part, cost in zip(plan.placements, shares, costs.parts, strict=True)
    ]
    notes = ["Busy: the share of the time that a machine works at the planned rate."]
    if any(p.by_request for p in plan.placements):
        notes.append("By request: the share of the account's limit that is used.")
    if not costs.is_whole:
        notes.append("Costs that belong to no single placement stand in the bill.")
    return table(
        "What to run where",
        ["Workload", "Where", "Machines", "How", ">Requests", ">Busy", ">USD/month"],
        rows,
        total=("Total", "", "", "", "", "", costs.total),
        footnotes=notes,
    )


def busy(placement: PlanPlacement) -> str:
    """How much of a machine's time, or of an account's limit, is used."""
    if placement.by_request is not None and placement.capacity_rps is None:
        return NOTHING
    return share(placement.predicted.utilization_frac)


def _traffic_shares(plan: PlanDocument) -> tuple[str, ...]:
    """Each placement's share of its workload, adding up to 100 % as printed."""
    words: dict[int, str] = {}
    for name in {p.workload for p in plan.placements}:
        mine = [i for i, p in enumerate(plan.placements) if p.workload == name]
        percents = [plan.placements[i].share_frac * 100 for i in mine]
        is_all = abs(sum(percents) / 100 - 1) <= WHOLE_TRAFFIC_FRAC
        parts = added_up(percents, 100.0 if is_all else None, decimals=1).parts
        words |= {
            i: f"{part.removesuffix('.0')} %"
            for i, part in zip(mine, parts, strict=True)
        }
    return tuple(words[i] for i in range(len(plan.placements)))


def schedule_table(plan: PlanDocument) -> Table | None:
    """What is on in which hours; nothing to tell where it is always the same."""
    if len(plan.blocks) < 2:
        return None
    rows = [
        (block.name, number(block.h_per_month), _on(plan, t))
        for t, block in enumerate(plan.blocks)
    ]
    return table(
        "What is on when",
        ["Hours (UTC)", ">Hours a month", "Machines"],
        rows,
        footnotes=["Hours with the same traffic stand together; Mon to Sun where weeks are planned."],
    )  # fmt: skip


def _on(plan: PlanDocument, t: int) -> str:
    """Machines of each kind in a block, those that several placements share once.

    And whom the rest is sent to, by request.
    """
    counts: dict[tuple[str, tuple[str, ...]], tuple[int, str]] = {}
    for i, p in enumerate(plan.placements):
        who = (
            tuple(sorted({p.workload, *p.shared_with})) if p.shared_with else (str(i),)
        )
        words = f"{p.instance_type} {PURCHASE_WORDS[p.purchase]}, {where(p)}"
        counts[p.offer, who] = (p.machines_on[t], words)
    on: dict[str, int] = {}
    for count, words in counts.values():
        if count:
            on[words] = on.get(words, 0) + count
    machines_on = [f"{count:,} × {words}" for words, count in on.items()]
    sent = [
        f"{rate(p.rates_rps[t])} by request to {p.instance_type}, {where(p)}"
        for p in plan.placements
        if p.by_request is not None and p.rates_rps[t] > 0
    ]
    return "; ".join([*machines_on, *sent]) or "nothing"


def cost_table(plan: PlanDocument) -> Table:
    """The bill, line by line; what is printed adds up as printed."""
    lines = plan.cost.lines
    bill = printed_bill(plan).lines
    rows = [
        (line.item, line.source, line.as_of.isoformat(), part)
        for line, part in zip(lines, bill.parts, strict=True)
    ]
    return table(
        "Monthly cost",
        ["Item", "Price from", "As of", ">USD/month"],
        rows,
        total=("Total", "", "", bill.total),
        footnotes=_bill_notes(plan, is_whole=bill.is_whole),
    )


def _bill_notes(plan: PlanDocument, *, is_whole: bool) -> Iterable[str]:
    total, budget = plan.cost.total_usd_per_month, plan.policy.budget_usd_per_month
    if not is_whole:
        yield (
            f"These lines do not add up to the total the document states, "
            f"{dollars(total)}: do not trust this copy of the plan."
        )
    if budget is not None:
        left = budget - total
        rest = f"{dollars(left)} left" if left >= 0 else f"{dollars(-left)} over"
        yield f"Budget: {dollars(budget)} a month, {rest}."


def evidence_table(plan: PlanDocument) -> Table:
    """The figures the plan rests on, each with its source and date."""
    rows = [
        (
            e.what,
            e.provenance,
            share(e.error_frac),
            e.source,
            e.as_of.isoformat(),
        )
        for e in plan.evidence
    ]
    return table(
        "Evidence", ["Figure", "Provenance", ">Error up to", "Source", "As of"], rows
    )


def reasons_table(plan: PlanDocument) -> Table:
    """What stands in the way of any plan."""
    return table(
        "What stands in the way",
        ["Subject", "Reason"],
        [(r.subject, r.sentence) for r in plan.reasons],
    )


def relaxations_table(plan: PlanDocument) -> Table:
    """Changes that make the spec feasible, what they ask, what the plan then costs."""
    rows = []
    for i, relaxation in enumerate(plan.relaxations, start=1):
        for n_before, change in enumerate(relaxation.change):
            first = n_before == 0
            rows.append(
                (
                    str(i) if first else "and",
                    change.field,
                    setting(change.from_),
                    target(change),
                    "" if change.unit == "none" else change.unit,
                    f"× {number(relaxation.ask_ratio)}" if first else "",
                    usd(relaxation.cost_usd_per_month) if first else "",
                )
            )
    return table(
        "What would make it feasible",
        [">No.", "Change", ">From", ">To", "Unit", ">Asks", ">Then USD/month"],
        rows,
        footnotes=tuple(_search_notes(plan)),
    )


def _search_notes(plan: PlanDocument) -> Iterable[str]:
    yield "Each numbered change alone is enough; the plan that follows was solved."
    if any(len(r.change) > 1 for r in plan.relaxations):
        yield "Changes joined by 'and' are needed together: none of them can be left out."
    yield "Asks: the factor by which a limit, or the odds of a fraction, changes."
    if plan.search_note:
        yield sentence(plan.search_note)


def setting(value: Setting) -> str:
    """A field of the spec as it stands; None is a limit that nobody set."""
    match value:
        case None:
            return "no limit"
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ", ".join(value) or "any"
        case str():
            return value
        case _:
            return exact(value)


def target(change: Change) -> str:
    """What a field would have to be, rounded on in the direction of the change."""
    if change.to is None or isinstance(change.to, str | bool | tuple):
        return setting(change.to)
    start = change.from_ if isinstance(change.from_, int | float) else None
    return beyond(start, change.to, unit=change.unit)
