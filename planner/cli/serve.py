"""`planner serve`: run a placement for real on this machine, until Ctrl-C."""

from typing import Annotated

import typer

from planner.cli import arguments
from planner.cli.documents import feasible_plan
from planner.wiring import serving


def serve(
    plan: arguments.PlanFile,
    *,
    site: Annotated[
        str,
        typer.Option(
            "--site", help="A site of the plan; local: wherever the plan put them."
        ),
    ] = "local",
    workload: Annotated[
        str | None, typer.Option("--workload", help="Only this workload's placements.")
    ] = None,
    models: arguments.Models = None,
    host: Annotated[
        str, typer.Option("--host", help="Where to listen; 0.0.0.0 for others, too.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 8000,
    emulate_network: Annotated[
        bool,
        typer.Option(
            "--emulate-network",
            help="Answer over the plan's way, emulated here: its round trip, jitter and "
            "bandwidth.",
        ),
    ] = False,
    metrics_port: Annotated[
        int,
        typer.Option("--metrics-port", min=1, max=65535, help="Prometheus metrics."),
    ] = 8080,
) -> None:
    """Run a plan's placements on Ray Serve here: its variant, batch, wait and replicas."""
    document = feasible_plan(plan).document
    prepared = serving.prepare(
        document,
        site=site,
        workload=workload,
        folders=arguments.model_folders(models, plan),
        host=host,
        port=port,
        emulates_network=emulate_network,
    )
    for caution in prepared.cautions:
        typer.echo(f"planner: {caution}", err=True)

    way = prepared.way

    def ready() -> None:
        for name, route in prepared.routes.items():
            typer.echo(f"{name}: http://{host}:{port}{route}")
        if way is not None:
            typer.echo(f"over an emulated way: {way.words} ({way.source})")
        typer.echo(f"metrics: http://{host}:{metrics_port}/metrics; Ctrl-C ends it")

    prepared.run(metrics_port=metrics_port, on_ready=ready)
