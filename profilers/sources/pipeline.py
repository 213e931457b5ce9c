"""A scikit-learn estimator that the user's factory returns, as an ONNX graph.

Estimators are pickled by custom, and a pickle runs code: the factory, which is the
user's own source, builds or loads it; what is measured and served is the graph.
"""

from typing import Any

from planner.domain.profiling import PipelineModel
from planner.errors import MissingExtraError, ModelLoadError
from profilers import factories
from profilers.foreign import told_as


def graph(model: PipelineModel) -> bytes:
    """The fitted estimator's graph: one float32 row in, one score a class out.

    Raises:
        ModelLoadError: The factory fails, or gives something that does not convert.
        MissingExtraError: scikit-learn or skl2onnx is not installed.
    """
    try:
        import skl2onnx  # noqa: PLC0415 - an extra
        import sklearn.base  # noqa: PLC0415 - an extra
        import sklearn.utils.validation as checks  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            str(missing.name), "sklearn", "running scikit-learn models"
        ) from missing
    told = factories.described(model.factory)
    estimator = factories.call(model.factory, model.directory)
    if not isinstance(estimator, sklearn.base.BaseEstimator):
        raise ModelLoadError(
            f"the factory {told} of model '{model.name}' returned "
            f"{type(estimator).__name__}, not a scikit-learn estimator: return it fitted"
        )
    with told_as(
        ModelLoadError,
        f"converting model '{model.name}' to ONNX",
        way_out="it must be fitted, of estimators that skl2onnx knows",
    ):
        checks.check_is_fitted(estimator)
        row = skl2onnx.common.data_types.FloatTensorType(
            [None, estimator.n_features_in_]
        )
        classifies = sklearn.base.is_classifier(estimator)
        converted = skl2onnx.convert_sklearn(
            estimator,
            name=_NAME,  # or it is a random one
            initial_types=[("input", row)],
            options={id(estimator): {"zipmap": False}} if classifies else None,
            target_opset=_OPSET,
        )
        if classifies:
            converted = _scores_alone(converted)
        _say_operator_sets_once(converted)
        return bytes(converted.SerializeToString())


def _scores_alone(graph: Any) -> Any:  # noqa: ANN401 - onnx has no types
    """Without the label, the first output, and what finds it: accuracy and users need scores."""
    from skl2onnx.helpers.onnx_helper import (  # noqa: PLC0415 - an extra
        select_model_inputs_outputs,
    )

    _, scores = graph.graph.output
    alone = select_model_inputs_outputs(graph, outputs=[scores.name])
    read = {name for node in alone.graph.node for name in node.input}
    for constant in list(alone.graph.initializer):
        if constant.name not in read:
            alone.graph.initializer.remove(constant)
    return alone


def _say_operator_sets_once(graph: Any) -> None:  # noqa: ANN401 - onnx has no types
    """skl2onnx 1.20 says one for each estimator; onnxruntime's quantizers want it once."""
    versions = {o.domain: o.version for o in graph.opset_import}
    while len(graph.opset_import) > len(versions):
        graph.opset_import.pop()
    for opset, (domain, version) in zip(
        graph.opset_import, versions.items(), strict=True
    ):
        opset.domain, opset.version = domain, version


_NAME = "pipeline"
# The newest that onnxruntime's quantizers and OpenVINO both read.
_OPSET = 20
