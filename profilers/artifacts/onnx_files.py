"""What is asked of an ONNX graph before an engine loads it."""

from pathlib import Path


def input_names(path: Path) -> tuple[str, ...]:
    """Names of the graph's inputs; weights are none."""
    import onnx  # noqa: PLC0415 - heavy

    graph = onnx.load(path).graph
    weights = {i.name for i in graph.initializer}
    return tuple(i.name for i in graph.input if i.name not in weights)


def operators(graph: bytes) -> frozenset[str]:
    """Kinds of the graph's nodes."""
    import onnx  # noqa: PLC0415 - heavy

    return frozenset(node.op_type for node in onnx.load_from_string(graph).graph.node)
