"""A front as a table and as a drawing with axes: SVG, and a page that holds both."""

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from planner.domain.placement import Objective
from planner.report.charts import MONEY_COLOUR, PREDICTED_COLOUR
from planner.report.html import FRAGMENT_STYLE, PAGE_STYLE, html_table
from planner.report.sentences import (
    NOTHING,
    clean,
    latency,
    number,
    quality,
    share,
    usd,
)
from planner.report.tables import Table, table
from planner.specs.front import Front, FrontPoint

WIDTH: Final = 720
HEIGHT: Final = 440
LEFT: Final = 90
RIGHT: Final = 30
TOP: Final = 30
BOTTOM: Final = 60
TICKS: Final = 5
DOT: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A value of every point, its words, and the line it is drawn on."""

    title: str
    values: tuple[float, ...]
    words: Callable[[float], str]


def front_table(front: Front) -> Table:
    """Every point of the front, the cheapest first."""
    one = len(front.points[0].workloads) == 1 if front.points else False
    rows = [_row(i, p, one=one) for i, p in enumerate(front.points, start=1)]
    headings = [
        ">No.",
        ">USD/month",
        ">Latency" if one else ">Latency, of promise",
        ">Quality" if one else ">Quality, of best",
        "Plan",
    ]
    return table(
        "Plans that no other beats in every aim",
        headings,
        rows,
        footnotes=front.notes,
    )


def _row(i: int, p: FrontPoint, *, one: bool) -> tuple[str, ...]:
    if one:
        w = p.workloads[0]
        seen, good = latency(w.latency_ms), quality(w.quality_frac)
    else:
        seen = share(p.promise_frac)
        good = NOTHING if p.quality_frac is None else share(p.quality_frac)
    return str(i), usd(p.cost_usd_per_month), seen, good, p.description


def front_svg(front: Front) -> str:
    """The points with axes: cost to the right; latency, else quality, upwards.

    With three objectives each point is labelled with its quality.
    """
    if not front.points:
        return ""
    across, up = _axes(front)
    x = _scale(across.values, LEFT, WIDTH - RIGHT)
    y = _scale(up.values, HEIGHT - BOTTOM, TOP)
    parts = [*_frame(across, up, x, y), *_path(front, across, up, x, y)]
    for i, point in enumerate(front.points):
        parts.append(_dot(i, point, x(across.values[i]), y(up.values[i]), front))
    title = html.escape(clean(f"{front.name}: {across.title} against {up.title}"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" font-family="system-ui,sans-serif" font-size="12" '
        f'fill="currentColor"><title>{title}</title>{"".join(parts)}</svg>'
    )


def front_page(front: Front) -> str:
    """Drawing and table as a page that loads nothing from outside."""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    name = html.escape(clean(front.name))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}: front</title>\n<style>{PAGE_STYLE}</style>\n</head>\n<body>\n"
        f'<div class="dplan"><style>{FRAGMENT_STYLE}</style><h1>{name}</h1>'
        f"{front_svg(front)}{html_table(front_table(front))}</div>\n</body>\n</html>\n"
    )


def _axes(front: Front) -> tuple[Axis, Axis]:
    one = len(front.points[0].workloads) == 1
    axes = {o: _axis(front.points, o, one=one) for o in front.objectives}
    first, second = [axes[o] for o in Objective if o in axes][:2]
    return first, second


def _axis(points: Sequence[FrontPoint], objective: Objective, *, one: bool) -> Axis:
    if objective is Objective.COST:
        costs = tuple(p.cost_usd_per_month for p in points)
        return Axis(title="cost, USD/month", values=costs, words=lambda v: f"{v:,.4g}")
    if objective is Objective.LATENCY:
        if one:
            times = tuple(p.workloads[0].latency_ms for p in points)
            return Axis(title="latency, ms", values=times, words=number)
        shares = tuple(p.promise_frac for p in points)
        return Axis(title="latency, share of the promise", values=shares, words=share)
    if one:
        scores = tuple(p.workloads[0].quality_frac or 0.0 for p in points)
        return Axis(title="quality", values=scores, words=quality)
    parts = tuple(p.quality_frac or 0.0 for p in points)
    return Axis(title="quality, share of the best", values=parts, words=share)


def _scale(
    values: Sequence[float], start: float, end: float
) -> Callable[[float], float]:
    low, high = _span(values)
    return lambda v: start + (v - low) / (high - low) * (end - start)


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    return max(0.0, low - room) if low >= 0 else low - room, high + room


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between the ends.

    Example:
        >>> ticks(3.0, 21.0)
        [5.0, 10.0, 15.0, 20.0]
    """
    raw = (high - low) / TICKS
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(m * magnitude for m in (1, 2, 5, 10) if m * magnitude >= raw)
    first = math.ceil(low / step)
    return [round(k * step, 12) for k in range(first, math.floor(high / step) + 1)]


