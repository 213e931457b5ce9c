"""`planner check`: every mistake of a document at once."""

from pathlib import Path
from typing import Annotated

import typer

from planner.cli import arguments
from planner.cli.documents import deployment
from planner.pipeline.asking.references import check_references
from planner.specs.schema import json_schema
from planner.wiring.facts import catalog


def check(
    spec: Annotated[
        Path | None,
        typer.Argument(metavar="SPEC", help="The deployment document (YAML)."),
    ] = None,
    *,
    sets: arguments.Sets = None,
    schema: Annotated[
        bool,
        typer.Option("--json-schema", help="Print the document's schema for editors."),
    ] = False,
) -> None:
    """Validate a document: every mistake with its path and the way out."""
    if schema:
        typer.echo(json_schema(), nl=False)
        return
    if spec is None:
        raise typer.BadParameter("name a document, or ask for --json-schema")
    document, models = deployment(spec, sets)
    check_references(document, catalog())
    own = f", {len(models)} to be profiled" if models else ""
    typer.echo(
        f"{spec}: fine: {len(document.models)} models{own}, "
        f"{len(document.workloads)} workloads, {len(document.sites)} sites"
    )
