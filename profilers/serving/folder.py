"""Where a plan's model lies: its code and weights, as the spec's folder holds them."""

from collections.abc import Sequence
from pathlib import Path

from planner.domain.profiling import UserModel
from planner.errors import ModelLoadError
from planner.specs.own_models import required_files
from planner.specs.plan import PlanModel
from planner.specs.serving import served_model
from profilers.factories import source_file


def model_folder(model: PlanModel, folders: Sequence[Path]) -> Path:
    """The first folder that holds all files of the model.

    Raises:
        ModelLoadError: None does; with what each of them lacks.
        SpecError: The plan does not say all that loading it takes.
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
    factories = (model.factory, model.inputs, model.evaluation, model.fine_tune)
    for module in dict.fromkeys(f.partition(":")[0] for f in factories if f):
        try:
            source_file(module, folder)
        except ModelLoadError:
            missing.append(f"{module.replace('.', '/')}.py")
    needed = required_files(served_model(model).source).values()
    return [*missing, *(file for file in needed if not (folder / file).is_file())]


def user_model(model: PlanModel, folder: Path) -> UserModel:
    """The plan's model, with its files in that folder."""
    return served_model(model, directory=str(folder)).user_model()
