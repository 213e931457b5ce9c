"""Bring a user's model into this process: network, weights, data, all checked."""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_model as load_safetensors
from torch import nn
from torch.nn.modules.conv import _ConvNd

from planner.domain.profiling import PipelineModel, TorchModel, UserModel
from planner.errors import ModelLoadError, ProfilingError
from profilers import factories, sources
from profilers.artifacts import onnx_files
from profilers.foreign import told_as
from profilers.quality.slices import Slices, slices
from profilers.quality.texts import Document

# Activation ranges settle with few samples; onnxruntime's own examples take 100-500.
CALIBRATION_SAMPLES = 128
_ONNX_CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSet:
    """Samples with the class each should get; labels are 0 … classes - 1.

    `slices` are parts of it; `shifted` other sets, by what is different about them.
    """

    inputs: torch.Tensor
    labels: torch.Tensor
    slices: Slices = field(default_factory=dict)
    shifted: Mapping[str, "EvaluationSet"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model ready to be transformed: in eval mode, on the CPU, with its data.

    `network` is the torch module, or `graph` the ONNX graph: there is one of the two.
    `example` holds real samples (n, …): what is timed, and what calibrates int8.
    `contexts` are the context lengths at which a causal language model is measured,
    and none for any other model; `documents` are what it is graded on.
    """

    name: str
    example: torch.Tensor
    evaluation: EvaluationSet | None
    network: nn.Module | None = None
    graph: bytes | None = None
    fine_tune: Callable[[nn.Module], object] | None = None
    contexts: tuple[int, ...] = ()
    documents: tuple[Document, ...] = ()

    @property
    def module(self) -> nn.Module:
        """The torch module.

        Raises:
            ProfilingError: The model is an ONNX graph.
        """
        if self.network is None:
            raise ProfilingError(
                f"model '{self.name}' runs as ONNX, which torch cannot run or prune: "
                "choose the runtimes onnxruntime or openvino, or bring the torch module"
            )
        return self.network

    @property
    def is_causal(self) -> bool:
        """Whether it is a causal language model, which runs on torch alone."""
        return bool(self.contexts)

    @property
    def has_convolutions(self) -> bool:
        """Whether it has any, in either form."""
        if self.graph is not None:
            return bool(onnx_files.operators(self.graph) & _ONNX_CONVOLUTIONS)
        return has_convolutions(self.module)


def is_convolutional(model: UserModel) -> bool:
    """Whether a user's model has convolutions, without its weights or data.

    Raises:
        ModelLoadError: Its source fails or gives something else.
        MissingExtraError: What reads it is not installed.
    """
    graph = sources.onnx_graph(model)
    if graph is not None:
        return bool(onnx_files.operators(graph) & _ONNX_CONVOLUTIONS)
    return has_convolutions(build_module(model))


def has_convolutions(module: nn.Module) -> bool:
    """Whether a module has convolutions."""
    return any(isinstance(part, _ConvNd) for part in module.modules())


def has_linears(module: nn.Module) -> bool:
    """Whether a module has linear layers."""
    return any(isinstance(part, nn.Linear) for part in module.modules())


def layers_with_weights(module: nn.Module) -> Iterator[nn.Module]:
    """Convolutions and linear layers, where nearly all weights are."""
    return (m for m in module.modules() if isinstance(m, _ConvNd | nn.Linear))


def in_evaluation(module: nn.Module) -> nn.Module:
    """The module in eval mode; programs of torch.export refuse to be asked."""
    try:
        return module.eval()
    except NotImplementedError:
        for part in module.modules():
            part.training = False
        return module


def load_model(model: UserModel) -> LoadedModel:
    """The user's model with its weights, its example batch and its evaluation set.

    Raises:
        ModelLoadError: Something of it cannot be found, run or understood.
        MissingExtraError: What reads it is not installed.
    """
    evaluation = evaluation_set(model)
    loaded = _without_data(model)
    example = example_batch(model, evaluation, made_up=sources.made_up(model))
    loaded = replace(loaded, example=example, evaluation=evaluation)
    _check_forward(loaded)
    return loaded


def _without_data(model: UserModel) -> LoadedModel:
    bare = LoadedModel(
        name=model.name,
        example=torch.empty(0),
        evaluation=None,
        fine_tune=_tuner(model),
    )
    graph = sources.onnx_graph(model)
    if graph is not None:
        return replace(bare, graph=graph)
    module = build_module(model)
    if isinstance(model, TorchModel) and model.weights is not None:
        _load_weights(module, model.weights)
    return replace(
        bare,
        network=module,
        contexts=sources.contexts(model),
        documents=sources.documents(model),
    )


def _tuner(model: UserModel) -> Callable[[nn.Module], object] | None:
    if isinstance(model, PipelineModel) or model.fine_tune is None:
        return None
    return partial(factories.call, model.fine_tune, model.directory)


def build_module(model: UserModel) -> nn.Module:
    """What the model's source builds, in eval mode, on the CPU.

    A torch factory's is without its weights. A live module is copied:
    transformations must not touch the user's own.

    Raises:
        ModelLoadError: The source fails or gives something else.
    """
    if isinstance(model, TorchModel):
        built = _from_factory(model)
    else:
        built = sources.built(model)
    module = in_evaluation(built).requires_grad_(requires_grad=False)
    return module.to("cpu")


def _from_factory(model: TorchModel) -> nn.Module:
    built = factories.call(model.factory, model.directory)
    if not isinstance(built, nn.Module):
        raise ModelLoadError(
            f"the factory {factories.described(model.factory)} of model '{model.name}' "
            f"returned {type(built).__name__}, not a torch.nn.Module: return the module"
        )
    if not isinstance(model.factory, str):
        with told_as(ModelLoadError, f"copying the live model '{model.name}'"):
            built = copy.deepcopy(built)
    return built


def _load_weights(module: nn.Module, weights: Path) -> None:
    if not weights.is_file():
        raise ModelLoadError(
            f"the weights {weights} do not exist: save them with "
            "safetensors.torch.save_model, or correct the path"
        )
    with told_as(
        ModelLoadError,
        f"loading the weights {weights}",
        way_out="they must be a safetensors file saved from the factory's module",
    ):
        missing_keys, unexpected_keys = load_safetensors(module, weights, strict=False)
    if missing_keys or unexpected_keys:
        raise ModelLoadError(
            f"the weights {weights} do not fit the factory's module: "
            f"missing {_listed(missing_keys)}; unexpected {_listed(unexpected_keys)}; "
            "save them again from the module that the factory builds"
        )


def _listed(keys: set[str] | list[str]) -> str:
    names = sorted(keys)
    shown = ", ".join(names[:5]) or "none"
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


def evaluation_set(model: UserModel) -> EvaluationSet | None:
    """The user's labelled samples; None where the model names none.

    Raises:
        ModelLoadError: The factory fails or gives something else.
    """
    if model.evaluation is None:
        return None
    name = factories.described(model.evaluation)
    given = _named(factories.call(model.evaluation, model.directory), name)
    labelled = _labelled(given["inputs"], given["labels"], name)
    parts = given.get("slices")
    return replace(
        labelled,
        slices={} if parts is None else slices(parts, len(labelled.labels), name),
        shifted=_shifted(given.get("shifted", {}), name),
    )


_PARTS = ("inputs", "labels", "slices", "shifted")


def _named(given: object, name: str) -> Mapping[str, object]:
    """What the factory returned, by name: a tuple without the sets that are shifted."""
    if isinstance(given, tuple | list) and 2 <= len(given) <= 3:
        return dict(zip(_PARTS, given, strict=False))
    if isinstance(given, Mapping) and {"inputs", "labels"} <= set(given) <= set(_PARTS):
        return given
    raise ModelLoadError(
        f"the evaluation factory {name} returned {type(given).__name__}: return "
        "(inputs, labels), (inputs, labels, slices), or a dict of inputs, labels and, "
        "where there are any, slices and shifted"
    )


def _labelled(given_inputs: object, given_labels: object, name: str) -> EvaluationSet:
    inputs = _batch(given_inputs, f"the inputs of {name}")
    labels = _labels(given_labels, name)
    if len(inputs) != len(labels):
        raise ModelLoadError(
            f"the evaluation factory {name} gave {len(inputs)} inputs and "
            f"{len(labels)} labels: give one label for each input"
        )
    return EvaluationSet(inputs=inputs, labels=labels)


def _shifted(given: object, name: str) -> dict[str, EvaluationSet]:
    sets = given.items() if isinstance(given, Mapping) else [("", given)]
    found = {}
    for shift, pair in sets:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ModelLoadError(
                f"the shifted sets of {name} are no dict of pairs: give a name and "
                "(inputs, labels) for each"
            )
        inputs, labels = pair
        found[str(shift)] = _labelled(inputs, labels, f"{name}, shifted '{shift}'")
    return found


def _labels(given: object, name: str) -> torch.Tensor:
    with told_as(ModelLoadError, f"reading the labels of {name} as a tensor"):
        labels = torch.as_tensor(given)
    if labels.ndim != 1 or labels.is_floating_point() or labels.is_complex():
        raise ModelLoadError(
            f"the labels of {name} are {labels.dtype} of shape {tuple(labels.shape)}: "
            "give integer classes of shape (n,)"
        )
    return labels.detach().to("cpu", torch.int64)


def example_batch(
    model: UserModel,
    evaluation: EvaluationSet | None,
    *,
    made_up: torch.Tensor | None = None,
) -> torch.Tensor:
    """Real samples (n, …) from the inputs factory, else from the evaluation set.

    Raises:
        ModelLoadError: There is neither, or the factory fails.
    """
    if model.inputs is not None:
        given = factories.call(model.inputs, model.directory)
        batch = _batch(given, f"the inputs of {factories.described(model.inputs)}")
        return batch[:CALIBRATION_SAMPLES]
    if evaluation is None and made_up is not None:
        return made_up
    if evaluation is None:
        raise ModelLoadError(
            f"model '{model.name}' has neither an evaluation set nor example inputs: "
            "name an 'evaluation' or an 'inputs' factory, so that there is "
            "something to run"
        )
    return evaluation.inputs[:CALIBRATION_SAMPLES]


def _batch(given: object, whose: str) -> torch.Tensor:
    with told_as(ModelLoadError, f"reading {whose} as a tensor"):
        batch = torch.as_tensor(given)
    if batch.ndim < 2 or batch.shape[0] < 1:
        raise ModelLoadError(
            f"{whose} have shape {tuple(batch.shape)}: give a tensor of shape "
            "(n, …) with at least one sample"
        )
    if batch.dtype == torch.float64:
        batch = batch.to(torch.float32)
    if batch.is_floating_point() and not bool(torch.isfinite(batch).all()):
        raise ModelLoadError(f"{whose} hold NaN or infinity: give finite numbers")
    return batch.detach().to("cpu").contiguous()


def _check_forward(model: LoadedModel) -> None:
    example, evaluation = model.example, model.evaluation
    # Three: a forward that is bound to one or two samples would pass with those.
    few = example[:1].repeat(3, *[1] * (example.ndim - 1))
    with (
        told_as(
            ModelLoadError,
            f"running model '{model.name}' on a batch of shape {tuple(few.shape)}",
            way_out="the inputs must suit the module's forward, in any number",
        ),
        torch.inference_mode(),
    ):
        output = _answers(model, few)
    if not isinstance(output, torch.Tensor) or output.shape[:1] != few.shape[:1]:
        raise ModelLoadError(
            f"model '{model.name}' answers a batch of {len(few)} with "
            f"{_shape_of(output)}: its forward must return one tensor of shape (n, …)"
        )
    if evaluation is None:
        return
    sets = (evaluation, *evaluation.shifted.values())
    largest = max(int(s.labels.max()) for s in sets)
    if output.ndim != 2 or largest >= output.shape[1]:
        raise ModelLoadError(
            f"model '{model.name}' answers with {_shape_of(output)} and its labels "
            f"reach {largest}: top-1 accuracy needs one score for each class"
        )
    if min(int(s.labels.min()) for s in sets) < 0:
        raise ModelLoadError(
            f"the labels of model '{model.name}' go below 0: classes count from 0"
        )


def original(
    model: LoadedModel,
) -> Callable[[NDArray[np.generic]], NDArray[np.floating]]:
    """What runs the model as given, in fp32: all variants are compared with it."""

    def run(batch: NDArray[np.generic]) -> NDArray[np.floating]:
        with torch.inference_mode():
            answered = _answers(model, torch.from_numpy(batch))
        if not isinstance(answered, torch.Tensor):
            raise ProfilingError(
                f"model '{model.name}' answers with no tensor any more"
            )
        return answered.float().numpy()

    return run


def _answers(model: LoadedModel, batch: torch.Tensor) -> object:
    if model.graph is None:
        return model.module(batch)
    from profilers.backends.onnxruntime import OnnxBackend  # noqa: PLC0415 - needs the extra

    try:
        return torch.from_numpy(OnnxBackend(model.graph, threads=1).run(batch.numpy()))
    except ProfilingError as error:
        raise ModelLoadError(
            f"model '{model.name}': {error}; export the graph for any number of samples, "
            "its first dimension symbolic"
        ) from error


def _shape_of(output: object) -> str:
    shape = getattr(output, "shape", None)
    return type(output).__name__ if shape is None else f"shape {tuple(shape)}"
