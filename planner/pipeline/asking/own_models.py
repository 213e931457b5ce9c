"""The document's own models, found as files beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from planner.domain.profiling import ModelFile, UserModel
from planner.errors import Mistake, SpecMistakesError
from planner.specs.deployment import Deployment
from planner.specs.models import (
    FactoryCall,
    HostedSource,
    Model,
    OwnSource,
    ReferenceSource,
)
from planner.specs.own_models import own_model, required_files


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
        model.name: _own(model, model.source, directory)
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
    found: list[Mistake] = []
    if not isinstance(model.source, ReferenceSource | HostedSource):
        for field, file in required_files(model.source).items():
            found += _absent(f"{at}.{field}", directory / file)
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


def _own(model: Model, source: OwnSource, directory: Path) -> UserModel:
    return own_model(
        source,
        directory,
        name=model.name,
        evaluation=_named(model.evaluation),
        inputs=_named(model.inputs),
        fine_tune=_named(model.fine_tune),
    )


def _named(call: FactoryCall | None) -> str | None:
    return None if call is None else call.factory
