"""`planner verify`: load a running deployment as planned, and say if the promise holds."""

import json as json_text
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from planner.cli import arguments
from planner.cli.console import show, tell, watching
from planner.cli.documents import feasible_plan
from planner.domain.verification import Finding, Verification
from planner.errors import ProfilingError, SpecError
from planner.report.verification import (
    closing_lines,
    verification_data,
    verification_table,
)
from planner.wiring import verifying

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
    hour: Annotated[
        int | None,
        typer.Option(
            "--hour",
            min=0,
            help="An hour of the plan's day (or week from Monday), UTC.",
        ),
    ] = None,
    all_hours: Annotated[
        bool,
        typer.Option(
            "--all-hours", help="Every hour at its own rate, all within --seconds."
        ),
    ] = False,
    trace: Annotated[
        Path | None,
        typer.Option(
            "--trace",
            metavar="FILE",
            help="The busiest --seconds of a trace, at its own stamps.",
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            min=0.1,
            help="Seconds a user would wait; default: 10, for a language model three "
            "times the longest that is predicted if that is more.",
        ),
    ] = None,
    inputs: Annotated[
        Path | None,
        typer.Option(
            "--inputs",
            help="A .npy, .npz or .json file of what to send; for a language model a "
            ".json of prompts, and of texts that answers should hold.",
        ),
    ] = None,
    served_model: Annotated[
        str | None,
        typer.Option(
            "--served-model", help="What the endpoint calls a language model."
        ),
    ] = None,
    emulate_network: Annotated[
        bool,
        typer.Option(
            "--emulate-network",
            help="Send over the plan's way, emulated here (round trip, jitter, "
            "bandwidth), instead of adding it.",
        ),
    ] = False,
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
    _require_one(
        {
            "--rate": rate is not None,
            "--hour": hour is not None,
            "--all-hours": all_hours,
            "--trace": trace is not None,
        }
    )
    folders = arguments.model_folders(models, plan)
    # Whatever would keep it from being stored is told before it is measured.
    keep = (
        verifying.keeping(
            document, url, workload, site=site, folders=folders, device=device
        )
        if store
        else None
    )
    with watching(quiet=json) as observer:
        tried = verifying.try_out(
            document,
            url,
            workload,
            site=site,
            length_s=seconds,
            rate_rps=rate,
            hours="all" if all_hours else hour,
            trace=trace,
            timeout_s=timeout,
            inputs=inputs,
            served_model=served_model,
            emulates_network=emulate_network,
            then_alone=store,
            folders=folders,
            on_stage=observer.stage,
        )
    code = EXIT_CODES[tried.verification.finding]
    stored = None
    try:
        stored = keep(tried) if keep else None
    except ProfilingError as error:
        # What was measured is told all the same.
        tell(f"planner: {error}", err=True)
        code = code or error.exit_code
    _tell(tried.verification, stored, json=json)
    if code:
        raise typer.Exit(code)


def _require_one(given: Mapping[str, bool]) -> None:
    """Ways to say what is sent: no more than one at a time."""
    options = [option for option, is_given in given.items() if is_given]
    if len(options) > 1:
        raise SpecError(f"{' and '.join(options)} exclude each other: give one")


def _tell(found: Verification, stored: str | None, *, json: bool) -> None:
    if json:
        data = verification_data(found, stored=stored)
        typer.echo(json_text.dumps(data, indent=2, ensure_ascii=False))
        return
    show(verification_table(found))
    for line in closing_lines(found):
        tell(line)
    if stored is not None:
        tell(stored)
