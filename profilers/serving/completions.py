"""What a client of a language model may ask, and how it is told: OpenAI's completions.

    {"model", "prompt": text or token ids, "max_tokens", "temperature", "seed",
     "stream", "stream_options": {"include_usage"}, "ignore_eos"}

What would change the answer and is not done here (several choices, stop words,
probabilities) is refused, not ignored.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from profilers.serving.requests import RefusedRequestError

DONE = b"data: [DONE]\n\n"
_TokenId = Annotated[int, Field(strict=True, ge=0)]


class StreamOptions(BaseModel):
    """What a stream holds beside text."""

    include_usage: bool = False


class Completion(BaseModel):
    """A request, as far as it is understood."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    prompt: (
        Annotated[str, Field(min_length=1)]
        | Annotated[list[_TokenId], Field(min_length=1)]
    )
    max_tokens: Annotated[int, Field(ge=1)] = 16
    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0
    seed: int | None = None
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    ignore_eos: bool = False
    n: Literal[1] = 1
    best_of: Literal[1] | None = None
    top_p: Annotated[float, Field(ge=1, le=1)] = 1.0
    echo: Literal[False] = False
    logprobs: None = None
    stop: None = None
    suffix: None = None


def read_completion(body: bytes, *, model: str) -> Completion:
    """The request in a body.

    Raises:
        RefusedRequestError: It is none, or of another model.
    """
    try:
        asked = Completion.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RefusedRequestError(
            400, f"{where or 'the body'}: {first['msg']}; not done here"
        ) from None
    if asked.model != model:
        raise RefusedRequestError(
            404, f"there is no model '{asked.model}' here: ask for '{model}'"
        )
    return asked


def chunk(
    head: Mapping[str, object], text: str, *, finish_reason: str | None
) -> dict[str, Any]:
    """An answer, or a part of one."""
    choice = {
        "index": 0,
        "text": text,
        "logprobs": None,
        "finish_reason": finish_reason,
    }
    return {**head, "choices": [choice]}


def usage(*, n_prompt: int, n_output: int) -> dict[str, int]:
    """How many tokens there were."""
    return {
        "prompt_tokens": n_prompt,
        "completion_tokens": n_output,
        "total_tokens": n_prompt + n_output,
    }


def event(document: Mapping[str, object]) -> bytes:
    """A server-sent event."""
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def error_document(sentence: str) -> dict[str, Any]:
    """A refusal in OpenAI's shape."""
    return {"error": {"message": sentence, "type": "invalid_request_error"}}
