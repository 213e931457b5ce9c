"""The document's own models, found as files beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from planner.domain.profiling import (
    FileFormat,
    ModelFile,
    PipelineModel,
    TorchModel,
    UserModel,
)
from planner.errors import Mistake, SpecMistakesError
from planner.specs.deployment import Deployment
from planner.specs.models import (
    ExportedSource,
    FactoryCall,
    HostedSource,
    HuggingFaceSource,
    Model,
    OnnxSource,
    ReferenceSource,
    SklearnSource,
    TorchSource,
)


def own_models(spec: Deployment, directory: Path) -> dict[str, UserModel]:
    """The user's own models by name, as files beside the document.

    Raises:
        SpecMistakesError: Every file that is not there, and what does not go together.
    """
    mistakes = [
        mistake
        for i, model in enumerate(spec.models)
        for mistake in _mistakes(i, model, directory)
    ]
    if mistakes:
        raise SpecMistakesError(spec.name, tuple(mistakes))
    return {
        model.name: _own(model, directory)
        for model in spec.models
        if not isinstance(model.source, ReferenceSource | HostedSource)
    }


def own_models_in(
    spec: Deployment, folders: Sequence[Path], *, way_out: str
) -> dict[str, UserModel]:
    """The same, from the first folder that holds all files and the factories' code.

    Code may be installed instead: then the first with all files. `way_out` says how
    to name another folder.

    Raises:
        SpecMistakesError: No folder holds all files; what the first one lacks.
    """
    places = list(dict.fromkeys(f.resolve() for f in folders))
    complete = []
    lacking: SpecMistakesError | None = None
    for folder in places:
        try:
            complete.append(own_models(spec, folder))
        except SpecMistakesError as error:
            lacking = lacking or error
    if complete:
        return next((m for m in complete if _has_code(m)), complete[0])
    if lacking is None:
        raise AssertionError("folders are named")
    told = ", ".join(map(str, places))
    raise SpecMistakesError(
        lacking.document,
        tuple(
            replace(m, way_out=f"looked in {told}; {way_out}") for m in lacking.mistakes
        ),
    )


def _has_code(models: Mapping[str, UserModel]) -> bool:
    """Whether the modules of all factories lie in their model's folder."""
    return all(
        _is_module(model.directory, factory)
        for model in models.values()
        for factory in _factories(model)
    )


def _factories(model: UserModel) -> list[str]:
    named = [model.evaluation, model.inputs]
    if not isinstance(model, ModelFile):
        named.append(model.factory)
    return [factory for factory in named if isinstance(factory, str)]


def _is_module(folder: Path, factory: str) -> bool:
    place = folder.joinpath(*factory.partition(":")[0].split("."))
    return place.is_dir() or place.with_name(f"{place.name}.py").is_file()


def _mistakes(i: int, model: Model, directory: Path) -> list[Mistake]:
    at = f"models.{i}.source"
    found = []
    match model.source:
        case TorchSource(weights=str(weights)):
            found = _absent(f"{at}.weights", directory / weights)
        case OnnxSource(file=file) | ExportedSource(file=file):
            found = _absent(f"{at}.file", directory / file)
        case HuggingFaceSource(folder=folder):
            found = _absent(f"{at}.folder", directory / folder / "config.json")
    if model.fine_tune is not None and not (
        model.variants is not None and model.variants.sparsities
    ):
        found.append(
            Mistake(
                path=f"models.{i}.fine_tune",
                problem="nothing is pruned, so nothing is fine-tuned",
                way_out="name sparsities under variants, or leave it out",
            )
        )
    return found


def _absent(at: str, path: Path) -> list[Mistake]:
    if path.is_file():
        return []
    return [
        Mistake(
            path=at,
            problem=f"no such file: {path}",
            way_out="paths are relative to the document",
        )
    ]


def _own(model: Model, directory: Path) -> UserModel:
    source = model.source
    match source:
        case TorchSource():
            weights = None if source.weights is None else directory / source.weights
            return TorchModel(
                name=model.name,
                directory=directory,
                factory=source.factory,
                weights=weights,
                evaluation=_named(model.evaluation),
                inputs=_named(model.inputs),
                fine_tune=_named(model.fine_tune),
            )
        case SklearnSource():
            return PipelineModel(
                name=model.name,
                directory=directory,
                factory=source.factory,
                evaluation=_named(model.evaluation),
                inputs=_named(model.inputs),
            )
        case _:
            return _file(model, directory)


def _file(model: Model, directory: Path) -> ModelFile:
    bare = ModelFile(
        name=model.name,
        directory=directory,
        format=FileFormat.ONNX,
        path=directory,
        evaluation=_named(model.evaluation),
        inputs=_named(model.inputs),
        fine_tune=_named(model.fine_tune),
    )
    match model.source:
        case OnnxSource(file=file):
            return replace(bare, path=directory / file)
        case ExportedSource(file=file, trust=trust):
            return replace(
                bare, format=FileFormat.EXPORTED, path=directory / file, trusted=trust
            )
        case HuggingFaceSource() as source:
            return replace(
                bare,
                format=FileFormat.HUGGINGFACE,
                path=directory / source.folder,
                sequence_tokens=source.sequence_tokens,
                context_tokens=source.context_tokens,
            )
        case _:
            raise AssertionError("every other source is no file")


def _named(call: FactoryCall | None) -> str | None:
    return None if call is None else call.factory
