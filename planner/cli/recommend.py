"""`planner recommend`: the main job."""

from pathlib import Path
from typing import Annotated

import typer

from planner import wiring
from planner.cli import arguments
from planner.cli.console import show, watching
from planner.cli.documents import deployment
from planner.pipeline.recommend import DEFAULT_TIME_LIMIT_S
from planner.pipeline.recommend import recommend as decide
from planner.plan import Answer, Plan, answer_of
from planner.report.outline import answer_tables, closing_lines


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
    sets: arguments.Sets = None,
    simulate: Annotated[
        bool,
        typer.Option(
            "--simulate/--no-simulate",
            help="Try the plan on simulated traffic, and cut it until it holds.",
        ),
    ] = True,
    time_limit_s: Annotated[
        float, typer.Option("--time-limit", min=0.1, help="Seconds for each solve.")
    ] = DEFAULT_TIME_LIMIT_S,
) -> None:
    """Say where everything should run and what it costs, and write the files that run it."""
    document, models = deployment(spec, sets)
    with watching(quiet=json) as observer:
        world = wiring.world(
            wiring.catalog(),
            models,
            executor=executor,
            address=address,
            observer=observer,
            time_limit_s=time_limit_s,
            simulates=simulate,
        )
        answer = answer_of(decide(document, world))
    folder = out or Path(f"plan-{document.name}")
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
        typer.echo(line)
    if folder is not None:
        typer.echo(f"written: {folder}/plan.json, report.md, report.html, manifests/")
