"""What an HTTP answer is: the model's, an overload, a failure, or something else."""

import json
import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import numpy as np

from planner.domain.verification import Outcome
from planner.units import seconds

_SHEDDING: Final = frozenset(
    {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
)
# Somebody's quota or rate limit, whatever the server could do.
_LIMITED: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS})
_FIRST_SERVER_ERROR: Final = 500
# A sentence for the report, not a page.
_SAID_CHARS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """A language model's answer: when its first and last token came, and how many.

    Instants are in seconds since the first request could be due. `is_counted` where
    the server itself says how many tokens there were.
    """

    first_s: float
    last_s: float
    n_tokens: int
    is_counted: bool
    prompt_tokens: int | None
    text: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a response says; `service_s` is what the server says its batch took.

    `said` is the server's own sentence where this is no answer.
    """

    outcome: Outcome
    shape: tuple[int, ...] | None = None
    label: int | None = None
    batch_size: int | None = None
    service_s: float | None = None
    said: str = ""
    streamed: Streamed | None = None


def read_answer(status: int, body: bytes, *, is_raw: bool) -> Answer:
    """What a response is; `is_raw` where the user's own bodies make any JSON an answer."""
    if status != HTTPStatus.OK:
        limit = ", a limit on requests" if status in _LIMITED else ""
        said = f"{status}{limit}: {_sentence(body)}"
        return Answer(outcome=_no_answer(status), said=said)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return Answer(outcome=Outcome.NOT_JSON, said=_text(body))
    if is_raw:
        return Answer(outcome=Outcome.ANSWERED, **_told(document))
    return _model_answer(document)


def _no_answer(status: int) -> Outcome:
    if status in _SHEDDING:
        return Outcome.OVERLOADED
    return Outcome.FAILED if status >= _FIRST_SERVER_ERROR else Outcome.REFUSED


def _model_answer(document: object) -> Answer:
    if not isinstance(document, dict) or "outputs" not in document:
        said = f"JSON without outputs: {_text(json.dumps(document).encode())}"
        return Answer(outcome=Outcome.NOT_AN_ANSWER, said=said)
    try:
        outputs = np.asarray(document["outputs"], dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        said = "outputs that are no array of numbers"
        return Answer(outcome=Outcome.NOT_AN_ANSWER, said=said)
    if not outputs.size or not np.isfinite(outputs).all():
        said = "outputs that are empty or not finite"
        return Answer(outcome=Outcome.NOT_AN_ANSWER, said=said)
    told = _told(document)
    if told["label"] is None and outputs.ndim == 1:
        told["label"] = int(outputs.argmax())
    return Answer(outcome=Outcome.ANSWERED, shape=outputs.shape, **told)


def _told(document: object) -> dict[str, Any]:
    """What our own server adds to an answer; None where another leaves it out."""
    fields = document if isinstance(document, dict) else {}
    label, batch = fields.get("label"), fields.get("batch_size")
    service_ms = fields.get("service_ms")
    took_ms = float(service_ms) if isinstance(service_ms, int | float) else 0.0
    return {
        "label": label if type(label) is int else None,
        "batch_size": batch if type(batch) is int and batch > 0 else None,
        "service_s": seconds(took_ms) if 0 < took_ms < math.inf else None,
    }


def _sentence(body: bytes) -> str:
    """The error that a server of ours states, else the beginning of the body."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return _text(body)
    error = document.get("error") if isinstance(document, dict) else None
    # OpenAI's way of saying it.
    told = error.get("message") if isinstance(error, dict) else error
    if isinstance(told, str):
        return _text(told.encode())
    return _text(body)


def _text(body: bytes) -> str:
    text = " ".join(body.decode("utf-8", "replace").split())
    return text[:_SAID_CHARS] + ("…" if len(text) > _SAID_CHARS else "")