def _frame(
    across: Axis, up: Axis, x: Callable[[float], float], y: Callable[[float], float]
) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    grid = 'stroke="currentColor" stroke-opacity="0.15"'
    line = 'stroke="currentColor" stroke-opacity="0.6"'
    parts = [
        f'<line x1="{LEFT}" y1="{bottom}" x2="{right}" y2="{bottom}" {line}/>',
        f'<line x1="{LEFT}" y1="{TOP}" x2="{LEFT}" y2="{bottom}" {line}/>',
    ]
    for tick in ticks(*_span(across.values)):
        at = f"{x(tick):.1f}"
        parts.append(f'<line x1="{at}" y1="{TOP}" x2="{at}" y2="{bottom}" {grid}/>')
        parts.append(_words(at, f"{bottom + 18}", across.words(tick), "middle"))
    for tick in ticks(*_span(up.values)):
        at = f"{y(tick):.1f}"
        parts.append(f'<line x1="{LEFT}" y1="{at}" x2="{right}" y2="{at}" {grid}/>')
        parts.append(_words(f"{LEFT - 8}", f"{y(tick) + 4:.1f}", up.words(tick), "end"))
    middle = (LEFT + right) / 2
    parts.append(_words(f"{middle:.0f}", f"{HEIGHT - 14}", across.title, "middle"))
    height = (TOP + bottom) / 2
    turned = f' transform="rotate(-90 18 {height:.0f})"'
    parts.append(_words("18", f"{height:.0f}", up.title, "middle", turned))
    return parts


def _words(x: str, y: str, text: str, anchor: str, more: str = "") -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}"{more}>'
        f"{html.escape(clean(text))}</text>"
    )


def _path(
    front: Front,
    across: Axis,
    up: Axis,
    x: Callable[[float], float],
    y: Callable[[float], float],
) -> list[str]:
    """The staircase of two objectives; three have no line."""
    if len(front.objectives) > 2:
        return []
    corners = [f"M{x(across.values[0]):.1f} {y(up.values[0]):.1f}"]
    for a, b in zip(across.values[1:], up.values[1:], strict=True):
        corners.append(f"H{x(a):.1f}V{y(b):.1f}")
    drawn = "".join(corners)
    return [f'<path d="{drawn}" fill="none" stroke="{MONEY_COLOUR}" opacity="0.5"/>']


def _dot(i: int, point: FrontPoint, x: float, y: float, front: Front) -> str:
    label = str(i + 1)
    if len(front.objectives) > 2 and point.quality_frac is not None:
        label += f" ({share(point.quality_frac)} of best quality)"
    told = html.escape(
        clean(
            f"{i + 1}: {usd(point.cost_usd_per_month)} USD/month, {point.description}"
        )
    )
    colour = PREDICTED_COLOUR if i else MONEY_COLOUR
    return (
        f'<g><title>{told}</title><circle cx="{x:.1f}" cy="{y:.1f}" r="{DOT}" '
        f'fill="{colour}"/>{_words(f"{x + 8:.1f}", f"{y - 8:.1f}", label, "start")}</g>'
    )
