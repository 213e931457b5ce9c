"""What a benchmark compares, and the table that it prints.

A `BenchSpec` names the question, builds an instance for each size of its sweep, and
lists the ways to be compared. Every way runs on its own instance in a fresh process,
one after the other, so that its peak of memory is its own; `times` is the first
way's seconds over this one's, from the same run on the same machine.
"""

import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from planner.units import BYTES_PER_MIB

KIB = 1024  # Linux states ru_maxrss in these
Clock = Callable[[], float]


@dataclass(frozen=True)
class Run:
    """What one way took, and what came out of it."""

    seconds: float
    figures: Mapping[str, str | float] = field(default_factory=dict)


Way = Callable[[Any, Clock], Run]


@dataclass(frozen=True)
class BenchSpec:
    """A question, its instances by size, and the ways to answer; the first is the baseline."""

    name: str
    build: Callable[[Any], Any]
    sweep: tuple[Any, ...]
    ways: Mapping[str, Way]


def timed(work: Callable[[], Any], clock: Clock) -> tuple[float, Any]:
    """Seconds that the work took, and what it gave."""
    began = clock()
    outcome = work()
    return clock() - began, outcome


def print_table(spec: BenchSpec) -> dict[tuple[Any, str], Run]:
    """Run every way on every size, and print as it goes; the runs by size and way."""
    runs: dict[tuple[Any, str], Run] = {}
    sys.stdout.write(f"\n{spec.name}\n")
    sys.stdout.write(
        f"{'size':>14} {'way':16} {'seconds':>9} {'times':>7} {'MiB':>6}\n"
    )
    for size in spec.sweep:
        baseline = None
        for name in spec.ways:
            run, peak_mib = _in_a_process(spec, size, name)
            runs[size, name] = run
            baseline = baseline or run.seconds
            figures = ", ".join(f"{k} {_shown(v)}" for k, v in run.figures.items())
            sys.stdout.write(
                f"{size!s:>14} {name:16} {run.seconds:9.3f} "
                f"{baseline / run.seconds:7.2f} {peak_mib:6.0f}  {figures}\n"
            )
            sys.stdout.flush()
    return runs


def _shown(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"


def _in_a_process(spec: BenchSpec, size: Any, way: str) -> tuple[Run, float]:
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_measured, (spec.build, size, spec.ways[way]))


def _measured(build: Callable[[Any], Any], size: Any, way: Way) -> tuple[Run, float]:
    # HiGHS greets on stdout when its first model is made; only the table belongs there.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    run = way(build(size), time.perf_counter)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB
    return run, peak / BYTES_PER_MIB
