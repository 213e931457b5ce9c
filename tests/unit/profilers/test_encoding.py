"""A result is written so that it comes back whole, and what is not whole is refused."""

import json
from dataclasses import replace

import pytest

from profilers.encoding import decode, encode
from tests.support.stored import FAILURE, MEASUREMENT


@pytest.mark.parametrize("result", [MEASUREMENT, FAILURE], ids=["measured", "failed"])
def test_a_result_comes_back_as_it_was_and_as_the_same_text(result):
    text = encode(result)

    assert decode(text) == result
    assert encode(decode(text)) == text


@pytest.mark.parametrize("figure", [float("nan"), float("inf")])
def test_a_figure_that_is_no_number_is_never_written(figure):
    with pytest.raises(ValueError, match="JSON compliant"):
        encode(replace(MEASUREMENT, memory_bytes=figure))


@pytest.mark.parametrize(
    "change",
    [
        {"memory_bytes": "many"},
        {"memory_bytes": None},
        {"points": [{"batch": 1}]},
        {"kind": "rumour"},
        {"surprise": 1},
        {"measured_at": "2026-03-01T12:30:05"},
        {"warnings": "noisy"},
    ],
    ids=str,
)
def test_a_document_that_is_not_whole_is_refused(change):
    document = json.loads(encode(MEASUREMENT)) | change

    with pytest.raises(ValueError):  # noqa: PT011  # each damage has its own words
        decode(json.dumps(document))
