"""A model's ONNX graph at full precision, from torch's exporter, proved to compute the same."""

import logging
from pathlib import Path

import torch

from planner.errors import ProfilingError
from profilers.artifacts.artifact import replacing
from profilers.foreign import deprecations_of_torch_hidden, told_as
from profilers.models import LoadedModel

INPUT, OUTPUT = "input", "output"

# Engines reorder sums; 1e-3 of the largest output is far above
# that (3e-7 for a small CNN, torch 2.13 to onnxruntime 1.32) and far below a wrong graph.
_SAME_GRAPH_FRAC = 1e-3


def write_onnx(model: LoadedModel, path: Path) -> None:
    """Export with a symbolic batch dimension, and prove that it computes the same.

    A model that is a graph is written as it is.

    Raises:
        ProfilingError: The exporter refuses the module, or the graph disagrees.
        MissingExtraError: onnxruntime is not installed.
    """
    if model.graph is not None:
        with replacing(path) as temporary:
            temporary.write_bytes(model.graph)
        return
    # A batch of one would be taken for a constant by torch.export.
    few = model.example[:1].repeat(2, *[1] * (model.example.ndim - 1))
    batch = torch.export.Dim("batch", min=1)
    with (
        told_as(
            ProfilingError,
            f"exporting model '{model.name}' to ONNX",
            way_out="its forward must work for any batch size without branching on data",
        ),
        deprecations_of_torch_hidden(),
        _quiet_exporter(),
        replacing(path) as temporary,
    ):
        program = torch.onnx.export(
            model.module,
            (few,),
            dynamo=True,
            dynamic_shapes=({0: batch},),
            input_names=[INPUT],
            output_names=[OUTPUT],
            verbose=False,
        )
        if program is None:  # pragma: no cover - only without dynamo
            raise ProfilingError(f"torch exported nothing for model '{model.name}'")
        program.save(temporary, external_data=False)
    require_same_answers(model, path)


class _NotTorchvision(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return "torchvision is not installed" not in record.getMessage()


class _quiet_exporter:  # noqa: N801 - reads as the verb it is
    """The exporter logs that torchvision is absent; nobody here needs it."""

    def __enter__(self) -> None:
        self._logger = logging.getLogger("torch.onnx._internal.exporter._registration")
        self._filter = _NotTorchvision()
        self._logger.addFilter(self._filter)

    def __exit__(self, *_: object) -> None:
        self._logger.removeFilter(self._filter)


def require_same_answers(model: LoadedModel, path: Path) -> None:
    """Compare the graph with the module on a few samples.

    Raises:
        ProfilingError: They differ by more than the order of sums can explain.
    """
    from profilers.backends.onnxruntime import OnnxBackend  # noqa: PLC0415 - needs the extra

    few = model.example[:3]
    with torch.inference_mode():
        expected = model.module(few)
    got = torch.from_numpy(OnnxBackend(path, threads=1).run(few.numpy()))
    scale = float(expected.abs().max()) or 1.0
    off = float((got - expected).abs().max()) / scale
    if not off <= _SAME_GRAPH_FRAC:
        raise ProfilingError(
            f"the ONNX graph of model '{model.name}' answers {off:.1e} of its output "
            "range off: the exporter does not understand this module"
        )
