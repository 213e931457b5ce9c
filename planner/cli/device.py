"""`planner device`: edge boxes and other machines that take part in measuring."""

import json as json_text
from pathlib import Path
from typing import Annotated

import typer

from planner.cli import arguments
from planner.cli.console import show, tell
from planner.domain.joining import Joining
from planner.errors import DeviceUnavailableError, SpecError
from planner.files import write_text
from planner.reference.joining import WHERE_PLANNED
from planner.report.joining import joining_data, joining_table
from planner.wiring import measuring

app = typer.Typer()


@app.callback()
def about() -> None:
    """Machines of yours that take part in measuring."""


@app.command("join")
def join(
    device: Annotated[
        str, typer.Argument(metavar="DEVICE", help="What it is, in the catalogue.")
    ],
    *,
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="HOST:PORT",
            help="The Ray cluster to take part in; without it, how to measure alone.",
        ),
    ] = None,
    python_version: Annotated[
        str | None,
        typer.Option("--python-version", help="The cluster's, to be held against."),
    ] = None,
    ray_version: Annotated[
        str | None,
        typer.Option("--ray-version", help="The cluster's, to be held against."),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option("--write", metavar="FILE", help="Write the commands as a script."),
    ] = None,
    json: arguments.Json = False,
) -> None:
    """Run on the machine itself: tests it, and says what makes it take part."""
    of_the_cluster = {
        "--python-version": python_version,
        "--ray-version": ray_version,
    }
    idle = [name for name, value in of_the_cluster.items() if value is not None]
    if idle and address is None:
        raise SpecError(f"{', '.join(idle)}: the cluster's, so give --address, too")
    found = measuring.joining(
        device,
        address=address,
        python_version=python_version,
        ray_version=ray_version,
    )
    if json:
        document = joining_data(found)
        typer.echo(json_text.dumps(document, indent=2, ensure_ascii=False))
    else:
        show(joining_table(found))
        for caution in found.cautions:
            tell(f"Mind: {caution}")
    if found.refusals:
        raise DeviceUnavailableError("; ".join(found.refusals))
    if not json:
        typer.echo("To take part, in this order:")
        for command in found.commands:
            typer.echo(f"  {command}")
    if write is not None:
        write_text(write, _script(found))
        typer.echo(f"written: {write}", err=True)


def _script(found: Joining) -> str:
    here = [c for c in found.commands if WHERE_PLANNED not in c]
    there = [
        f"# then: {c.removesuffix(WHERE_PLANNED)}" for c in found.commands[len(here) :]
    ]
    lines = [
        "#!/bin/sh",
        f"# Makes this machine take part as a {found.device}.",
        "set -e",
    ]
    return "\n".join([*lines, *here, *there]) + "\n"
