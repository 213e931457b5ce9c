"""Against counts made by hand, and against what torch counts of the same network."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from planner.domain.operations import Operations  # noqa: E402
from profilers.onnx_counts import counted  # noqa: E402


def graph_of(nodes, inputs, weights, output="y", *, opsets=(("", 20),)):
    """A graph for any number of items; `weights` are arrays by name."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *inputs])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(a, n) for n, a in weights.items()],
    )
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid(d, v) for d, v in opsets],
        ir_version=10,
    ).SerializeToString()


def zeros(*shape):
    return np.zeros(shape, dtype=np.float32)


def test_a_convolution_and_a_matrix_product_count_as_by_hand():
    graph = graph_of(
        [
            helper.make_node(
                "Conv", ["x", "w", "b"], ["a"], pads=[1, 1, 1, 1], group=2
            ),
            helper.make_node("Relu", ["a"], ["r"]),
            helper.make_node("Flatten", ["r"], ["f"]),
            helper.make_node("Gemm", ["f", "v"], ["y"], transB=1),
        ],
        (4, 6, 6),
        {"w": zeros(8, 2, 3, 3), "b": zeros(8), "v": zeros(5, 288)},
    )

    found = counted("net", graph, zeros(1, 4, 6, 6))

    assert found.macs == 8 * 36 * 2 * 9 + 288 * 5
    assert found.parameters == 8 * 2 * 9 + 8 + 5 * 288
    assert found.activation_values == (4 * 36 + 8 * 36) + (288 + 5)


def test_weights_on_their_way_through_other_operators_are_no_activations():
    graph = graph_of(
        [
            helper.make_node("Transpose", ["w"], ["t"]),
            helper.make_node("MatMul", ["x", "t"], ["y"]),
        ],
        (3, 4),
        {"w": zeros(6, 4)},
    )

    found = counted("net", graph, zeros(1, 3, 4))

    assert (found.macs, found.parameters) == (3 * 4 * 6, 24)
    assert found.activation_values == 3 * 4 + 3 * 6


def test_a_recurrent_layer_counts_every_step():
    graph = graph_of(
        [
            helper.make_node("Transpose", ["x"], ["steps"], perm=[1, 0, 2]),
            helper.make_node("LSTM", ["steps", "w", "r"], ["y"], hidden_size=7),
        ],
        (11, 5),
        {"w": zeros(1, 28, 5), "r": zeros(1, 28, 7)},
    )

    assert counted("net", graph, zeros(1, 11, 5)).macs == 11 * 28 * (5 + 7)


def test_quantized_operators_count_as_those_they_stand_for():
    int8, scale, zero = np.zeros((4, 2, 1, 1), np.int8), zeros(), np.zeros((), np.uint8)
    graph = graph_of(
        [
            helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
            helper.make_node(
                "QLinearConv", ["q", "s", "z", "w", "s", "zw", "s", "z"], ["c"]
            ),
            helper.make_node("DequantizeLinear", ["c", "s", "z"], ["y"]),
        ],
        (2, 3, 3),
        {"w": int8, "s": scale, "z": zero, "zw": np.zeros((), np.int8)},
    )

    assert counted("net", graph, zeros(1, 2, 3, 3)).macs == 9 * 4 * 2


def test_a_reshape_worked_out_from_shapes_is_followed():
    graph = graph_of(
        [
            helper.make_node("Shape", ["x"], ["s"], end=1),
            helper.make_node("Concat", ["s", "rest"], ["to"], axis=0),
            helper.make_node("Reshape", ["x", "to"], ["f"]),
            helper.make_node("MatMul", ["f", "w"], ["y"]),
        ],
        (2, 6),
        {"rest": np.array([-1], np.int64), "w": zeros(12, 3)},
    )

    assert counted("net", graph, zeros(1, 2, 6)).macs == 36


@pytest.mark.parametrize(
    ("node", "opsets", "named"),
    [
        (helper.make_node("Einsum", ["x", "w"], ["y"], equation="ab,bc->ac"), (("", 20),), "Einsum"),
        (helper.make_node("Odd", ["x", "w"], ["y"], domain="my.own"), (("", 20), ("my.own", 1)), "Odd"),
        (
            helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml"),
            (("", 20), ("ai.onnx.ml", 3)), "TreeEnsembleRegressor",
        ),
    ],
)  # fmt: skip
def test_operators_that_nobody_counts_are_named(node, opsets, named):
    graph = graph_of([node], (4,), {"w": zeros(4, 3)}, opsets=opsets)

    found = counted("net", graph, zeros(1, 4))

    assert isinstance(found, str)
    assert named in found


def test_a_shape_that_depends_on_the_item_is_what_comes():
    graph = graph_of(
        [
            helper.make_node("NonZero", ["x"], ["i"]),
            helper.make_node("Cast", ["i"], ["c"], to=TensorProto.FLOAT),
            helper.make_node("Transpose", ["c"], ["t"]),
            helper.make_node("MatMul", ["t", "w"], ["y"]),
        ],
        (4,),
        {"w": zeros(2, 3)},
    )

    found = counted("net", graph, np.array([[0, 1, 0, 1]], np.float32))

    assert found.macs == 2 * 2 * 3


def test_a_graph_that_does_not_run_is_not_counted():
    graph = graph_of(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], (4,), {"w": zeros(5, 3)}
    )

    found = counted("net", graph, zeros(1, 4))

    assert isinstance(found, str)
    assert found.startswith("counting failed")


def test_linear_models_of_scikit_learn_count_their_coefficients():
    linear_model = pytest.importorskip("sklearn.linear_model")
    skl2onnx = pytest.importorskip("skl2onnx")
    data = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    fitted = linear_model.LogisticRegression().fit(data, np.arange(60) % 3)
    graph = skl2onnx.to_onnx(fitted, data[:1], options={"zipmap": False})

    found = counted("net", graph.SerializeToString(), data[:1])

    assert (found.macs, found.parameters) == (15, 18)


@pytest.mark.slow
def test_a_network_counts_the_same_as_in_torch(tmp_path):
    torch = pytest.importorskip("torch")
    from profilers.artifacts import exporting
    from profilers.counting import of_module
    from profilers.models import LoadedModel

    net = torch.nn.Sequential(
        torch.nn.Conv2d(2, 6, 3, stride=2, groups=2),
        torch.nn.ReLU(),
        torch.nn.ConvTranspose2d(6, 4, 3),
        torch.nn.Flatten(),
        torch.nn.Linear(4 * 25, 7),
    ).eval()
    sample = torch.randn(3, 2, 8, 8)
    model = LoadedModel(name="net", example=sample, evaluation=None, network=net)
    exporting.write_onnx(model, tmp_path / "net.onnx")

    graph = counted("net", (tmp_path / "net.onnx").read_bytes(), sample[:1].numpy())

    assert isinstance(graph, Operations)
    seen = of_module("net", net, sample[:1])
    assert (graph.macs, graph.parameters) == (seen.macs, seen.parameters)
    assert graph.activation_values == seen.activation_values
