"""What a client may send, and the sentence each mistake is answered with."""

import json

import numpy as np
import pytest

from profilers.serving.requests import RefusedRequestError, read_bare, read_inputs

FLOAT32 = np.dtype(np.float32)


def refused(body: bytes, *, shape: tuple[int, ...] = (2,), dtype=FLOAT32):
    with pytest.raises(RefusedRequestError) as caught:
        read_inputs(body, shape=shape, dtype=dtype)
    return caught.value


def test_an_example_becomes_the_models_own_kind_of_array():
    got = read_inputs(b'{"inputs": [[1, 2.5], [3, -4]]}', shape=(2, 2), dtype=FLOAT32)

    assert got.dtype == np.float32
    assert got.tolist() == [[1.0, 2.5], [3.0, -4.0]]


def test_whole_numbers_reach_a_model_of_tokens_unchanged():
    got = read_inputs(b'{"inputs": [7, 0]}', shape=(2,), dtype=np.dtype(np.int64))

    assert got.dtype == np.int64
    assert got.tolist() == [7, 0]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"[" * 100_000],
    ids=["empty", "cut", "bytes", "deep"],
)
def test_a_body_that_is_no_json_is_a_400(body: bytes):
    assert refused(body).status == 400


@pytest.mark.parametrize(
    "inputs",
    ['"12"', '["1", "2"]', "[null, 1]", "[true, false]", "[[1], [2, 3]]", "{}", "[]"],
)
def test_inputs_that_are_no_example_are_a_422(inputs: str):
    assert refused(f'{{"inputs": {inputs}}}'.encode()).status == 422


def test_a_whole_number_beyond_64_bits_is_a_422():
    assert refused(json.dumps({"inputs": [10**30, 1]}).encode()).status == 422


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e300"])
def test_numbers_that_are_not_finite_are_a_422(value: str):
    assert refused(f'{{"inputs": [{value}, 1]}}'.encode()).status == 422


def test_a_fraction_where_the_model_takes_whole_numbers_is_a_422():
    mistake = refused(b'{"inputs": [1.5, 1]}', dtype=np.dtype(np.int64))

    assert mistake.status == 422
    assert "whole numbers" in str(mistake)


def test_a_number_outside_the_models_range_is_a_422():
    assert refused(b'{"inputs": [300, 1]}', dtype=np.dtype(np.uint8)).status == 422


def test_the_wrong_shape_is_answered_with_the_right_one():
    assert "[2]" in str(refused(b'{"inputs": [[1, 2]]}'))


def test_a_key_that_is_not_known_is_refused():
    assert refused(b'{"inputs": [1, 2], "top_k": 3}').status == 422


def test_bare_numbers_are_read_where_they_lie():
    sent = np.arange(6, dtype="<f4").reshape(2, 3)

    got = read_bare(sent.tobytes(), shape=(2, 3), dtype=FLOAT32)

    np.testing.assert_array_equal(got, sent)
    assert got.base is not None


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "0 bytes; one example is float32 of shape [2]: 8 bytes"),
        (b"\0" * 12, "12 bytes"),
        (np.array([1.0, np.nan], dtype="<f4").tobytes(), "finite"),
    ],
    ids=["empty", "long", "not a number"],
)
def test_bare_bytes_that_are_no_example_are_refused(body: bytes, says: str):
    with pytest.raises(RefusedRequestError) as caught:
        read_bare(body, shape=(2,), dtype=FLOAT32)

    assert caught.value.status == 422
    assert says in caught.value.sentence
