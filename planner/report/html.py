"""A plan as HTML: a fragment for notebooks, and a page that needs nothing from outside."""

import html
from collections.abc import Sequence
from typing import Final

from planner.report.charts import cost_chart, latency_chart
from planner.report.links import split_links
from planner.report.outline import (
    Block,
    Bullets,
    Outline,
    Paragraph,
    Section,
    Steps,
    Topic,
    outline,
)
from planner.report.prose import key_figures
from planner.report.sentences import glued
from planner.report.tables import Column, Table
from planner.specs.plan import PlanDocument

# Colours come from the reader's own page, so the fragment fits light and dark ones.
FRAGMENT_STYLE: Final = """
.dplan{font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
max-width:76rem;overflow-wrap:break-word}
.dplan h1{font-size:1.6em;font-weight:650;line-height:1.25;margin:0 0 .6em}
.dplan h2{font-size:1.1em;font-weight:650;margin:2em 0 .5em}
.dplan .badge{display:inline-block;font-size:.55em;font-weight:600;
vertical-align:middle;padding:.15em .7em;margin-left:.5em;border-radius:1em;
border:1px solid currentColor}
.dplan .optimal{color:#0a8f68}.dplan .feasible{color:#b67a00}
.dplan .infeasible{color:#d55e00}
.dplan .answer{font-size:1.1em;margin:0 0 .3em;font-weight:550}
.dplan .holds{margin:0 0 1.2em}
.dplan dl{display:flex;flex-wrap:wrap;gap:.8em;margin:1.2em 0 0;padding:0}
.dplan dl div{flex:1 1 9em;padding:.6em .9em;border-radius:.5em;
background:rgba(128,128,128,.11)}
.dplan dt{font-size:.8em;font-weight:400;opacity:.75;margin:0}
.dplan dd{font-size:1.35em;font-weight:650;margin:0;line-height:1.3;
font-variant-numeric:tabular-nums}
.dplan .scroll{overflow-x:auto}
.dplan table{border-collapse:collapse;width:100%;font-size:.92em;margin:0;
border:0;background:none}
.dplan table th,.dplan table td{padding:7px 18px 7px 0;text-align:left;
vertical-align:top;border:0;border-bottom:1px solid rgba(128,128,128,.25);
background:none;white-space:normal;max-width:none}
.dplan table th:last-child,.dplan table td:last-child{padding-right:0}
.dplan table th{font-weight:600;font-size:.86em;opacity:.75;white-space:nowrap;
border-bottom:1px solid rgba(128,128,128,.6)}
.dplan table .n{text-align:right;white-space:nowrap;
font-variant-numeric:tabular-nums}
.dplan table .s{white-space:nowrap}
.dplan table tr.total td{font-weight:650;border-bottom:0;
border-top:1px solid rgba(128,128,128,.6)}
.dplan .notes{font-size:.83em;opacity:.75;margin:.6em 0 0}
.dplan ul,.dplan ol{margin:.3em 0;padding-left:1.3em}
.dplan li{margin:.25em 0}
.dplan code{font:.9em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;
padding:.1em .4em;border-radius:.3em;background:rgba(128,128,128,.15);color:inherit}
.dplan a{color:inherit;text-decoration-color:rgba(128,128,128,.8);
overflow-wrap:anywhere}
.dplan .bars{display:grid;grid-template-columns:minmax(8em,max-content) 1fr max-content;
gap:.45em 1em;align-items:center;font-size:.88em;margin:1em 0 0;
font-variant-numeric:tabular-nums}
.dplan .bars span:nth-child(3n){text-align:right}
.dplan .bars svg{width:100%;height:1.1em;display:block;
background:rgba(128,128,128,.11);border-radius:2px}
.dplan .bars line{vector-effect:non-scaling-stroke;stroke:currentColor;
stroke-width:1.5;stroke-dasharray:2 2}
.dplan .bars line.promise{stroke:#d55e00;stroke-width:3;stroke-dasharray:none}
.dplan .legend{font-size:.83em;margin:1em 0 0;opacity:.85}
.dplan .legend span{margin-left:.9em;white-space:nowrap}
.dplan .legend i{display:inline-block;width:.8em;height:.8em;margin-right:.35em;
border-radius:2px;vertical-align:-.05em}
.dplan .legend i.seen{width:0;border-radius:0;border-left:1.5px dashed currentColor}
.dplan .legend i.promise{width:3px;border-radius:0;background:#d55e00}
.dplan .warnings{border-left:3px solid #e69f00;padding-left:1em}
.dplan footer{font-size:.83em;opacity:.7;margin-top:2.5em}
@media (max-width:40em){.dplan table{min-width:40em}
.dplan .bars{grid-template-columns:1fr max-content}
.dplan .bars svg{grid-column:1/-1;grid-row:auto}
.dplan .bars span:nth-child(3n){grid-column:2}}
"""
# A column of words and dates up to this long stays on one line.
LONGEST_UNBROKEN: Final = 14
PAGE_STYLE: Final = """
:root{color-scheme:light dark}
body{margin:0;padding:2.5rem clamp(1rem,5vw,4rem);background:#fff;color:#1c2024}
@media (prefers-color-scheme:dark){body{background:#14171a;color:#e4e7ea}}
@media print{body{padding:0}}
"""


