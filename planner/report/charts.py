"""Two pictures of a plan as inline SVG: what the money goes to, and where the time goes.

Every picture is a list of bars with words on both sides, so that it reads without
colour, wraps on a phone and is told by a screen reader.
"""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from planner.report.adding import printed_bill
from planner.report.sentences import clean, latency, limit
from planner.report.tables import where
from planner.report.timing import breakdown_ms
from planner.specs.placements import TokenPrediction
from planner.specs.plan import PlanDocument, PlanWorkload

# Okabe and Ito's palette (2008), told apart by colour-blind readers too.
PART_COLOURS: Final = {
    "network": "#0072b2",
    "transfer": "#56b4e9",
    "wait": "#e69f00",
    "service": "#009e73",
    "server": "#cc79a7",
}
PREDICTED_COLOUR: Final = "#009e73"
MONEY_COLOUR: Final = "#0072b2"
MISSED_COLOUR: Final = "#d55e00"
FULL_WIDTH: Final = 100.0
# The longest bar ends before the edge, so that a mark on its end is seen whole.
USED_WIDTH: Final = 98.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: segments end to end, marks across it, words on both sides.

    Lengths and marks are in one unit, whichever; None is a mark that is not drawn.
    """

    label: str
    value: str
    segments: tuple[tuple[str, float], ...]
    seen: float | None = None
    promise: float | None = None


def cost_chart(plan: PlanDocument) -> str:
    """A bar for each line of the bill; empty where there is nothing to compare."""
    lines = plan.cost.lines
    if len(lines) < 2 or plan.cost.total_usd_per_month <= 0:
        return ""
    parts = printed_bill(plan).lines.parts
    return _bars(
        [
            Bar(
                label=line.item,
                value=f"${part}",
                segments=((MONEY_COLOUR, line.usd_per_month),),
            )
            for line, part in zip(lines, parts, strict=True)
        ],
        is_one_scale=True,
    )


def latency_chart(plan: PlanDocument) -> str:
    """Means of the parts against the promise; for language models TTFT and TPOT."""
    bars = [bar for w in plan.workloads for bar in _workload_bars(plan, w)]
    if not bars:
        return ""
    has_parts = any(p.breakdown is not None for p in plan.placements)
    has_server = any(p.breakdown and p.breakdown.server_ms for p in plan.placements)
    legend = _legend(has_server=has_server) if has_parts else ""
    return legend + _bars(bars, is_one_scale=False)


def _workload_bars(plan: PlanDocument, workload: PlanWorkload) -> Iterable[Bar]:
    if isinstance(workload.predicted, TokenPrediction):
        yield from _token_bars(workload, workload.predicted)
        return
    promised_ms = workload.slo.latency_ms
    for p in plan.placements:
        if p.workload == workload.name and p.breakdown is not None:
            parts = zip(PART_COLOURS.values(), breakdown_ms(p.breakdown), strict=True)
            yield Bar(
                label=f"{workload.name}, {where(p)}",
                value=f"p95 {latency(p.predicted.p95_ms)} of {limit(promised_ms)}",
                segments=tuple(parts),
                seen=p.predicted.p95_ms,
                promise=promised_ms,
            )


def _token_bars(workload: PlanWorkload, seen: TokenPrediction) -> Iterable[Bar]:
    for word, value_ms, promised_ms in (
        ("TTFT", seen.ttft_ms, workload.slo.ttft_ms),
        ("TPOT", seen.tpot_ms, workload.slo.tpot_ms),
    ):
        if promised_ms is not None:
            is_kept = value_ms <= promised_ms
            yield Bar(
                label=f"{workload.name}, {word}",
                value=f"{latency(value_ms)} of {limit(promised_ms)}",
                segments=((PREDICTED_COLOUR if is_kept else MISSED_COLOUR, value_ms),),
                promise=promised_ms,
            )


def _legend(*, has_server: bool) -> str:
    keys = [
        f'<span><i style="background:{colour}"></i>{name}</span>'
        for name, colour in PART_COLOURS.items()
        if has_server or name != "server"
    ]
    keys.append('<span><i class="seen"></i>p95</span>')
    keys.append('<span><i class="promise"></i>the promise</span>')
    return f'<p class="legend">Means of {"".join(keys)}</p>'


def _bars(bars: Sequence[Bar], *, is_one_scale: bool) -> str:
    """Rows of label, bar and value; each row has its own scale unless told."""
    longest = max(_length(bar) for bar in bars)
    rows = [_row(bar, longest if is_one_scale else _length(bar)) for bar in bars]
    return f'<div class="bars">{"".join(rows)}</div>'


def _length(bar: Bar) -> float:
    whole = sum(length for _, length in bar.segments)
    return max(whole, bar.seen or 0.0, bar.promise or 0.0)


def _row(bar: Bar, longest: float) -> str:
    scale = USED_WIDTH / longest if longest > 0 else 0.0
    drawn, at = [], 0.0
    for colour, length in bar.segments:
        drawn.append(
            f'<rect x="{at:.2f}" y="1" width="{length * scale:.2f}" height="8" '
            f'fill="{colour}"/>'
        )
        at += length * scale
    for name, mark in (("seen", bar.seen), ("promise", bar.promise)):
        if mark is not None:
            x = f"{mark * scale:.2f}"
            drawn.append(f'<line class="{name}" x1="{x}" x2="{x}" y1="0" y2="10"/>')
    label, value = html.escape(clean(bar.label)), html.escape(clean(bar.value))
    return (
        f"<span>{label}</span>"
        f'<svg viewBox="0 0 {FULL_WIDTH:.0f} 10" preserveAspectRatio="none" role="img" '
        f'aria-label="{label}: {value}">{"".join(drawn)}</svg>'
        f"<span>{value}</span>"
    )
