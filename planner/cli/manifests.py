"""`planner manifests`: deployment documents of a plan, written again."""

from pathlib import Path
from typing import Annotated

import typer

from planner.cli import arguments
from planner.cli.documents import feasible_plan
from planner.errors import UnknownReferenceError
from planner.manifests import TARGETS, write_manifests
from planner.specs.load import nearest


def manifests(
    plan: arguments.PlanFile,
    *,
    target: Annotated[
        list[str] | None,
        typer.Option("--target", help=f"One of {', '.join(TARGETS)}. Repeatable."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="The folder they are written to.")
    ] = Path("manifests"),
) -> None:
    """Write the documents that run a plan, each read back and held against it."""
    answer = feasible_plan(plan)
    for name in target or ():
        if name not in TARGETS:
            known = nearest(name, list(TARGETS)) or list(TARGETS)
            raise UnknownReferenceError("target", name, tuple(known))
    for path in write_manifests(answer.document, out, targets=target or tuple(TARGETS)):
        typer.echo(str(path))
