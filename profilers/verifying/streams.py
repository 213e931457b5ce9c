"""A language model's answer as it streams in: server-sent events, token by token.

    data: {"choices": [{"text": " Paris"}]}                     /v1/completions
    data: {"choices": [{"delta": {"content": " Paris"}}]}       /v1/chat/completions
    data: {"choices": [], "usage": {"completion_tokens": 2}}    where it was asked for
    data: [DONE]

The first token is there when the first event with text has come whole, the last one
when the last has. An engine may put several tokens into one event: how many there were
is what `usage` says, else as many as events.
"""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from planner.domain.verification import Outcome
from profilers.verifying.answers import Answer, Streamed, read_answer

# No event of one token is longer; a server that sends no line ends is read no further.
MOST_LINE_BYTES: Final = 1 << 20
_SAID_CHARS: Final = 200
_NOT_TOKENS: Final = "a whole answer and no stream"


@dataclass(slots=True)
class StreamReader:
    """One response, fed as it comes; instants are the caller's."""

    _rest: bytes = b""
    _plain: bytes = b""
    _text: str = ""
    _first_s: float | None = None
    _last_s: float = 0.0
    _events: int = 0
    _usage: tuple[int | None, int | None] = (None, None)
    _model: str = ""
    _error: str = ""
    _is_done: bool = False
    _is_stream: bool = False

    def feed(self, chunk: bytes, at_s: float) -> None:
        """More of the body, which came at that instant."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._line(line.strip(), at_s)
        if len(self._rest) > MOST_LINE_BYTES:
            self._rest, self._error = b"", "an event without an end"

    def answer(self, status: int) -> Answer:
        """What the whole response is."""
        self._line(self._rest.strip(), self._last_s)
        self._rest = b""
        if status != HTTPStatus.OK:
            return read_answer(status, self._plain, is_raw=True)
        if self._is_stream and self._is_done and self._first_s is not None:
            return self._error_of() or self._streamed(self._first_s)
        return self._error_of() or self._broken()

    def _error_of(self) -> Answer | None:
        if not self._error:
            return None
        return Answer(outcome=Outcome.FAILED, said=f"in the stream: {self._error}")

    def _broken(self) -> Answer:
        if not self._is_stream:
            said = " ".join(self._plain.decode("utf-8", "replace").split())
            said = f"{_NOT_TOKENS}: {said[:_SAID_CHARS]}"
            return Answer(outcome=Outcome.NOT_AN_ANSWER, said=said)
        if self._is_done:
            said = "a stream without a token"
            return Answer(outcome=Outcome.NOT_AN_ANSWER, said=said)
        said = f"the stream broke off after {self._events} events"
        return Answer(outcome=Outcome.DROPPED, said=said)

    def _streamed(self, first_s: float) -> Answer:
        prompt, output = self._usage
        return Answer(
            outcome=Outcome.ANSWERED,
            streamed=Streamed(
                first_s=first_s,
                last_s=self._last_s,
                n_tokens=self._events if output is None else output,
                is_counted=output is not None,
                prompt_tokens=prompt,
                text=self._text,
                model=self._model,
            ),
        )

    def _line(self, line: bytes, at_s: float) -> None:
        if not line.startswith(b"data:"):
            # Comments and names of events; of a plain body the beginning is kept.
            if len(self._plain) < MOST_LINE_BYTES:
                self._plain += line + b" "
            return
        self._is_stream = True
        told = line.removeprefix(b"data:").strip()
        if told == b"[DONE]":
            self._is_done = True
            return
        try:
            event = json.loads(told)
        except (ValueError, RecursionError):
            self._error = "an event that is not JSON"
            return
        if isinstance(event, dict):
            self._event(event, at_s)

    def _event(self, event: dict[str, Any], at_s: float) -> None:
        if "error" in event:
            self._error = _message(event["error"])
            return
        self._model = self._model or str(event.get("model") or "")
        usage = event.get("usage")
        if isinstance(usage, dict):
            self._usage = (
                _count(usage.get("prompt_tokens")),
                _count(usage.get("completion_tokens")),
            )
        text = _token(event)
        if text:
            self._events += 1
            self._text += text
            self._first_s = at_s if self._first_s is None else self._first_s
            self._last_s = at_s


def _token(event: dict[str, Any]) -> str:
    choices = event.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict):
        return ""
    delta = first.get("delta")
    parts = delta if isinstance(delta, dict) else {}
    # What a model thinks before it speaks is generated and waited for, too.
    found = first.get("text") or parts.get("content") or parts.get("reasoning_content")
    return found if isinstance(found, str) else ""


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _message(error: object) -> str:
    said = error.get("message") if isinstance(error, dict) else error
    return " ".join(str(said).split())[:_SAID_CHARS]
