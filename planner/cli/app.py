"""The command line: one verb a file; every failure by design is one clear message."""

import sys
from collections.abc import Sequence
from importlib import import_module, metadata
from types import MappingProxyType
from typing import Annotated, Any, Final

import typer

from planner.errors import PlannerError
from planner.version import VERSION

INTERRUPTED: Final = 130  # 128 + SIGINT, as shells count

# Where each verb is; in the order that the help shows them.
VERBS: Final = MappingProxyType(
    {
        "init": "planner.cli.init:init",
        "check": "planner.cli.check:check",
        "recommend": "planner.cli.recommend:recommend",
        "explain": "planner.cli.explain:explain",
        "pareto": "planner.cli.pareto:pareto",
        "simulate": "planner.cli.simulate:simulate",
        "profile": "planner.cli.profile:profile",
        "predict": "planner.cli.predict:predict",
        "import": "planner.cli.importing:importing",
        "manifests": "planner.cli.manifests:manifests",
        "serve": "planner.cli.serve:serve",
        "verify": "planner.cli.verify:verify",
    }
)
GROUPS: Final = MappingProxyType(
    {"catalog": "planner.cli.catalog:app", "device": "planner.cli.device:app"}
)


def command_line(verb: str | None) -> typer.Typer:
    """The command line with that verb alone, or with all of them.

    A verb's imports are most of what a short run takes: nobody pays for another's.
    """
    app = typer.Typer(
        name="planner",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(about)
    for name, place in VERBS.items():
        if verb in {None, name}:
            app.command(name)(_found(place))
    for name, place in GROUPS.items():
        if verb in {None, name}:
            app.add_typer(_found(place), name=name)
    return app


def _found(place: str) -> Any:  # noqa: ANN401  # a verb, or a group of them
    module, name = place.split(":")
    return getattr(import_module(module), name)


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
    given = list(sys.argv[1:] if arguments is None else arguments)
    verb = given[0] if given and given[0] in {*VERBS, *GROUPS} else None
    try:
        command_line(verb)(args=given, prog_name="planner")
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
