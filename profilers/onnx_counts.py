"""Reads off an ONNX graph what it multiplies, keeps and moves for one item.

The graph is run once on one sample, with what its products read and write among its
outputs: so shapes are those that come, and none is inferred. A graph with an operator
whose products nobody here counts is not counted.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from planner.domain.operations import Operations
from planner.errors import ProfilingError
from profilers.feeds import feeds
from profilers.foreign import told_as

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Shape = tuple[int, ...]
Counter = Callable[[Sequence[Shape], Shape], int]  # of inputs and the first output


def _of_weight(inputs: Sequence[Shape], output: Shape) -> int:
    """Each output is a sum over one filter: channels in over groups × kernel."""
    return math.prod(inputs[1][1:]) * math.prod(output)


def _of_transposed(inputs: Sequence[Shape], _: Shape) -> int:
    """Each input is spread by one filter."""
    return math.prod(inputs[1][1:]) * math.prod(inputs[0])


def _of_matrices(inputs: Sequence[Shape], output: Shape) -> int:
    return inputs[0][-1] * math.prod(output)


def _of_gemm(inputs: Sequence[Shape], output: Shape) -> int:
    """A is m × k or its transpose, and the output m × n."""
    return math.prod(inputs[0]) // output[0] * math.prod(output)


def _of_recurrent(inputs: Sequence[Shape], _: Shape) -> int:
    """All gates' weights, once a step of each sequence."""
    steps, sequences, _features = inputs[0]
    return steps * sequences * (math.prod(inputs[1]) + math.prod(inputs[2]))


def _quantized(counter: Counter) -> Counter:
    """The same with a scale and a zero point after each of both inputs."""
    return lambda inputs, output: counter((inputs[0], inputs[3]), output)


# Where an operator's own multiplications come from; every other one of the default
# domain has none, but for those that nobody counts here.
_PRODUCTS: Final[Mapping[str, Counter]] = {
    "Conv": _of_weight,
    "ConvInteger": _of_weight,
    "ConvTranspose": _of_transposed,
    "Gemm": _of_gemm,
    "GRU": _of_recurrent,
    "LSTM": _of_recurrent,
    "MatMul": _of_matrices,
    "MatMulInteger": _of_matrices,
    "QLinearConv": _quantized(_of_weight),
    "QLinearMatMul": _quantized(_of_matrices),
    "RNN": _of_recurrent,
}
_NOT_COUNTED: Final = frozenset(
    {"Attention", "DFT", "DeformConv", "Einsum", "If", "Loop", "STFT", "Scan"}
)
_ERRORS_ONLY: Final = 3  # of onnxruntime's own scale
_DEFAULT: Final = frozenset({"", "ai.onnx"})
# scikit-learn's: one product a coefficient, or none at all.
_ML: Final = "ai.onnx.ml"
_LINEAR: Final = frozenset({"LinearClassifier", "LinearRegressor"})
_WITHOUT_PRODUCTS: Final = frozenset(
    {
        "ArrayFeatureExtractor",
        "Binarizer",
        "CategoryMapper",
        "FeatureVectorizer",
        "Imputer",
        "LabelEncoder",
        "Normalizer",
        "OneHotEncoder",
        "Scaler",
        "ZipMap",
    }
)


def counted(name: str, graph: bytes, sample: "NDArray[np.generic]") -> Operations | str:
    """Operations for the one item that `sample` (1, …) holds, or why nobody can say."""
    import onnx.inliner  # noqa: PLC0415 - heavy

    try:
        with told_as(ProfilingError, "counting"):
            model = onnx.inliner.inline_local_functions(onnx.load_from_string(graph))
            return _Graph(model).counted(name, sample)
    except ProfilingError as refusal:
        return str(refusal)


