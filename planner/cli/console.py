"""Neutral tables and long work, shown on a terminal."""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import replace

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
from rich.text import Text

from planner.domain.profiling import ProfilingProgress
from planner.ports import Observer, Unobserved
from planner.report.tables import Table
from planner.report.text import text_table
from planner.units import S_PER_H, S_PER_MIN

PIPE_WIDTH = 120


def show(table: Table) -> None:
    """Print a table on stdout as wide as the terminal; one too narrow gets a list."""
    # A file or pipe has no width of its own; a report is read at this one.
    console = Console(
        highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH
    )
    lines = text_table(replace(table, footnotes=()), width=console.width)
    console.print(Text(table.title, style="bold"))
    if lines:
        console.print(Text(lines), soft_wrap=True)
    for note in table.footnotes:
        console.print(Text(note, style="dim"))
    console.print()


def tell(line: str, *, err: bool = False) -> None:
    """Print a sentence; a terminal gets it broken between words, a file or pipe whole."""
    console = Console(highlight=False, stderr=err)
    console.print(Text(line), soft_wrap=not console.is_terminal)


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
