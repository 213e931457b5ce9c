"""A plan as plain text for terminals, logs and `print` in a notebook: no colour."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Final

from planner.report.outline import Block, Bullets, Paragraph, Steps, outline
from planner.report.prose import spoken
from planner.report.sentences import GLUE, glued
from planner.report.tables import Column, Table
from planner.specs.plan import PlanDocument

GAP: Final = "  "
# Words up to this long are kept whole; where that leaves no room for a grid, rows are
# told as lists. Longer ones (addresses) are broken.
LONGEST_WHOLE: Final = 20
# Nobody reads a column narrower than this.
NARROWEST: Final = 8
# A word may be broken after these: eu-central-1, top1_accuracy and slo.latency_ms, but
# neither 2026-03-02 nor 2.60.0.
HYPHEN: Final = re.compile(r"(?<=[^\W\d][-/])|(?<=[/_])|(?<=[^\W\d]\.)(?=\w)")
NEVER: Final = re.compile(r"(?!)")
LEAST_WIDTH: Final = 20
NO_WIDTH: Final = frozenset({"Mn", "Me", "Cf"})


def plan_text(plan: PlanDocument, *, width: int = 100) -> str:
    """The answer in lines of at most `width` columns (20 or more)."""
    room = max(width, LEAST_WIDTH)
    told = outline(plan)
    parts = ["\n".join(wrapped(f"{told.name}: {told.verdict}", room))]
    parts += ["\n".join(wrapped(sentence, room)) for sentence in told.headline]
    for section in told.sections:
        if section.is_brief:
            head = "\n".join(wrapped(section.title.upper(), room))
            body = "\n".join(_block(block, room) for block in section.blocks)
            parts.append(f"{head}\n{body}")
    return "\n\n".join(parts) + "\n"


def display_width(text: str) -> int:
    """Terminal columns that a text takes.

    Example:
        >>> display_width("商店"), display_width("shop")
        (4, 4)
    """
    return len(text) if text.isascii() else sum(_columns(c) for c in text)


def _columns(character: str) -> int:
    if unicodedata.category(character) in NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def wrapped(text: str, width: int, *, indent: str = "") -> list[str]:
    """Lines of at most `width` columns; words that are longer are broken.

    Example:
        >>> wrapped("one two three", 8)
        ['one two', 'three']
    """
    lines: list[str] = []
    line = ""
    for word in _pieces(glued(text).split(" "), width - len(indent)):
        joined = f"{line} {word}" if line else (indent if lines else "") + word
        if display_width(joined) > width and line:
            lines.append(line)
            joined = indent + word
        line = joined
    return [text.replace(GLUE, " ") for text in (*lines, line)]


def _pieces(words: Iterable[str], width: int) -> Iterator[str]:
    """Words, with those that fill more than a line broken, after hyphens if possible."""
    for word in words:
        if display_width(word) <= width:
            yield word
            continue
        piece = ""
        for syllable in HYPHEN.split(word):
            if piece and display_width(piece + syllable) > width:
                yield piece
                piece = ""
            *full, rest = _chopped(syllable, width)
            yield from full
            piece += rest
        yield piece


def _chopped(word: str, width: int) -> list[str]:
    """A word cut wherever a line is full; the last piece may be short."""
    pieces, used = [""], 0
    for character in word:
        taken = _columns(character)
        if pieces[-1] and used + taken > width:
            pieces.append("")
            used = 0
        pieces[-1] += character
        used += taken
    return pieces


def _block(block: Block, width: int) -> str:
    match block:
        case Paragraph():
            return "\n".join(wrapped(block.text, width))
        case Bullets():
            return "\n".join(_bullet(line, width) for line in block.lines)
        case Steps():
            return "\n".join(_bullet(spoken(step), width) for step in block.steps)
        case Table():
            return text_table(block, width=width)


def _bullet(line: str, width: int) -> str:
    return "\n".join(wrapped(f"- {line}", width, indent="  "))


def text_table(table: Table, *, width: int) -> str:
    """The table with its footnotes, without its title, in at most `width` columns."""
    widths = column_widths(table.columns, table.rows, width)
    if not table.columns:
        lines = []
    elif widths is None:
        lines = list(_as_lists(table, width))
    else:
        lines = list(_as_grid(table, widths))
    notes = [line for note in table.footnotes for line in wrapped(note, width)]
    return "\n".join([*lines, *notes])


def column_widths(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int
) -> list[int] | None:
    """Widths that fit; the widest words give way; None where no grid fits.

    Words stay whole as long as that fits, then they break after hyphens.
    """
    stacks = list(zip([c.title for c in columns], *rows, strict=True))
    widths = [max(display_width(cell) for cell in cells) for cells in stacks]
    room = width - len(GAP) * (len(columns) - 1)
    for breaks in (NEVER, HYPHEN):
        least = [
            _figures_width(cells) if c.is_number else _least_width(cells, breaks)
            for c, cells in zip(columns, stacks, strict=True)
        ]
        _shrink(widths, least, columns, room)
        if sum(widths) <= room:
            return widths
    return None


def _shrink(
    widths: list[int], least: Sequence[int], columns: Sequence[Column], room: int
) -> None:
    """Take from a column that can give, until they fit or none can.

    From long texts first, then from the headings of numbers, which costs one line, then
    from words, which costs one in each row; of alike ones from the widest.
    """

    def gives(i: int) -> tuple[bool, bool, int]:
        return widths[i] > LONGEST_WHOLE, columns[i].is_number, widths[i]

    while sum(widths) > room:
        can_give = [i for i in range(len(widths)) if widths[i] > least[i]]
        if not can_give:
            return
        widths[max(can_give, key=gives)] -= 1


def _least_width(cells: Sequence[str], breaks: re.Pattern[str]) -> int:
    """What a column of words needs to keep their pieces whole, within reason."""
    words = (word for cell in cells for word in glued(cell).split(" "))
    longest = max(display_width(s) for word in words for s in breaks.split(word))
    widest = max(display_width(cell) for cell in cells)
    return min(widest, LONGEST_WHOLE, max(NARROWEST, longest))


def _figures_width(cells: Sequence[str]) -> int:
    """What a column of numbers needs: only its heading is broken, between words."""
    heading, *figures = cells
    return max(map(display_width, [*glued(heading).split(" "), *figures]))


def _as_grid(table: Table, widths: Sequence[int]) -> Iterator[str]:
    rule = "─" * (sum(widths) + len(GAP) * (len(widths) - 1))
    yield from _grid_row([c.title for c in table.columns], table.columns, widths)
    yield rule
    for i, row in enumerate(table.rows, start=1):
        if table.has_total and i == len(table.rows):
            yield rule
        yield from _grid_row(row, table.columns, widths)


def _grid_row(
    cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]
) -> Iterator[str]:
    stacks = [wrapped(c, w) for c, w in zip(cells, widths, strict=True)]
    for level in zip_longest(*stacks, fillvalue=""):
        padded = [
            _padded(text, w, is_number=c.is_number)
            for text, w, c in zip(level, widths, columns, strict=True)
        ]
        yield GAP.join(padded).rstrip()


def _padded(text: str, width: int, *, is_number: bool) -> str:
    space = " " * (width - display_width(text))
    return space + text if is_number else text + space


def _as_lists(table: Table, width: int) -> Iterator[str]:
    """One line a cell, for terminals too narrow for the grid."""
    for i, row in enumerate(table.rows, start=1):
        if i > 1:
            yield ""
        is_total = table.has_total and i == len(table.rows)
        for column, cell in zip(table.columns, row, strict=True):
            if is_total and column is table.columns[0]:
                yield cell
            elif cell:
                yield from wrapped(f"{column.title}: {cell}", width, indent="  ")
