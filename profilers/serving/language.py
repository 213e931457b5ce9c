"""The Ray Serve application of a language model: tokens as they are written.

One request is answered at a time, in order of arrival, by the steps that were profiled
(`profilers.language.decoding`): the queue that the plan's times were computed for. What waits,
waits before its first token. A client that leaves gives its turn back at the next token.

    POST /v1/completions  OpenAI's request (`profilers.serving.completions`), whole or
                          as server-sent events
    GET  /v1/models       the one model
    GET  …                as of any replica (`profilers.serving.replica`)
"""

import asyncio
import datetime as dt
import itertools
import tempfile
import threading
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from planner.errors import ModelLoadError, PlannerError
from planner.specs.models import HuggingFaceSource
from planner.specs.serving import Listen, ServingArgs, ServingConfig
from profilers.language.wording import Wording
from profilers.serving import completions
from profilers.serving.completions import Completion
from profilers.serving.loading import restored
from profilers.serving.replica import Handler, Replica, body_of
from profilers.serving.requests import RefusedRequestError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """A loaded language model, its words, and where it ends.

    `context_tokens` is the longest it can read and write in all, None where its
    configuration does not say; `last` are the tokens that end a text.
    """

    name: str
    inner: "nn.Module"
    wording: Wording
    n_words: int
    context_tokens: int | None
    last: frozenset[int]
    artifact_sha256: str
    is_as_profiled: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request and the tokens of its prompt."""

    request: Completion
    prompt: tuple[int, ...]


def load_speaker(config: ServingConfig) -> Speaker:
    """The config's language model.

    Raises:
        ModelLoadError: It is none, or something of it cannot be had.
        ProfilingError: The variant is not possible for this model.
        MissingExtraError: What loads it is not installed.
    """
    from profilers.language import decoding  # noqa: PLC0415 - torch is heavy

    with tempfile.TemporaryDirectory(prefix="variant-") as directory:
        found = restored(config, Path(directory))
    source = config.model.source
    if not found.model.contexts or not isinstance(source, HuggingFaceSource):
        raise ModelLoadError(
            f"model '{config.model.name}' is no causal language model: it has no tokens "
            "to stream"
        )
    backend: Any = found.backend
    inner = backend.module.inner
    told = inner.generation_config.eos_token_id
    # The longest prompt that was profiled, so that no user pays for first allocations.
    longest = found.model.example.reshape(-1)[: max(found.model.contexts)].tolist()
    for _ in itertools.islice(decoding.written(inner, longest, decoding.likeliest), 2):
        pass
    return Speaker(
        name=config.model.name,
        inner=inner,
        wording=Wording(Path(config.model.directory) / source.folder),
        n_words=int(inner.config.vocab_size),
        context_tokens=getattr(inner.config, "max_position_embeddings", None),
        last=frozenset(told if isinstance(told, list) else [told]) - {None},
        artifact_sha256=found.artifact_sha256,
        is_as_profiled=found.is_as_profiled,
    )


def understood(speaker: Speaker, body: bytes) -> Asked:
    """The request in a body, as the model takes it.

    Raises:
        RefusedRequestError: It is none, or the model cannot answer it.
    """
    request = completions.read_completion(body, model=speaker.name)
    prompt = tuple(_tokens_of(speaker, request.prompt))
    if not prompt:
        raise RefusedRequestError(400, "prompt: it has no tokens")
    if max(prompt) >= speaker.n_words:
        raise RefusedRequestError(
            400,
            f"prompt: token {max(prompt)} is none of the model's {speaker.n_words}",
        )
    limit = speaker.context_tokens
    whole = len(prompt) + request.max_tokens
    if limit is not None and whole > limit:
        raise RefusedRequestError(
            400,
            f"{len(prompt)} tokens of prompt and max_tokens {request.max_tokens} are "
            f"{whole}, and the model's context ends at {limit}",
        )
    return Asked(request=request, prompt=prompt)


def _tokens_of(speaker: Speaker, prompt: str | list[int]) -> list[int]:
    if not isinstance(prompt, str):
        return prompt
    try:
        return speaker.wording.ids(prompt)
    except ModelLoadError as error:
        raise RefusedRequestError(400, str(error)) from error


def spoken(speaker: Speaker, asked: Asked) -> Iterator[int]:
    """The tokens of the answer, one after the other; the last may be one that ends it."""
    from profilers.language import decoding  # noqa: PLC0415 - torch is heavy

    request = asked.request
    choose = (
        decoding.likeliest
        if request.temperature == 0
        else decoding.drawn(request.temperature, request.seed)
    )
    tokens = decoding.written(speaker.inner, asked.prompt, choose)
    for token in itertools.islice(tokens, request.max_tokens):
        yield token
        if token in speaker.last and not request.ignore_eos:
            return


class _Answer:
    """An answer as it grows."""

    def __init__(self, speaker: Speaker, asked: Asked) -> None:
        self._asked = asked
        self._last = speaker.last
        self._tell = speaker.wording.teller()
        self._n = 0
        self._ends = False
        self.head = {
            "id": f"cmpl-{uuid.uuid4().hex}",
            "object": "text_completion",
            "created": int(dt.datetime.now(dt.UTC).timestamp()),
            "model": speaker.name,
        }

    def add(self, token: int) -> str:
        """What the token adds to the text."""
        self._n += 1
        self._ends = token in self._last and not self._asked.request.ignore_eos
        return "" if self._ends else self._tell(token)

    @property
    def finish_reason(self) -> str:
        """Why it ended."""
        return "stop" if self._ends else "length"

    @property
    def usage(self) -> dict[str, int]:
        """The tokens read and written so far."""
        return completions.usage(n_prompt=len(self._asked.prompt), n_output=self._n)


@serve.deployment(name="ModelServer")
class LanguageServer(Replica[Speaker]):
    """A replica that answers token by token."""

    def __init__(self, args: ServingArgs, listen: Listen | None = None) -> None:
        super().__init__(args, listen)
        self._n_written = 0

    @staticmethod
    def _load(config: ServingConfig) -> Speaker:
        return load_speaker(config)

    def _configure(self, config: ServingConfig) -> None:
        """Nothing takes effect without loading: there are no batches to gather."""

    def _routes(self) -> Mapping[tuple[str, str], Handler]:
        return {
            ("POST", "v1/completions"): self._complete,
            ("GET", "v1/models"): self._models,
        }

    def _refusal(self, sentence: str) -> dict[str, Any]:
        return completions.error_document(sentence)

    def _described(self, served: Speaker) -> Mapping[str, object]:
        return {
            "artifact_sha256": served.artifact_sha256,
            "is_as_profiled": served.is_as_profiled,
            "context_tokens": served.context_tokens,
            "n_written_tokens": self._n_written,
        }

    async def _models(self, _: Request) -> Response:
        model = {"id": self._loaded().name, "object": "model", "owned_by": "user"}
        return JSONResponse({"object": "list", "data": [model]})

    async def _complete(self, request: Request) -> Response:
        speaker = self._loaded()
        body = await body_of(request, limit_kib=self._args.max_request_kib)
        asked = understood(speaker, body)
        if asked.request.stream:
            return StreamingResponse(
                self._streamed(speaker, asked), media_type="text/event-stream"
            )
        with self._metrics.counted() as outcome:
            answer = _Answer(speaker, asked)
            text = "".join([answer.add(t) async for t in self._tokens(speaker, asked)])
            outcome.status = 200
        whole = completions.chunk(answer.head, text, finish_reason=answer.finish_reason)
        return JSONResponse({**whole, "usage": answer.usage})

    async def _streamed(self, speaker: Speaker, asked: Asked) -> AsyncIterator[bytes]:
        """The answer as events: a part with each token, how it ended, and how long it was."""
        answer = _Answer(speaker, asked)
        with self._metrics.counted() as outcome:
            try:
                async for token in self._tokens(speaker, asked):
                    text = answer.add(token)
                    if text:
                        part = completions.chunk(answer.head, text, finish_reason=None)
                        yield completions.event(part)
            except PlannerError as error:
                yield completions.event(completions.error_document(str(error)))
                return
            end = completions.chunk(answer.head, "", finish_reason=answer.finish_reason)
            yield completions.event(end)
            if asked.request.stream_options.include_usage:
                told = {**answer.head, "choices": [], "usage": answer.usage}
                yield completions.event(told)
            yield completions.DONE
            outcome.status = 200

    async def _tokens(self, speaker: Speaker, asked: Asked) -> AsyncIterator[int]:
        """The answer's tokens, from the thread on which one request runs at a time."""
        loop = asyncio.get_running_loop()
        ready: asyncio.Queue[int | None] = asyncio.Queue()
        is_left = threading.Event()

        def speak() -> None:
            try:
                for token in () if is_left.is_set() else spoken(speaker, asked):
                    self._n_written += 1
                    loop.call_soon_threadsafe(ready.put_nowait, token)
                    if is_left.is_set():
                        break
            finally:
                loop.call_soon_threadsafe(ready.put_nowait, None)

        running = loop.run_in_executor(self._runner, speak)
        try:
            while (token := await ready.get()) is not None:
                yield token
            await running
        finally:
            is_left.set()


def build(args: ServingArgs) -> serve.Application:
    """The application, as `import_path` of a Ray Serve config names it."""
    return LanguageServer.bind(args)  # type: ignore[attr-defined, no-any-return]  # serve.deployment makes the class a Deployment
