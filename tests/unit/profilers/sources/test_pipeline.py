"""A scikit-learn pipeline is measured as the ONNX graph of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
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


@pytest.mark.parametrize("precision", [Precision.INT8, Precision.INT8_DYNAMIC])
def test_a_perceptron_of_scikit_learn_is_quantized(tmp_path, precision):
    def perceptron():
        return MLPClassifier((64,), tol=0.01, random_state=0).fit(
            DIGITS.data[:800] / 16, DIGITS.target[:800]
        )

    def scaled():
        inputs, labels = held_back()
        return inputs / 16, labels

    model = load_model(replace(of(perceptron), evaluation=scaled))
    variant = Variant(precision=precision, runtime=Runtime.ONNXRUNTIME)
    artifact = export_variant(model, variant, tmp_path)

    backend = load_backend(variant.runtime, artifact.path, threads=1)

    inputs, labels = scaled()
    quality = graded(backend.run, Samples(inputs=inputs, labels=labels))
    assert quality.value_frac == pytest.approx(
        perceptron().score(inputs, labels), abs=0.03
    )


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
