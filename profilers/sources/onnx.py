"""A model in an ONNX file: a graph and its weights, and no code."""

from pathlib import Path

from planner.errors import ModelLoadError
from profilers.foreign import told_as


def graph(path: Path) -> bytes:
    """The graph with the weights that lie beside it.

    Raises:
        ModelLoadError: There is no such file, or it is not a whole ONNX model.
    """
    import onnx  # noqa: PLC0415 - heavy

    if not path.is_file():
        raise ModelLoadError(f"{path} does not exist: correct the path")
    with told_as(
        ModelLoadError,
        f"reading {path}",
        way_out="is it a whole ONNX file of at most 2 GiB?",
    ):
        loaded = onnx.load(path)
        onnx.checker.check_model(loaded)
        return bytes(loaded.SerializeToString())
