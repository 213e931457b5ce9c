"""The command line: one verb a file; every failure by design is one clear message."""

import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Annotated

import typer

from planner.cli import (
    catalog,
    check,
    explain,
    init,
    manifests,
    pareto,
    predict,
    profile,
    recommend,
    serve,
    simulate,
    verify,
)
from planner.errors import PlannerError
from planner.version import VERSION

INTERRUPTED = 130  # 128 + SIGINT, as shells count

app = typer.Typer(
    name="planner",
    help="Where should this model run, on what, how many, and what will it cost.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init")(init.init)
app.command("check")(check.check)
app.command("recommend")(recommend.recommend)
app.command("profile")(profile.profile)
app.command("predict")(predict.predict)
app.command("explain")(explain.explain)
app.command("pareto")(pareto.pareto)
app.command("simulate")(simulate.simulate)
app.command("manifests")(manifests.manifests)
app.command("serve")(serve.serve)
app.command("verify")(verify.verify)
app.add_typer(catalog.app, name="catalog")


@app.callback(invoke_without_command=True)
def about(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.")
    ] = False,
) -> None:
    """Where should this model run, on what, how many, and what will it cost."""
    if version:
        typer.echo(f"deployment-planner {VERSION}")
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code of the contract."""
    _warn_of_namesake()
    try:
        app(args=None if arguments is None else list(arguments))
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    except PlannerError as error:
        typer.echo(f"planner: {error}", err=True)
        return error.exit_code
    except KeyboardInterrupt:
        typer.echo("planner: interrupted; what was measured is kept", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe left; there is nobody to tell.
        sys.stderr.close()
        return 0
    return 0


def _warn_of_namesake() -> None:
    """Another distribution installs a package and a script named `planner`, too."""
    try:
        metadata.distribution("llm-d-planner")
    except metadata.PackageNotFoundError:
        return
    typer.echo(
        "planner: llm-d-planner is installed here as well and claims the same names; "
        "install deployment-planner in an environment of its own, or run it as "
        "python -m planner",
        err=True,
    )
