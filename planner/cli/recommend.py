"""`planner recommend`: the main job."""

from pathlib import Path
from typing import Annotated

import typer

from planner.cli import arguments
from planner.cli.console import show, tell, watching
from planner.cli.documents import asked
from planner.pipeline.informing.study import Study
from planner.pipeline.recommend import DEFAULT_TIME_LIMIT_S
from planner.pipeline.recommend import recommend as decide
from planner.plan import Answer, Plan, answer_of
from planner.report.outline import answer_tables, closing_lines
from planner.wiring import recommending
from planner.wiring.facts import catalog


def recommend(
    spec: arguments.Spec,
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where the files go; default ./plan-<name>."),
    ] = None,
    json: arguments.Json = False,
    executor: arguments.ExecutorOption = "ray",
    address: arguments.Address = None,
    workers: arguments.Workers = None,
    sets: arguments.Sets = None,
    simulate: Annotated[
        bool,
        typer.Option(
            "--simulate/--no-simulate",
            help="Try the plan on simulated traffic, and cut it until it holds.",
        ),
    ] = True,
    fewer_points: Annotated[
        bool,
        typer.Option(
            "--fewer-points",
            help="Time your own models only at the batch sizes that the plan hangs on, "
            "asking it in between; those it would not use at their fastest are left out.",
        ),
    ] = False,
    profile_budget_usd: Annotated[
        float | None,
        typer.Option(
            "--profile-budget-usd",
            min=0,
            help="Weigh which measurements could change the plan, and make or name those "
            "worth their price, for at most so much; 0 only weighs. Nothing is rented.",
        ),
    ] = None,
    profile_months: Annotated[
        float | None,
        typer.Option(
            "--profile-months",
            min=0.1,
            max=60,
            help="Within how many months a measurement must save its price; default 1.",
        ),
    ] = None,
    as_device: Annotated[
        str | None,
        typer.Option(
            "--as-device",
            metavar="NAME",
            help="Declare that this machine is that device of the catalogue, so that what "
            "is worth measuring on it is measured here.",
        ),
    ] = None,
    time_limit_s: Annotated[
        float, typer.Option("--time-limit", min=0.1, help="Seconds for each solve.")
    ] = DEFAULT_TIME_LIMIT_S,
) -> None:
    """Say where everything should run and what it costs, and write the files that run it."""
    found = asked(spec, sets)
    facts = catalog()
    study = Study.asked(
        facts,
        budget_usd=profile_budget_usd,
        months=profile_months,
        as_device=as_device,
    )
    with (
        watching(quiet=json) as observer,
        recommending.world(
            facts,
            found.models,
            traces=found.traces,
            executor=executor,
            address=address,
            workers=workers,
            observer=observer,
            time_limit_s=time_limit_s,
            simulates=simulate,
            study=study,
            fewer_points=fewer_points,
        ) as world,
    ):
        answer = answer_of(decide(found.spec, world))
    folder = out or Path(f"plan-{found.spec.name}")
    files = answer.write(folder) if isinstance(answer, Plan) else ()
    if json:
        typer.echo(answer.to_json(), nl=False)
    else:
        _tell(answer, folder if files else None)
    if not isinstance(answer, Plan):
        raise typer.Exit(1)


def _tell(answer: Answer, folder: Path | None) -> None:
    for table in answer_tables(answer.document):
        show(table)
    for line in closing_lines(answer.document):
        tell(line)
    if folder is not None:
        tell(f"written: {folder}/plan.json, report.md, report.html, manifests/")
