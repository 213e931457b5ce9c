"""What is sent comes from where the user says, and a wrong file is named."""

import json

import numpy as np
import pytest

from planner.domain.profiling import TorchModel
from planner.errors import SpecFileError
from profilers.verifying.payloads import (
    BARE,
    from_examples,
    from_file,
    from_model,
    made_up,
)

INPUTS = np.arange(12, dtype=np.float32).reshape(3, 2, 2)


def sent(payloads):
    return [json.loads(body) for body in payloads.bodies]


def test_arrays_are_sent_one_example_each(tmp_path):
    np.save(tmp_path / "x.npy", INPUTS)

    payloads = from_file(tmp_path / "x.npy")

    assert sent(payloads) == [{"inputs": x.tolist()} for x in INPUTS]
    assert payloads.labels is None


def test_labels_travel_with_their_samples_through_a_shuffle(tmp_path):
    inputs = np.arange(100).reshape(50, 2)
    np.savez(tmp_path / "x.npz", inputs=inputs, labels=inputs[:, 0])

    payloads = from_file(tmp_path / "x.npz").shuffled(np.random.default_rng(0))

    assert [body["inputs"][0] for body in sent(payloads)] == list(payloads.labels)
    assert list(payloads.labels) != sorted(payloads.labels)


def test_json_holds_examples_with_or_without_labels_or_whole_documents(tmp_path):
    file = tmp_path / "x.json"

    file.write_text("[[1, 2], [3, 4]]")
    bare = from_file(file)
    file.write_text('{"inputs": [[1, 2], [3, 4]], "labels": [0, 1]}')
    labelled = from_file(file)
    file.write_text('{"bodies": [{"text": "a"}, {"text": "b"}]}')
    raw = from_file(file)

    assert sent(bare) == sent(labelled) == [{"inputs": [1, 2]}, {"inputs": [3, 4]}]
    assert labelled.labels == (0, 1)
    assert sent(raw) == [{"text": "a"}, {"text": "b"}]
    assert raw.is_raw


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.csv", b"1,2", ".npy, .npz or .json"),
        ("x.json", b"not json", "no usable inputs"),
        ("x.json", b'"text"', "list of examples"),
        ("x.json", b'{"other": 1}', "neither"),
        ("x.json", b'{"inputs": [[1]], "labels": [1, 2]}', "1 inputs and 2 labels"),
        ("x.json", b'{"inputs": [[1]], "labels": ["cat"]}', "whole numbers"),
        ("x.json", b"[]", "no inputs"),
        ("x.json", b"[[NaN]]", "no usable inputs"),
        ("x.npy", b"\x93NUMPY rubbish", "no usable inputs"),
        ("x.npy", b"", "no usable inputs"),
        ("x.npz", b"PK rubbish", "no usable inputs"),
    ],
)
def test_a_file_without_inputs_is_refused_by_name(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(SpecFileError, match="x\\.") as refused:
        from_file(tmp_path / name)

    assert says in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SpecFileError, match="No such file"):
        from_file(tmp_path / "none.npy")


@pytest.mark.parametrize("array", [np.zeros(3), np.array([["a"]]), np.zeros((0, 2))])
def test_an_array_that_holds_no_examples_is_refused(tmp_path, array):
    np.save(tmp_path / "x.npy", array)

    with pytest.raises(SpecFileError):
        from_file(tmp_path / "x.npy")


def test_pickles_are_not_opened(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{}], dtype=object), allow_pickle=True)

    with pytest.raises(SpecFileError, match="no usable inputs"):
        from_file(tmp_path / "x.npy")


def test_numbers_are_made_up_in_the_shape_and_kind_that_is_asked_for():
    floats = made_up((2, 3), "float32", np.random.default_rng(0))
    tokens = made_up((5,), "int64", np.random.default_rng(0))

    assert np.array(sent(floats)[0]["inputs"]).shape == (2, 3)
    assert {n for body in sent(tokens) for n in body["inputs"]} == {0, 1}


def test_the_users_evaluation_set_gives_samples_with_their_classes(tmp_path):
    pytest.importorskip("torch", reason="torch is not installed")
    (tmp_path / "samples.py").write_text(
        "import torch\n"
        "def evaluation():\n"
        "    return torch.eye(4), torch.arange(4)\n"
        "def inputs():\n"
        "    return torch.zeros(2, 4)\n"
    )
    model = TorchModel(
        name="m", directory=tmp_path, factory="m:build", evaluation="samples:evaluation"
    )
    unlabelled = TorchModel(
        name="m", directory=tmp_path, factory="m:build", inputs="samples:inputs"
    )

    labelled = from_model(model)

    assert [body["inputs"] for body in sent(labelled)] == np.eye(4).tolist()
    assert labelled.labels == (0, 1, 2, 3)
    assert from_model(unlabelled).labels is None


def test_bare_bodies_hold_the_numbers_that_the_words_held():
    made = from_examples([[[0.1, -2], [3, 4]], [[5, 6], [7, 8]]], [1, 0], "a test")

    bare = made.bare((2, 2), "float32")

    assert bare.media_type == BARE
    got = [np.frombuffer(b, dtype="<f4").reshape(2, 2).tolist() for b in bare.bodies]
    assert got == [
        np.float32([[0.1, -2], [3, 4]]).tolist(),
        [[5.0, 6.0], [7.0, 8.0]],
    ]
    assert (bare.labels, bare.origin) == (made.labels, made.origin)


@pytest.mark.parametrize(
    ("example", "shape", "dtype"),
    [
        ([1.0, 2.0, 3.0], (2,), "float32"),
        ([1.5, 2.0], (2,), "int64"),
        (["a", "b"], (2,), "float32"),
        ([[1.0], [2.0, 3.0]], (2, 1), "float32"),
    ],
    ids=["another shape", "parts of whole numbers", "text", "ragged"],
)
def test_what_is_no_example_goes_as_it_is_and_the_server_says_why_not(
    example, shape, dtype
):
    made = from_examples([example], None, "a test")

    assert made.bare(shape, dtype) is made
