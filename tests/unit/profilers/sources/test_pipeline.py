"""A scikit-learn pipeline is measured as the ONNX graph of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from planner.domain.profiling import PipelineModel
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import ModelLoadError, ProfilingError
from profilers.backends import load_backend
from profilers.models import load_model
from profilers.quality.grading import Samples, graded
from profilers.variants import export_variant

pytestmark = pytest.mark.slow
DIGITS = load_digits()


def fitted():
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
    return model.fit(DIGITS.data[:800], DIGITS.target[:800])


def held_back():
    return DIGITS.data[800:1000].astype(np.float32), DIGITS.target[800:1000]


def of(factory):
    return PipelineModel(
        name="digits", directory=Path(), factory=factory, evaluation=held_back
    )


def test_its_accuracy_is_that_of_scikit_learn(tmp_path):
    model = load_model(of(fitted))
    variant = Variant(precision=Precision.FP32, runtime=Runtime.ONNXRUNTIME)
    artifact = export_variant(model, variant, tmp_path)

    backend = load_backend(variant.runtime, artifact.path, threads=1)

    inputs, labels = held_back()
    quality = graded(backend.run, Samples(inputs=inputs, labels=labels))
    assert quality.value_frac == fitted().score(inputs, labels)
    assert backend.run(inputs).shape == (200, 10)


def perceptron():
    return MLPClassifier((64,), tol=0.01, random_state=0).fit(
        DIGITS.data[:800] / 16, DIGITS.target[:800]
    )


def scaled_perceptron():
    return make_pipeline(StandardScaler(), perceptron()).fit(
        DIGITS.data[:800] / 16, DIGITS.target[:800]
    )


@pytest.mark.parametrize("factory", [perceptron, scaled_perceptron])
@pytest.mark.parametrize(
    "precision", [Precision.INT8, Precision.INT8_STATIC, Precision.INT8_DYNAMIC]
)
def test_a_perceptron_of_scikit_learn_is_quantized(tmp_path, precision, factory):
    def scaled():
        inputs, labels = held_back()
        return inputs / 16, labels

    model = load_model(replace(of(factory), evaluation=scaled))
    variant = Variant(precision=precision, runtime=Runtime.ONNXRUNTIME)
    artifact = export_variant(model, variant, tmp_path)

    backend = load_backend(variant.runtime, artifact.path, threads=1)

    inputs, labels = scaled()
    quality = graded(backend.run, Samples(inputs=inputs, labels=labels))
    assert quality.value_frac == pytest.approx(
        factory().score(inputs, labels), abs=0.03
    )
    if precision is Precision.INT8_STATIC:
        nodes = onnx.load(artifact.path).graph.node
        of_name = {name: node.op_type for node in nodes for name in node.output}
        products = [n for n in nodes if n.op_type in {"Gemm", "MatMul"}]
        assert {of_name[n.input[0]] for n in products} == {"DequantizeLinear"}


def test_what_finds_the_label_is_not_in_the_graph():
    graph = onnx.load_from_string(load_model(of(fitted)).graph)

    assert len(graph.graph.output) == 1
    read = {name for node in graph.graph.node for name in node.input}
    assert {i.name for i in graph.graph.initializer} <= read
    assert not {n.op_type for n in graph.graph.node} & {"ArgMax", "ZipMap"}


@pytest.mark.parametrize("precision", [Precision.INT8, Precision.INT8_DYNAMIC])
def test_int8_is_refused_where_there_is_no_network(tmp_path, precision):
    model = load_model(of(lambda: fitted()[-1]))
    variant = Variant(precision=precision, runtime=Runtime.ONNXRUNTIME)

    with pytest.raises(ProfilingError, match="holds no operator of a neural network"):
        export_variant(model, variant, tmp_path)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (lambda: "model.pkl", "returned str, not a scikit-learn estimator"),
        (LogisticRegression, "it must be fitted"),
    ],
)
def test_what_is_no_fitted_estimator_is_refused(factory, message):
    with pytest.raises(ModelLoadError, match=message):
        load_model(of(factory))
