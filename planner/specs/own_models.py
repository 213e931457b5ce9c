"""A user's own model as files of a folder: what profiling measures and a server loads."""

from dataclasses import replace
from pathlib import Path

from planner.domain.profiling import (
    FileFormat,
    ModelFile,
    PipelineModel,
    TorchModel,
    UserModel,
)
from planner.specs.models import (
    ExportedSource,
    HuggingFaceSource,
    OnnxSource,
    OwnSource,
    SklearnSource,
    TorchSource,
)


def own_model(
    source: OwnSource,
    directory: Path,
    *,
    name: str,
    evaluation: str | None,
    inputs: str | None,
    fine_tune: str | None,
) -> UserModel:
    """The model whose files and factories lie under `directory`."""
    match source:
        case TorchSource():
            weights = None if source.weights is None else directory / source.weights
            return TorchModel(
                name=name,
                directory=directory,
                factory=source.factory,
                weights=weights,
                evaluation=evaluation,
                inputs=inputs,
                fine_tune=fine_tune,
            )
        case SklearnSource():
            return PipelineModel(
                name=name,
                directory=directory,
                factory=source.factory,
                evaluation=evaluation,
                inputs=inputs,
            )
        case _:
            bare = _file(source, directory, name)
            return replace(
                bare, evaluation=evaluation, inputs=inputs, fine_tune=fine_tune
            )


def _file(
    source: OnnxSource | ExportedSource | HuggingFaceSource, directory: Path, name: str
) -> ModelFile:
    match source:
        case OnnxSource():
            return ModelFile(
                name=name,
                directory=directory,
                format=FileFormat.ONNX,
                path=directory / source.file,
            )
        case ExportedSource():
            return ModelFile(
                name=name,
                directory=directory,
                format=FileFormat.EXPORTED,
                path=directory / source.file,
                trusted=source.trust,
            )
        case HuggingFaceSource():
            return ModelFile(
                name=name,
                directory=directory,
                format=FileFormat.HUGGINGFACE,
                path=directory / source.folder,
                sequence_tokens=source.sequence_tokens,
                context_tokens=source.context_tokens,
                evaluation_text=(
                    None
                    if source.evaluation_text is None
                    else directory / source.evaluation_text
                ),
            )


def required_files(source: OwnSource) -> dict[str, str]:
    """Files that must be there, relative to the document, by the fields that name them."""
    named: dict[str, str | None]
    match source:
        case TorchSource():
            named = {"weights": source.weights}
        case OnnxSource() | ExportedSource():
            named = {"file": source.file}
        case HuggingFaceSource():
            named = {
                "folder": f"{source.folder}/config.json",
                "evaluation_text": source.evaluation_text,
            }
        case SklearnSource():
            named = {}
    return {field: file for field, file in named.items() if file is not None}
