"""`planner verify`: load a running deployment as planned, and say if the promise holds."""

import json as json_text
from pathlib import Path
from typing import Annotated, Final

import typer

from planner import wiring
from planner.cli import arguments
from planner.cli.console import show, watching
from planner.cli.documents import feasible_plan
from planner.domain.verification import Finding, Verification
from planner.errors import ProfilingError
from planner.report.verification import (
    closing_lines,
    verification_data,
    verification_table,
)

EXIT_CODES: Final = {Finding.PASS: 0, Finding.FAIL: 1, Finding.UNDECIDED: 3}


def verify(
    plan: arguments.PlanFile,
    *,
    url: Annotated[
        str, typer.Option("--url", help="The deployment's route, as in http://host/.")
    ],
    workload: Annotated[
        str, typer.Option("--workload", help="Whose traffic and promise.")
    ],
    site: Annotated[
        str | None,
        typer.Option("--site", help="Which of the workload's placements, if several."),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, help="How long to send.")
    ] = 60.0,
    rate: Annotated[
        float | None,
        typer.Option("--rate", min=0.01, help="Requests/s; default: the plan's."),
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds a user would wait.")
    ] = 10.0,
    inputs: Annotated[
        Path | None,
        typer.Option("--inputs", help="A .npy, .npz or .json file of what to send."),
    ] = None,
    models: arguments.Models = None,
    json: arguments.Json = False,
    store: Annotated[
        bool,
        typer.Option("--store", help="Keep it as a profile for the next recommend."),
    ] = False,
    device: Annotated[
        str | None,
        typer.Option("--device", help="What it runs on, if not what the plan says."),
    ] = None,
) -> None:
    """Send the plan's traffic to a deployment and hold what comes back against the plan."""
    document = feasible_plan(plan).document
    folders = arguments.model_folders(models, plan)
    # Whatever would keep it from being stored is told before it is measured.
    keep = (
        wiring.keeping(
            document, url, workload, site=site, folders=folders, device=device
        )
        if store
        else None
    )
    with watching(quiet=json) as observer:
        tried = wiring.verifying(
            document,
            url,
            workload,
            site=site,
            length_s=seconds,
            rate_rps=rate,
            timeout_s=timeout,
            inputs=inputs,
            folders=folders,
            on_stage=observer.stage,
        )
    code = EXIT_CODES[tried.verification.finding]
    stored = None
    try:
        stored = keep(tried) if keep else None
    except ProfilingError as error:
        # What was measured is told all the same.
        typer.echo(f"planner: {error}", err=True)
        code = code or error.exit_code
    _tell(tried.verification, stored, json=json)
    if code:
        raise typer.Exit(code)


def _tell(found: Verification, stored: str | None, *, json: bool) -> None:
    if json:
        data = verification_data(found, stored=stored)
        typer.echo(json_text.dumps(data, indent=2, ensure_ascii=False))
        return
    show(verification_table(found))
    for line in closing_lines(found):
        typer.echo(line)
    if stored is not None:
        typer.echo(stored)
