"""Each kind of response is told for what it is."""

import json

import pytest

from planner.domain.verification import Outcome
from profilers.verifying.answers import read_answer

OURS = {"outputs": [0.1, 0.7, 0.2], "label": 1, "batch_size": 4, "service_ms": 8.0}


def test_an_answer_of_our_server_is_read_whole():
    answer = read_answer(200, json.dumps(OURS).encode(), is_raw=False)

    assert answer.outcome is Outcome.ANSWERED
    assert (answer.shape, answer.label, answer.batch_size) == ((3,), 1, 4)
    assert answer.service_s == pytest.approx(0.008)


def test_a_class_is_the_highest_score_where_none_is_named():
    answer = read_answer(200, b'{"outputs": [3, 9, 4]}', is_raw=False)

    assert answer.label == 1
    assert answer.service_s is None


@pytest.mark.parametrize(
    ("status", "body", "outcome", "says"),
    [
        (503, b"busy", Outcome.OVERLOADED, "busy"),
        (429, b"{}", Outcome.OVERLOADED, "429"),
        (500, b'{"error": "boom"}', Outcome.FAILED, "boom"),
        (502, b"", Outcome.FAILED, "502"),
        (422, b'{"error": "inputs has shape [3]"}', Outcome.REFUSED, "shape [3]"),
        (404, b"not here", Outcome.REFUSED, "404"),
        (302, b"", Outcome.REFUSED, "302"),
        (200, b"<html>login</html>", Outcome.NOT_JSON, "login"),
        (200, b"\xff\xfe", Outcome.NOT_JSON, ""),
        (200, b"[" * 100_000, Outcome.NOT_JSON, "["),
        (200, b"[1, 2]", Outcome.NOT_AN_ANSWER, "without outputs"),
        (200, b'{"result": 1}', Outcome.NOT_AN_ANSWER, "result"),
        (200, b'{"outputs": []}', Outcome.NOT_AN_ANSWER, "empty"),
        (200, b'{"outputs": [NaN]}', Outcome.NOT_AN_ANSWER, "finite"),
        (200, b'{"outputs": [[1], [1, 2]]}', Outcome.NOT_AN_ANSWER, "no array"),
        (200, b'{"outputs": "many"}', Outcome.NOT_AN_ANSWER, "no array"),
    ],
)
def test_a_response_that_is_no_answer_says_which_kind(status, body, outcome, says):
    answer = read_answer(status, body, is_raw=False)

    assert answer.outcome is outcome
    assert says in answer.said
    assert len(answer.said) < 300


def test_documents_of_the_users_own_take_any_json_for_an_answer():
    answer = read_answer(200, b'{"result": {"class": 3}}', is_raw=True)

    assert answer.outcome is Outcome.ANSWERED
    assert answer.label is None


@pytest.mark.parametrize("told", [{"batch_size": 0}, {"batch_size": "2"}, {"service_ms": -1}, {"service_ms": 1e400}, {"label": True}])  # fmt: skip
def test_nonsense_beside_the_outputs_is_left_out(told):
    body = json.dumps({"outputs": [[1.0]]} | told).encode()

    answer = read_answer(200, body, is_raw=False)

    assert answer.outcome is Outcome.ANSWERED
    assert (answer.batch_size, answer.service_s, answer.label) == (None, None, None)
