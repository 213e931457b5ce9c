"""From a path on the command line to a checked document and the models beside it."""

from collections.abc import Sequence
from pathlib import Path

from planner.domain.profiling import TorchModel
from planner.errors import SpecError
from planner.pipeline.asking.knowledge import torch_models
from planner.plan import Plan, load_plan
from planner.specs.deployment import Deployment
from planner.specs.edit import parse_assignment, with_values
from planner.specs.load import load_spec


def deployment(
    path: Path, changes: Sequence[str] | None
) -> tuple[Deployment, dict[str, TorchModel]]:
    """The document with its changes applied, and the user's own models.

    Raises:
        SpecFileError: A document that cannot be read.
        SpecMistakesError: All its mistakes.
    """
    spec = load_spec(path)
    if changes:
        spec = with_values(spec, dict(parse_assignment(c) for c in changes))
    return spec, torch_models(spec, path.resolve().parent)


def feasible_plan(path: Path) -> Plan:
    """The plan at `path`, which is one to run.

    Raises:
        SpecError: There is none there, or it is infeasible.
    """
    answer = load_plan(path)
    if not isinstance(answer, Plan):
        raise SpecError(f"{path}: this answer is 'infeasible'; there is nothing to run")
    return answer
