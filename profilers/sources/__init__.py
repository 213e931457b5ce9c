"""Where a user's model comes from when it is not a torch factory, one file a kind.

huggingface   a local folder: config.json and safetensors
exported      a program of torch.export, on the user's word of trust
pipeline      a scikit-learn estimator, by way of ONNX
onnx          a graph in a file
"""

from pathlib import Path

import torch
from torch import nn

from planner.domain.profiling import FileFormat, ModelFile, PipelineModel, UserModel
from planner.errors import ModelLoadError
from profilers.quality.texts import Document

PICKLED = frozenset({".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth"})


def refuse_pickle(path: Path) -> None:
    """Refuse a file that runs whatever its maker wrote into it.

    Raises:
        ModelLoadError: Its name says that it is pickled.
    """
    if path.suffix in PICKLED:
        raise ModelLoadError(
            f"{path} is pickled, and can run code when it is loaded: save the weights as "
            "safetensors, or the model as ONNX"
        )


def onnx_graph(model: UserModel) -> bytes | None:
    """The model's ONNX graph, where that is what it is.

    Raises:
        ModelLoadError: It cannot be read, or not be converted.
        MissingExtraError: What converts it is not installed.
    """
    if isinstance(model, PipelineModel):
        from profilers.sources import pipeline  # noqa: PLC0415 - an extra

        return pipeline.graph(model)
    if isinstance(model, ModelFile) and model.format is FileFormat.ONNX:
        from profilers.sources import onnx  # noqa: PLC0415 - heavy

        refuse_pickle(model.path)
        return onnx.graph(model.path)
    return None


def built(model: ModelFile | PipelineModel) -> nn.Module:
    """The torch module in a folder or an exported program.

    Raises:
        ModelLoadError: It cannot be loaded, or not safely.
        MissingExtraError: What reads it is not installed.
    """
    if isinstance(model, ModelFile):
        refuse_pickle(model.path)
        if model.format is FileFormat.HUGGINGFACE:
            from profilers.sources import huggingface  # noqa: PLC0415 - an extra

            return huggingface.module(model.path)
        if model.format is FileFormat.EXPORTED:
            from profilers.sources import exported  # noqa: PLC0415 - rarely needed

            return exported.module(model.path, trusted=model.trusted)
    raise ModelLoadError(
        f"model '{model.name}' runs as ONNX, which torch cannot run: choose the runtimes "
        "onnxruntime or openvino"
    )


def made_up(model: UserModel) -> torch.Tensor | None:
    """Samples for a model whose own configuration says what it takes; else None."""
    if isinstance(model, ModelFile) and model.format is FileFormat.HUGGINGFACE:
        from profilers.sources import huggingface  # noqa: PLC0415 - an extra

        return huggingface.samples(model.path, n_tokens=model.sequence_tokens)
    return None


def contexts(model: UserModel) -> tuple[int, ...]:
    """Context lengths to measure a causal language model at; none for other models."""
    if isinstance(model, ModelFile) and model.format is FileFormat.HUGGINGFACE:
        from profilers.sources import huggingface  # noqa: PLC0415 - an extra

        return huggingface.contexts(model.path, model.context_tokens)
    return ()


def documents(model: UserModel) -> tuple[Document, ...]:
    """What a causal language model is graded on; nothing where nothing was given.

    Raises:
        ModelLoadError: The file is not as it should be, or the model is not causal.
    """
    if not isinstance(model, ModelFile) or model.evaluation_text is None:
        return ()
    from profilers.sources import huggingface  # noqa: PLC0415 - an extra

    return huggingface.documents(model.path, model.evaluation_text)
