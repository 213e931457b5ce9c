"""Where a plan's model lies: its code and weights, as the spec's folder holds them."""

from collections.abc import Sequence
from pathlib import Path

from planner.domain.profiling import TorchModel
from planner.errors import ModelLoadError
from planner.specs.plan import PlanModel
from profilers.factories import source_file


def model_folder(model: PlanModel, folders: Sequence[Path]) -> Path:
    """The first folder that holds all files of the model.

    Raises:
        ModelLoadError: None does; with what each of them lacks.
    """
    lacking = {}
    for folder in dict.fromkeys(f.resolve() for f in folders):
        missing = missing_files(model, folder)
        if not missing:
            return folder
        lacking[folder] = missing
    told = "; ".join(f"{f} has no {' and no '.join(m)}" for f, m in lacking.items())
    raise ModelLoadError(
        f"the files of model '{model.name}' are not here: {told}; name the spec's "
        "folder with --models"
    )


def missing_files(model: PlanModel, folder: Path) -> list[str]:
    """What the model needs and the folder lacks."""
    missing = []
    factories = (model.factory, model.inputs, model.evaluation)
    for module in dict.fromkeys(f.partition(":")[0] for f in factories if f):
        try:
            source_file(module, folder)
        except ModelLoadError:
            missing.append(f"{module.replace('.', '/')}.py")
    if model.weights is not None and not (folder / model.weights).is_file():
        missing.append(model.weights)
    return missing


def torch_model(model: PlanModel, folder: Path) -> TorchModel:
    """The plan's model, with its files in that folder."""
    if model.factory is None:
        raise AssertionError("a torch model of a plan has a factory")
    return TorchModel(
        name=model.name,
        directory=folder,
        factory=model.factory,
        weights=None if model.weights is None else folder / model.weights,
        evaluation=model.evaluation,
        inputs=model.inputs,
    )
