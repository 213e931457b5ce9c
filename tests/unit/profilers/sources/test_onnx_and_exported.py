"""ONNX files run as they are; exported programs only on the user's word."""

import warnings

import numpy as np
import onnx
import pytest
import torch

from planner.domain.profiling import FileFormat, ModelFile
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import ModelLoadError, ProfilingError
from profilers.backends import load_backend
from profilers.conformance import small_convolutional, small_images
from profilers.feeds import feeds
from profilers.models import load_model
from profilers.variants import export_variant

pytestmark = pytest.mark.slow


def of(path, format_, **more):
    return ModelFile(
        name="net",
        directory=path.parent,
        format=format_,
        path=path,
        **{"inputs": small_images, **more},
    )


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "net.pt2"
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(
        small_convolutional().eval(),
        (small_images()[:2],),
        dynamic_shapes=({0: batch},),
    )
    torch.export.save(program, path)
    return path


@pytest.fixture(scope="module")
def graph(tmp_path_factory, exported):
    folder = tmp_path_factory.mktemp("graph")
    model = load_model(of(exported, FileFormat.EXPORTED, trusted=True))
    fp32 = Variant(precision=Precision.FP32, runtime=Runtime.ONNXRUNTIME)
    return export_variant(model, fp32, folder).path


def answers(model, variant, folder):
    artifact = export_variant(model, variant, folder)
    backend = load_backend(variant.runtime, artifact.path, threads=1)
    return backend.run(small_images().numpy())


@pytest.mark.parametrize(
    ("precision", "runtime", "tolerance_frac"),
    [
        (Precision.FP32, Runtime.ONNXRUNTIME, 1e-5),
        (Precision.INT8, Runtime.ONNXRUNTIME, 0.06),
        (Precision.FP32, Runtime.OPENVINO, 1e-5),
    ],
)
def test_an_onnx_file_runs_in_every_precision_of_the_engines_that_read_it(
    tmp_path, graph, precision, runtime, tolerance_frac
):
    model = load_model(of(graph, FileFormat.ONNX))
    expected = small_convolutional().eval()(small_images()).detach().numpy()

    got = answers(model, Variant(precision=precision, runtime=runtime), tmp_path)

    assert model.has_convolutions
    assert np.abs(got - expected).max() <= tolerance_frac * np.abs(expected).max()


def test_an_onnx_file_is_not_run_by_torch(tmp_path, graph):
    model = load_model(of(graph, FileFormat.ONNX))
    on_torch = Variant(precision=Precision.FP32, runtime=Runtime.TORCH)

    with pytest.raises(ProfilingError, match="runs as ONNX, which torch cannot run"):
        export_variant(model, on_torch, tmp_path)


def test_an_onnx_file_that_is_torn_is_refused(tmp_path, graph):
    torn = tmp_path / "torn.onnx"
    torn.write_bytes(graph.read_bytes()[:-500])

    with pytest.raises(ModelLoadError, match="is it a whole ONNX file"):
        load_model(of(torn, FileFormat.ONNX))


def test_a_graph_bound_to_one_batch_is_refused(tmp_path, graph):
    bound = onnx.load(graph)
    bound.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(bound, tmp_path / "bound.onnx")

    with pytest.raises(ModelLoadError, match="for any number of samples"):
        load_model(of(tmp_path / "bound.onnx", FileFormat.ONNX))


def test_a_mask_is_filled_in_and_anything_else_is_the_users():
    batch = np.zeros((2, 3), np.int64)

    assert feeds(["ids", "token_type_ids"], batch)["token_type_ids"].sum() == 0
    with pytest.raises(ProfilingError, match="asks for ids, pixels: one input"):
        feeds(["ids", "pixels"], batch)


def test_an_exported_program_is_loaded_on_the_users_word_alone(exported, monkeypatch):
    def never(*_):
        raise AssertionError("opened")

    monkeypatch.setattr(torch.export, "load", never)
    with pytest.raises(ModelLoadError, match="nobody said 'trust: true'"):
        load_model(of(exported, FileFormat.EXPORTED))


def test_a_trusted_program_answers_as_its_module(exported):
    model = load_model(of(exported, FileFormat.EXPORTED, trusted=True))

    with torch.inference_mode(), warnings.catch_warnings():
        torch.testing.assert_close(
            model.module(small_images()), small_convolutional().eval()(small_images())
        )


# torch 2.13's, of its own code, when such a program is copied.
@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
def test_int8_of_a_program_names_the_engines_that_quantize_operators(
    tmp_path, exported
):
    model = load_model(of(exported, FileFormat.EXPORTED, trusted=True))
    variant = Variant(precision=Precision.INT8, runtime=Runtime.TORCH)

    with pytest.raises(ProfilingError, match="onnxruntime and openvino quantize"):
        export_variant(model, variant, tmp_path)


@pytest.mark.parametrize("format_", list(FileFormat))
def test_a_pickle_is_refused_whatever_it_is_called(tmp_path, format_):
    path = tmp_path / "model.pkl"
    path.write_bytes(b"")

    with pytest.raises(ModelLoadError, match=r"model\.pkl is pickled"):
        load_model(of(path, format_, trusted=True))
