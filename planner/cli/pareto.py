"""`planner pareto`: cost against latency against quality."""

from pathlib import Path
from typing import Annotated

import typer

from planner.cli import arguments
from planner.cli.console import show, tell, watching
from planner.cli.documents import deployment
from planner.domain.placement import Objective
from planner.errors import UnknownReferenceError
from planner.files import write_text
from planner.pipeline.exploring.pareto import SEARCH_S, SPANNED
from planner.pipeline.exploring.pareto import front as span
from planner.pipeline.recommend import DEFAULT_TIME_LIMIT_S
from planner.plan import Plan
from planner.report.pareto import front_page, front_svg, front_table
from planner.specs.front import Front
from planner.specs.load import nearest
from planner.wiring import recommending
from planner.wiring.facts import catalog


def pareto(
    spec: arguments.Spec,
    *,
    objectives: Annotated[
        str,
        typer.Option(
            "--objectives",
            help=f"Two or three of {', '.join(o.value for o in SPANNED)}, with commas.",
        ),
    ] = "cost,latency",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where the files go; default ./front-<name>."),
    ] = None,
    json: arguments.Json = False,
    executor: arguments.ExecutorOption = "ray",
    address: arguments.Address = None,
    workers: arguments.Workers = None,
    sets: arguments.Sets = None,
    search_s: Annotated[
        float,
        typer.Option("--search-time", min=1, help="Seconds for the whole search."),
    ] = SEARCH_S,
    time_limit_s: Annotated[
        float, typer.Option("--time-limit", min=0.1, help="Seconds for each solve.")
    ] = DEFAULT_TIME_LIMIT_S,
) -> None:
    """Every plan that no other beats in all objectives: a table, a drawing, the plans."""
    aims = tuple(_objective(word) for word in objectives.split(",") if word.strip())
    document, models = deployment(spec, sets)
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
        front = span(document, world, objectives=aims, search_s=search_s)
    folder = out or Path(f"front-{document.name}")
    if front.points:
        _write(front, folder)
    if json:
        typer.echo(front.model_dump_json(by_alias=True, indent=2))
    else:
        _tell(front, folder)
    if not front.points:
        raise typer.Exit(1)


def _objective(word: str) -> Objective:
    known = [o.value for o in SPANNED]
    name = word.strip()
    if name not in known:
        near = tuple(nearest(name, known) or known)
        raise UnknownReferenceError("objective", name, near)
    return Objective(name)


def _write(front: Front, folder: Path) -> None:
    write_text(folder / "front.json", front.model_dump_json(by_alias=True, indent=2))
    write_text(folder / "front.svg", front_svg(front) + "\n")
    write_text(folder / "front.html", front_page(front))
    for i, point in enumerate(front.points, start=1):
        write_text(folder / f"plan-{i}" / "plan.json", Plan(point.plan).to_json())


def _tell(front: Front, folder: Path) -> None:
    if not front.points:
        tell(f"{front.name}: no plan satisfies every limit; planner recommend says why")
        return
    show(front_table(front))
    tell(
        f"{len(front.points)} plans from {front.n_solves} solves, each certified"
        f"{'' if front.complete else '; the front may not be complete'}"
    )
    tell(f"written: {folder}/front.json, front.svg, front.html, plan-*/plan.json")
