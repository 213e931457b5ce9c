"""Streams of a language model's tokens, whole and broken, however they are cut."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.domain.verification import Outcome
from profilers.verifying.streams import StreamReader

DONE = b"data: [DONE]\n\n"


def event(**fields):
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def word(text):
    return event(choices=[{"text": text}], model="m")


def read(*chunks, status=200):
    """Chunks that came a tenth of a second after each other."""
    reader = StreamReader()
    for i, chunk in enumerate(chunks):
        reader.feed(chunk, i / 10)
    return reader.answer(status)


def test_the_first_and_last_token_have_the_instants_of_their_events():
    answer = read(b": hello\n\n", word(" Pa"), word("ris"), word("."), DONE)

    streamed = answer.streamed
    assert answer.outcome is Outcome.ANSWERED
    assert (streamed.first_s, streamed.last_s) == (0.1, 0.3)
    assert (streamed.text, streamed.n_tokens, streamed.model) == (" Paris.", 3, "m")
    assert not streamed.is_counted


def test_what_the_server_counts_is_believed_before_events():
    usage = {"prompt_tokens": 7, "completion_tokens": 5}

    streamed = read(word("a b"), word("c d e"), event(choices=[], usage=usage), DONE)

    assert (streamed.streamed.n_tokens, streamed.streamed.prompt_tokens) == (5, 7)
    assert streamed.streamed.is_counted


def test_conversations_come_as_deltas_the_first_without_text():
    role = event(choices=[{"delta": {"role": "assistant"}}])
    hi = event(choices=[{"delta": {"content": "hi"}}])

    streamed = read(role, hi, DONE).streamed

    assert (streamed.first_s, streamed.n_tokens) == (0.1, 1)


@given(cuts=st.lists(st.integers(0, 200), max_size=12))
def test_where_the_network_cuts_a_stream_changes_nothing(cuts):
    whole = word("é ") + word("two") + DONE
    edges = [0, *sorted(c % len(whole) for c in cuts), len(whole)]

    streamed = read(*(whole[a:b] for a, b in pairwise(edges)))

    assert (streamed.streamed.text, streamed.streamed.n_tokens) == ("é two", 2)


@pytest.mark.parametrize(
    ("body", "status", "outcome", "said"),
    [
        (word("a"), 200, Outcome.DROPPED, "broke off after 1 events"),
        (DONE, 200, Outcome.NOT_AN_ANSWER, "without a token"),
        (b'{"choices": [{"text": "a"}]}', 200, Outcome.NOT_AN_ANSWER, "no stream"),
        (b"", 200, Outcome.NOT_AN_ANSWER, "no stream"),
        (
            word("a") + event(error={"message": "out of\nmemory"}),
            200,
            Outcome.FAILED,
            "out of memory",
        ),
        (b"data: {oops\n\n" + DONE, 200, Outcome.FAILED, "not JSON"),
        (b'{"error": {"message": "too long"}}', 400, Outcome.REFUSED, "400: too long"),
        (b"busy", 503, Outcome.OVERLOADED, "503: busy"),
        (b"data: " + b"x" * (2 << 20), 200, Outcome.FAILED, "without an end"),
    ],
)
def test_what_is_no_whole_stream_is_told_for_what_it_is(body, status, outcome, said):
    answer = read(body, status=status)

    assert answer.outcome is outcome
    assert said in answer.said
    assert answer.streamed is None
