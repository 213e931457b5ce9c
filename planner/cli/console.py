"""Neutral tables and long work, shown on a terminal."""

import contextlib
import sys
from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table as RichTable
from rich.text import Text

from planner.domain.profiling import ProfilingProgress
from planner.ports import Observer, Unobserved
from planner.report.tables import Table
from planner.units import S_PER_H, S_PER_MIN

PIPE_WIDTH = 120


def show(table: Table) -> None:
    """Print a table on stdout; wide ones wrap inside their cells."""
    # A file or pipe has no width of its own; a report is read at this one.
    console = Console(
        highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH
    )
    console.print(rich_table(table))
    for note in table.footnotes:
        console.print(Text(note, style="dim"))
    console.print()


def rich_table(table: Table) -> RichTable:
    """The table with rich's drawing; no cell is read as markup."""
    drawn = RichTable(
        title=Text(table.title, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for column in table.columns:
        drawn.add_column(
            Text(column.title),
            justify="right" if column.is_number else "left",
            no_wrap=column.is_number,
            # Too long a name is broken, never cut off: it is what the next command needs.
            overflow="fold",
        )
    for i, row in enumerate(table.rows):
        is_total = table.has_total and i == len(table.rows) - 1
        cells = (Text(cell, style="bold" if is_total else "") for cell in row)
        drawn.add_row(*cells, end_section=table.has_total and i == len(table.rows) - 2)
    return drawn


class LiveView:
    """A spinner for stages, a bar for profiling; on a terminal only."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task("starting", total=None)

    def stage(self, name: str) -> None:
        """A new stage begins."""
        self._progress.update(self._task, description=name, total=None, completed=0)

    def profiling(self, progress: ProfilingProgress) -> None:
        """Profiling went on."""
        self._progress.update(
            self._task,
            description=f"profiling {progress.what}{_pace(progress)}",
            total=progress.total,
            completed=progress.done,
        )


class PlainView:
    """One line on stderr for each measurement, where there is no terminal."""

    def stage(self, name: str) -> None:
        """Stages are short; only profiling is told."""

    def profiling(self, progress: ProfilingProgress) -> None:
        """Profiling went on."""
        line = f"profiling {progress.done}/{progress.total} {progress.what}"
        sys.stderr.write(f"{line}{_pace(progress)}\n")


def _pace(progress: ProfilingProgress) -> str:
    """How fast it goes and how long that would take for the rest; nothing where unknown."""
    if progress.done_per_s is None or progress.left_s is None:
        return ""
    per_min = progress.done_per_s * S_PER_MIN
    return f" ({per_min:.3g} a minute, {_about(progress.left_s)} left)"


def _about(time_s: float) -> str:
    if time_s < S_PER_MIN:
        return "under a minute"
    if time_s < S_PER_H:
        return f"about {time_s / S_PER_MIN:.0f} min"
    return f"about {time_s / S_PER_H:.1f} h"


@contextlib.contextmanager
def watching(*, quiet: bool) -> Iterator[Observer]:
    """An observer that shows what goes on, on stderr; nothing where quiet."""
    if quiet:
        yield Unobserved()
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield PlainView()
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield LiveView(progress)