def plan_html(plan: PlanDocument) -> str:
    """The whole report as one element with its own style; no script, no address loaded."""
    told = outline(plan)
    sections = "".join(_section(s, _picture(s, plan)) for s in told.sections)
    return (
        f'<div class="dplan"><style>{FRAGMENT_STYLE}</style>'
        f"{_head(told, plan)}{sections}<footer>{_text(told.colophon)}</footer></div>"
    )


def plan_page(plan: PlanDocument) -> str:
    """The fragment as a document of its own, which forbids itself to load anything."""
    title = html.escape(outline(plan).name)
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}: deployment plan</title>\n<style>{PAGE_STYLE}</style>\n"
        f"</head>\n<body>\n{plan_html(plan)}\n</body>\n</html>\n"
    )


def _head(told: Outline, plan: PlanDocument) -> str:
    answer, holds = told.headline
    figures = [
        f"<div><dt>{_text(label)}</dt><dd>{_text(value)}</dd></div>"
        for label, value in key_figures(plan)
    ]
    return (
        f'<h1>{_text(told.name)}<span class="badge {plan.status}">{told.verdict}</span>'
        f'</h1><p class="answer">{_text(answer)}</p><p class="holds">{_text(holds)}</p>'
        + (f"<dl>{''.join(figures)}</dl>" if figures else "")
    )


def _picture(section: Section, plan: PlanDocument) -> str:
    match section.topic:
        case Topic.COST:
            return cost_chart(plan)
        case Topic.LATENCY:
            return latency_chart(plan)
        case _:
            return ""


def _section(section: Section, picture: str) -> str:
    body = "".join(_block(block) for block in section.blocks)
    return (
        f'<section class="{section.topic}"><h2>{_text(section.title)}</h2>'
        f"{body}{picture}</section>"
    )


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            return f"<p>{_text(block.text)}</p>"
        case Bullets():
            lines = "".join(f"<li>{_text(line)}</li>" for line in block.lines)
            return f"<ul>{lines}</ul>"
        case Steps():
            steps = "".join(
                f"<li>{_text(step.sentence)} {_code(step.command)}</li>"
                for step in block.steps
            )
            return f"<ol>{steps}</ol>"
        case Table():
            return html_table(block)


def html_table(table: Table) -> str:
    """The table with its footnotes, without its title."""
    columns = zip(table.columns, *table.rows, strict=True)
    marks = [_mark(column, cells) for column, *cells in columns]
    head = "".join(
        f"{mark.format('th')}{_text(c.title)}</th>"
        for mark, c in zip(marks, table.columns, strict=True)
    )
    body = []
    for i, row in enumerate(table.rows, start=1):
        is_total = table.has_total and i == len(table.rows)
        cells = "".join(
            f"{mark.format('td')}{_text(cell)}</td>"
            for mark, cell in zip(marks, row, strict=True)
        )
        start = '<tr class="total">' if is_total else "<tr>"
        body.append(f"{start}{cells}</tr>")
    notes = "<br>".join(_text(note) for note in table.footnotes)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
        + (f'<p class="notes">{notes}</p>' if notes else "")
    )


def _mark(column: Column, cells: Sequence[str]) -> str:
    """The opening tag of a column's cells; numbers and short words are not broken."""
    if column.is_number:
        return '<{} class="n">'
    is_short = all(len(cell) <= LONGEST_UNBROKEN for cell in cells)
    return '<{} class="s">' if is_short else "<{}>"


def _code(command: str | None) -> str:
    return f"<code>{html.escape(command)}</code>" if command else ""


def _text(text: str) -> str:
    """The text as text, with its web addresses as links."""
    parts = []
    for part in split_links(text):
        escaped = html.escape(glued(part.text))
        if part.is_link:
            escaped = f'<a href="{escaped}" rel="noopener noreferrer">{escaped}</a>'
        parts.append(escaped)
    return "".join(parts)
