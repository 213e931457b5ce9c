"""A plan as `report.md`, for people who will read it once and act on it."""

import re
from collections.abc import Sequence
from typing import Final

from planner.report.links import split_links
from planner.report.outline import Block, Bullets, Outline, Paragraph, Steps, outline
from planner.report.tables import Table
from planner.specs.plan import PlanDocument

# Signs that start markup anywhere in a line. An underscore inside a word does not.
ACTIVE: Final = re.compile(r"[\\`*\[\]<>#|~!$&]|(?<!\w)_|_(?!\w)")
# Signs that start a list, a quotation or a rule at the start of a line.
LEADING: Final = re.compile(r"^(\d+)([.)])(?=\s|$)|^([-+=])(?=[\s=-]|$)")


def plan_markdown(plan: PlanDocument) -> str:
    """The whole report in GitHub's Markdown."""
    told = outline(plan)
    parts = [*_head(told)]
    for section in told.sections:
        parts.append(f"## {escaped(section.title)}")
        parts += [_block(block) for block in section.blocks]
    parts += ["---", escaped(told.colophon)]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    r"""The text as text: links work, markup does not.

    Example:
        >>> escaped("a|b *c* top1_accuracy https://example.org/x_y.")
        'a\\|b \\*c\\* top1_accuracy <https://example.org/x_y>.'
    """
    parts = [
        f"<{part.text.replace('|', '%7C')}>"
        if part.is_link
        else ACTIVE.sub(lambda m: "\\" + m.group(), part.text)
        for part in split_links(text)
    ]
    return LEADING.sub(_unlisted, "".join(parts))


def _unlisted(start: re.Match[str]) -> str:
    digits, mark, sign = start.groups()
    return f"\\{sign}" if sign else f"{digits}\\{mark}"


def _head(told: Outline) -> Sequence[str]:
    answer, holds = told.headline
    return (
        f"# {escaped(told.name)}: {told.verdict}",
        f"**{escaped(answer)}** {escaped(holds)}",
    )


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            return escaped(block.text)
        case Bullets():
            return "\n".join(f"- {escaped(line)}" for line in block.lines)
        case Steps():
            return "\n".join(
                f"{i}. {escaped(step.sentence)}"
                + (f" `{step.command}`" if step.command else "")
                for i, step in enumerate(block.steps, start=1)
            )
        case Table():
            return markdown_table(block)


def markdown_table(table: Table) -> str:
    """The table with its footnotes, without its title."""
    rows = [[escaped(cell) for cell in row] for row in table.rows]
    if table.has_total:
        rows[-1] = [f"**{cell}**" if cell else "" for cell in rows[-1]]
    lines = [
        _row([escaped(c.title) for c in table.columns]),
        _row(["---:" if c.is_number else "---" for c in table.columns]),
        *(_row(row) for row in rows),
    ]
    notes = [f"*{escaped(note)}*" for note in table.footnotes]
    return "\n".join(lines) + "".join(f"\n\n{note}" for note in notes)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
