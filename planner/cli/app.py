"""The command line: one verb a file; every failure by design is one clear message."""

import ast
import os
import sys
from collections.abc import Sequence
from importlib import import_module, metadata
from pathlib import Path
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
# Set by the shell that asks what could be typed next.
COMPLETING: Final = "_PLANNER_COMPLETE"


def command_line(verb: str | None) -> typer.Typer:
    """The command line with that verb alone, or with all of them.

    A verb's imports are most of what a short run takes: nobody pays for another's.
    """
    app = _no_verbs()
    for name, place in VERBS.items():
        if verb in {None, name}:
            app.command(name)(_found(place))
    for name, place in GROUPS.items():
        if verb in {None, name}:
            app.add_typer(_found(place), name=name)
    return app


def overview() -> typer.Typer:
    """The command line as its help shows it: verbs that say what they do, and do nothing.

    The sentences are read from the sources: importing every verb takes a second.
    """
    app = _no_verbs()
    for name, place in {**VERBS, **GROUPS}.items():
        app.command(name, help=_sentence(place))(_never_asked)
    return app


def _no_verbs() -> typer.Typer:
    app = typer.Typer(
        name="planner",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(about)
    return app


def _sentence(place: str) -> str | None:
    """The docstring of a verb's function; of a group's, `about`."""
    module, name = place.split(":")
    source = Path(__file__).with_name(f"{module.rpartition('.')[2]}.py")
    function = "about" if place in GROUPS.values() else name
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return ast.get_docstring(node)
    raise AssertionError(f"{place} has no function {function}")


def _never_asked() -> None:
    raise AssertionError("whoever names a verb is given that verb")


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
    is_named = COMPLETING in os.environ or not {*VERBS, *GROUPS}.isdisjoint(given)
    try:
        app = command_line(verb) if is_named else overview()
        app(args=given, prog_name="planner")
    except SystemExit as stop:
        return _stopped(stop.code)
    except PlannerError as error:
        from planner.cli.console import tell  # noqa: PLC0415  # rich, for errors alone

        tell(f"planner: {error}", err=True)
        return error.exit_code
    except KeyboardInterrupt:
        return _stopped(INTERRUPTED)
    except BrokenPipeError:
        # The reader of a pipe left; there is nobody to tell.
        sys.stderr.close()
        return 0
    return 0


def _stopped(code: object) -> int:
    # typer takes an interrupt within a verb for itself, and says nothing.
    if code == INTERRUPTED:
        typer.echo("planner: interrupted; what was measured is kept", err=True)
    return code if isinstance(code, int) else 0


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
