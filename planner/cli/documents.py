"""From a path on the command line to a checked document and the models beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from planner.domain.profiling import UserModel
from planner.errors import SpecError
from planner.pipeline.asking.own_models import own_models
from planner.pipeline.asking.traces import with_traces
from planner.plan import Plan, load_plan
from planner.specs.deployment import Deployment
from planner.specs.edit import parse_assignment, with_values
from planner.specs.load import load_spec
from planner.specs.traces import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A checked document with the models and the traces that lie beside it."""

    spec: Deployment
    models: Mapping[str, UserModel]
    traces: Mapping[str, Trace]


def asked(path: Path, changes: Sequence[str] | None) -> Asked:
    """The document with its changes applied and its traces read.

    Raises:
        SpecFileError: A document that cannot be read.
        SpecMistakesError: All its mistakes, those of its traces included.
    """
    spec = load_spec(path)
    if changes:
        spec = with_values(spec, dict(parse_assignment(c) for c in changes))
    folder = path.resolve().parent
    read = with_traces(spec, folder)
    return Asked(
        spec=read.spec, models=own_models(read.spec, folder), traces=read.traces
    )


def deployment(
    path: Path, changes: Sequence[str] | None
) -> tuple[Deployment, Mapping[str, UserModel]]:
    """As `asked`, where nobody replays the traces."""
    found = asked(path, changes)
    return found.spec, found.models


def feasible_plan(path: Path) -> Plan:
    """The plan at `path`, which is one to run.

    Raises:
        SpecError: There is none there, or it is infeasible.
    """
    answer = load_plan(path)
    if not isinstance(answer, Plan):
        raise SpecError(f"{path}: this answer is 'infeasible'; there is nothing to run")
    return answer