class _Graph:
    """A graph whose functions are written out."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - onnx has no types
        self._model = model
        self._nodes = list(model.graph.node)
        self._initializers = {i.name: tuple(i.dims) for i in model.graph.initializer}
        self._constant = _constants(model.graph)

    def counted(self, name: str, sample: "NDArray[np.generic]") -> Operations | str:
        unknown = dict.fromkeys(n.op_type for n in self._nodes if _is_unknown(n))
        if unknown:
            return f"nobody counts the operations of {', '.join(unknown)}"
        products = [n for n in self._nodes if _is_product(n)]
        linear = [n for n in self._nodes if _is_linear(n)]
        shapes = self._shapes(products, sample)
        coefficients = sum(_n_floats(n, "coefficients") for n in linear)
        macs = coefficients + sum(
            _PRODUCTS[n.op_type](
                [shapes.get(i, ()) for i in n.input], shapes[n.output[0]]
            )
            for n in products
        )
        parameters = (
            coefficients
            + sum(_n_floats(n, "intercepts") for n in linear)
            + sum(math.prod(i.dims) for i in _weights(self._model.graph))
        )
        if not macs or not parameters:
            return "it has no convolution or matrix product with weights"
        values = sum(
            math.prod(shapes[name])
            for n in products
            for name in (n.output[0], *self._activations(n))
        )
        return Operations(
            model=name,
            parameters=parameters,
            macs=macs,
            activation_values=values or None,
            source="counted while the graph ran on one sample",
        )

    def _activations(self, node: Any) -> Iterable[str]:  # noqa: ANN401 - onnx has no types
        """Inputs that depend on the item."""
        return (n for n in node.input if n and n not in self._constant)

    def _shapes(
        self, products: Sequence[Any], sample: "NDArray[np.generic]"
    ) -> Mapping[str, Shape]:
        """Of all that the products read and write."""
        import onnx  # noqa: PLC0415 - heavy
        import onnxruntime  # noqa: PLC0415 - heavy

        given = [i.name for i in self._model.graph.input]
        fed = feeds([n for n in given if n not in self._initializers], sample)
        known = self._initializers | {n: a.shape for n, a in fed.items()}
        told = {o.name for o in self._model.graph.output}
        wanted = list(
            dict.fromkeys(
                name
                for n in products
                for name in (*n.input, n.output[0])
                if name and name not in known
            )
        )
        if not wanted:
            return known
        watched = onnx.ModelProto()
        watched.CopyFrom(self._model)
        watched.graph.output.extend(
            onnx.ValueInfoProto(name=name) for name in wanted if name not in told
        )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        session = onnxruntime.InferenceSession(
            watched.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        found = session.run(wanted, fed)
        return known | {n: a.shape for n, a in zip(wanted, found, strict=True)}


def _is_product(node: Any) -> bool:  # noqa: ANN401 - onnx has no types
    return node.domain in _DEFAULT and node.op_type in _PRODUCTS


def _is_linear(node: Any) -> bool:  # noqa: ANN401 - onnx has no types
    return node.domain == _ML and node.op_type in _LINEAR


def _is_unknown(node: Any) -> bool:  # noqa: ANN401 - onnx has no types
    if node.domain == _ML:
        return node.op_type not in _LINEAR | _WITHOUT_PRODUCTS
    return node.domain not in _DEFAULT or node.op_type in _NOT_COUNTED


def _n_floats(node: Any, attribute: str) -> int:  # noqa: ANN401 - onnx has no types
    return sum(len(a.floats) for a in node.attribute if a.name == attribute)


def _weights(graph: Any) -> Iterable[Any]:  # noqa: ANN401 - onnx has no types
    """Initializers that are numbers of a network, not shapes or indices."""
    import onnx  # noqa: PLC0415 - heavy

    of = onnx.TensorProto
    kinds = {of.FLOAT, of.FLOAT16, of.BFLOAT16, of.DOUBLE, of.INT8, of.UINT8}
    return (i for i in graph.initializer if i.data_type in kinds)


def _constants(graph: Any) -> set[str]:  # noqa: ANN401 - onnx has no types
    """Weights, and what is made of nothing else; nodes are in order."""
    constant = {i.name for i in graph.initializer}
    for node in graph.node:
        if all(n in constant for n in node.input if n):
            constant.update(node.output)
    return constant
