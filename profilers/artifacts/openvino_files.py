"""An OpenVINO variant's file: its graph and its weights in one archive, and a precision.

OpenVINO keeps a model as two files. They are packed, uncompressed and without dates, so
that one model has one digest:

    model.xml    the graph              model.bin    the weights
    precision    what the engine is told to compute in
"""

import contextlib
import io
import logging
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from planner.domain.variants import Precision
from planner.errors import MissingExtraError, ProfilingError
from profilers.artifacts.artifact import replacing
from profilers.artifacts.exporting import write_onnx
from profilers.foreign import told_as
from profilers.models import LoadedModel

_GRAPH, _WEIGHTS, _PRECISION = "model.xml", "model.bin", "precision"
Change = Callable[[Any, LoadedModel, Path], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenvinoFile:
    """What the archive holds."""

    graph: bytes
    weights: bytes
    precision: Precision


def unchanged(graph: Any, model: LoadedModel, onnx_path: Path) -> Any:  # noqa: ANN401, ARG001 - OpenVINO's own type
    """The graph as it was read."""
    return graph


def nncf() -> Any:  # noqa: ANN401 - a package without types
    """NNCF, told to be quiet.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import nncf as found  # noqa: PLC0415 - an extra, and heavy
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            "nncf", "openvino", "quantizing models for openvino"
        ) from missing
    found.set_log_level(logging.ERROR)
    return found


def write(
    model: LoadedModel, precision: Precision, path: Path, *, change: Change
) -> None:
    """Read the model's fp32 ONNX graph into OpenVINO, change it, and pack it.

    `change` is given OpenVINO's model, ours, and the ONNX file.

    Raises:
        ProfilingError: The exporter, OpenVINO or NNCF refuses the model.
        MissingExtraError: OpenVINO is not installed.
    """
    try:
        import openvino  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            "openvino", "openvino", "running models on openvino"
        ) from missing
    with TemporaryDirectory() as scratch:
        onnx_path = Path(scratch) / "full.onnx"
        write_onnx(model, onnx_path)
        with told_as(
            ProfilingError, f"writing model '{model.name}' as {precision} for openvino"
        ):
            with contextlib.redirect_stdout(io.StringIO()):  # NNCF draws its progress
                graph = change(openvino.Core().read_model(onnx_path), model, onnx_path)
            _renamed(graph)
            ir = Path(scratch) / _GRAPH
            openvino.save_model(graph, ir, compress_to_fp16=False)
            members = {
                _GRAPH: ir.read_bytes(),
                _WEIGHTS: ir.with_suffix(".bin").read_bytes(),
                _PRECISION: precision.encode(),
            }
        with replacing(path) as temporary, tarfile.open(temporary, "w") as archive:
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


def _renamed(graph: Any) -> None:  # noqa: ANN401 - OpenVINO's own type
    """Number the operations: their own names count what the process made before."""
    for i, operation in enumerate(graph.get_ordered_ops()):
        operation.set_friendly_name(f"{operation.get_type_name()}_{i}")


def read(path: Path) -> OpenvinoFile:
    """What `write` packed.

    Raises:
        ProfilingError: It is no such archive.
    """
    with (
        told_as(
            ProfilingError, f"reading {path}", way_out="is it an openvino artefact?"
        ),
        tarfile.open(path, "r") as archive,
    ):
        found = {m.name: archive.extractfile(m) for m in archive}
        content = {name: file.read() for name, file in found.items() if file}
        return OpenvinoFile(
            graph=content[_GRAPH],
            weights=content[_WEIGHTS],
            precision=Precision(content[_PRECISION].decode()),
        )
