"""`planner explain`: what a plan hangs on."""

from pathlib import Path
from typing import Annotated

import typer

from planner.cli import arguments
from planner.cli.console import show, tell, watching
from planner.errors import SpecError
from planner.pipeline.asking.own_models import own_models_in
from planner.pipeline.exploring.explain import SEARCH_S, spec_of
from planner.pipeline.exploring.explain import explain as solve
from planner.pipeline.recommend import DEFAULT_TIME_LIMIT_S
from planner.plan import Plan, load_plan
from planner.report.explain import closing_notes, explanation_tables, opening_line
from planner.wiring import recommending
from planner.wiring.facts import catalog


def explain(
    plan: arguments.PlanFile,
    *,
    json: arguments.Json = False,
    directory: Annotated[
        Path | None,
        typer.Option(
            "--spec-dir",
            help="The folder of the document, where its own models lie; default: the "
            "plan's folder, the one above it, or this one.",
        ),
    ] = None,
    executor: arguments.ExecutorOption = "ray",
    address: arguments.Address = None,
    workers: arguments.Workers = None,
    search_s: Annotated[
        float,
        typer.Option("--search-time", min=1, help="Seconds for the whole search."),
    ] = SEARCH_S,
    time_limit_s: Annotated[
        float, typer.Option("--time-limit", min=0.1, help="Seconds for each solve.")
    ] = DEFAULT_TIME_LIMIT_S,
) -> None:
    """Say what binds, what it is worth, when the answer would flip, and what comes near."""
    answer = load_plan(plan)
    if not isinstance(answer, Plan):
        raise SpecError(
            f"{plan}: this answer is 'infeasible'; its relaxations say what would "
            "make a plan, and there is none to explain"
        )
    models = own_models_in(
        spec_of(answer.document),
        arguments.model_folders(directory, plan),
        way_out="name the document's folder with --spec-dir",
    )
    with (
        watching(quiet=json) as observer,
        recommending.world(
            catalog(),
            models,
            executor=executor,
            address=address,
            workers=workers,
            observer=observer,
            time_limit_s=time_limit_s,
        ) as world,
    ):
        told = solve(answer.document, world, search_s=search_s)
    if json:
        typer.echo(told.model_dump_json(by_alias=True, indent=2))
        return
    tell(opening_line(told))
    for table in explanation_tables(told):
        show(table)
    for note in closing_notes(told):
        tell(note)
