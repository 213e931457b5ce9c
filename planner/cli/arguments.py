"""Arguments that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

from planner.errors import SpecError
from planner.wiring.measuring import Executor

Spec = Annotated[
    Path, typer.Argument(metavar="SPEC", help="The deployment document (YAML).")
]
PlanFile = Annotated[
    Path, typer.Argument(metavar="PLAN", help="A plan.json, or the folder of one.")
]
Models = Annotated[
    Path | None,
    typer.Option(
        "--models",
        metavar="DIR",
        help="The spec's folder, with the models' code and weights; default: the "
        "plan's folder, the one above it, or this one.",
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document, nothing else.")
]
ExecutorOption = Annotated[
    Executor,
    typer.Option(
        "--executor", help="Measure on Ray actors, or in processes of this machine."
    ),
]
Address = Annotated[
    str | None,
    typer.Option("--address", help="An existing Ray cluster; else one is started."),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        max=64,
        help="Solve so much at once: in processes of this machine, or on the cluster at "
        "--address, there on all its processors by default.",
    ),
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="What if: change a field first, as in workloads.0.slo.latency_ms=80, "
        "policy.budget_usd_per_month=null or 'sites.1.purchase=[on_demand, spot]'. "
        "Repeatable.",
    ),
]


def check_address(address: str | None, executor: Executor) -> None:
    """Refuse a cluster where this machine's own processes measure."""
    if address is not None and executor == "local":
        raise SpecError(
            "--address is of a Ray cluster, and --executor local measures in processes of "
            "this machine: give --executor ray, or leave --address out"
        )


def model_folders(models: Path | None, plan: Path) -> tuple[Path, ...]:
    """Where the models' files may lie."""
    if models is not None:
        return (models,)
    folder = plan if plan.is_dir() else plan.parent
    return (folder, folder.resolve().parent, Path())
