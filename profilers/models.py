"""Bring a user's torch model into this process: module, weights, data, all checked."""

import copy
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_model as load_safetensors
from torch import nn

from planner.domain.profiling import TorchModel
from planner.errors import ModelLoadError
from profilers import factories
from profilers.foreign import told_as

# Activation ranges settle with few samples; onnxruntime's own examples take 100-500.
CALIBRATION_SAMPLES = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSet:
    """Samples with the class each should get; labels are 0 … classes - 1."""

    inputs: torch.Tensor
    labels: torch.Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model ready to be transformed: in eval mode, on the CPU, with its data.

    `example` holds real samples (n, …): what is timed, and what calibrates int8.
    """

    name: str
    module: nn.Module
    example: torch.Tensor
    evaluation: EvaluationSet | None


def load_model(model: TorchModel) -> LoadedModel:
    """The user's module with its weights, its example batch and its evaluation set.

    Raises:
        ModelLoadError: Something of it cannot be found, run or understood.
    """
    module = build_module(model)
    if model.weights is not None:
        _load_weights(module, model.weights)
    evaluation = evaluation_set(model)
    example = example_batch(model, evaluation)
    _check_forward(module, example, evaluation, model)
    return LoadedModel(
        name=model.name, module=module, example=example, evaluation=evaluation
    )


def build_module(model: TorchModel) -> nn.Module:
    """What the factory builds, in eval mode, before any weights are loaded.

    A live module is copied: transformations must not touch the user's own.

    Raises:
        ModelLoadError: The factory fails or returns something else.
    """
    built = factories.call(model.factory, model.directory)
    if not isinstance(built, nn.Module):
        raise ModelLoadError(
            f"the factory {factories.described(model.factory)} of model '{model.name}' "
            f"returned {type(built).__name__}, not a torch.nn.Module: return the module"
        )
    if not isinstance(model.factory, str):
        with told_as(ModelLoadError, f"copying the live model '{model.name}'"):
            built = copy.deepcopy(built)
    module: nn.Module = built.eval().requires_grad_(requires_grad=False)
    return module.to("cpu")


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


def evaluation_set(model: TorchModel) -> EvaluationSet | None:
    """The user's labelled samples; None where the model names none.

    Raises:
        ModelLoadError: The factory fails or gives something else.
    """
    if model.evaluation is None:
        return None
    name = factories.described(model.evaluation)
    given = factories.call(model.evaluation, model.directory)
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise ModelLoadError(
            f"the evaluation factory {name} returned {type(given).__name__}: "
            "return a pair (inputs, labels)"
        )
    inputs = _batch(given[0], f"the inputs of {name}")
    labels = _labels(given[1], name)
    if len(inputs) != len(labels):
        raise ModelLoadError(
            f"the evaluation factory {name} gave {len(inputs)} inputs and "
            f"{len(labels)} labels: give one label for each input"
        )
    return EvaluationSet(inputs=inputs, labels=labels)


def _labels(given: object, name: str) -> torch.Tensor:
    with told_as(ModelLoadError, f"reading the labels of {name} as a tensor"):
        labels = torch.as_tensor(given)
    if labels.ndim != 1 or labels.is_floating_point() or labels.is_complex():
        raise ModelLoadError(
            f"the labels of {name} are {labels.dtype} of shape {tuple(labels.shape)}: "
            "give integer classes of shape (n,)"
        )
    return labels.detach().to("cpu", torch.int64)


def example_batch(model: TorchModel, evaluation: EvaluationSet | None) -> torch.Tensor:
    """Real samples (n, …) from the inputs factory, else from the evaluation set.

    Raises:
        ModelLoadError: There is neither, or the factory fails.
    """
    if model.inputs is not None:
        given = factories.call(model.inputs, model.directory)
        batch = _batch(given, f"the inputs of {factories.described(model.inputs)}")
        return batch[:CALIBRATION_SAMPLES]
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


def _check_forward(
    module: nn.Module,
    example: torch.Tensor,
    evaluation: EvaluationSet | None,
    model: TorchModel,
) -> None:
    # Three: a forward that is bound to one or two samples would pass with those.
    few = example[:1].repeat(3, *[1] * (example.ndim - 1))
    with (
        told_as(
            ModelLoadError,
            f"running model '{model.name}' on a batch of shape {tuple(few.shape)}",
            way_out="the inputs must suit the module's forward",
        ),
        torch.inference_mode(),
    ):
        output = module(few)
    if not isinstance(output, torch.Tensor) or output.shape[:1] != few.shape[:1]:
        raise ModelLoadError(
            f"model '{model.name}' answers a batch of {len(few)} with "
            f"{_shape_of(output)}: its forward must return one tensor of shape (n, …)"
        )
    if evaluation is None:
        return
    if output.ndim != 2 or int(evaluation.labels.max()) >= output.shape[1]:
        raise ModelLoadError(
            f"model '{model.name}' answers with {_shape_of(output)} and its labels "
            f"reach {int(evaluation.labels.max())}: top-1 accuracy needs one score "
            "for each class"
        )
    if int(evaluation.labels.min()) < 0:
        raise ModelLoadError(
            f"the labels of model '{model.name}' go below 0: classes count from 0"
        )


def _shape_of(output: object) -> str:
    shape = getattr(output, "shape", None)
    return type(output).__name__ if shape is None else f"shape {tuple(shape)}"
