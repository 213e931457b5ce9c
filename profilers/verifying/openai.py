"""Language models behind the OpenAI routes, as vLLM and llama.cpp serve them.

    URL                           asked
    http://host:8000/ (or /v1)    /v1/completions with a prompt of exactly so many tokens
    …/v1/chat/completions         messages of as many words as the plan counts tokens

Prompts are drawn anew for each request, so that none is found in a prefix cache, and
ask for exactly the plan's output tokens (`ignore_eos`, which both engines know): a
shorter answer would be a lighter load than the one that was promised.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import numpy as np

from planner.errors import ProfilingError, SpecError, SpecFileError
from profilers.verifying.endpoint import checked_url, document_at
from profilers.verifying.payloads import Payloads, bodies_of, read_json

CHAT: Final = "v1/chat/completions"
COMPLETIONS: Final = "v1/completions"
# Ids that every vocabulary has as ordinary text: bytes and special tokens lie below,
# or far above, in those of GPT-2, Llama, Qwen and Mistral.
TOKEN_IDS: Final = (1_000, 10_000)
WORDS: Final = ("time", "year", "way", "day", "thing", "world", "life", "hand", "house")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where to ask: the server's root, and one of its two routes."""

    root: str
    path: str

    @property
    def url(self) -> str:
        """The address that requests are sent to."""
        return self.root + self.path

    @property
    def is_chat(self) -> bool:
        """Whether requests are conversations."""
        return self.path == CHAT


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Tokens of each request to be sent, prompt and output, in order."""

    prompt: Sequence[int]
    output: Sequence[int]


def route(url: str) -> Route:
    """The server's root and the route that the URL means.

    Raises:
        SpecError: Not a web address.

    Example:
        >>> route("http://h:8000/v1").url, route("http://h/v1/chat/completions").path
        ('http://h:8000/v1/completions', 'v1/chat/completions')
    """
    address = checked_url(url)
    for path in (CHAT, COMPLETIONS):
        if address.endswith(f"/{path}/"):
            return Route(root=address.removesuffix(f"{path}/"), path=path)
    root = address.removesuffix("v1/") if address.endswith("/v1/") else address
    return Route(root=root, path=COMPLETIONS)


async def served(client: aiohttp.ClientSession, to: Route) -> tuple[str, ...]:
    """Names of the models behind the route, the aliases' origins included.

    Raises:
        ProfilingError: It is no such server.
    """
    document = await document_at(client, f"{to.root}v1/models")
    listed = document.get("data") if isinstance(document, dict) else None
    if not isinstance(listed, list) or not listed:
        raise ProfilingError(
            f"{to.root} cannot be measured: it lists no models at v1/models, as an "
            "OpenAI-compatible server does; --url is the root of the engine that "
            "serves the model"
        )
    return tuple(_names(listed))


def _names(listed: Sequence[object]) -> Iterator[str]:
    for model in listed:
        if isinstance(model, dict):
            yield from (
                str(model[key])
                for key in ("id", "root")
                if isinstance(model.get(key), str)
            )


def chosen(names: Sequence[str], *, wanted: str | None, planned: Sequence[str]) -> str:
    """Which of the served models to ask: as named, else the plan's, else the only one.

    Raises:
        SpecError: The named one is not there.
    """
    if wanted is not None:
        if wanted not in names:
            raise SpecError(
                f"--served-model {wanted}: the endpoint serves: {', '.join(names)}"
            )
        return wanted
    return next((n for n in names if is_same(n, planned)), names[0])


def is_same(name: str, planned: Sequence[str]) -> bool:
    """Whether a served name is one of the plan's, whatever its owner and punctuation.

    Example:
        >>> is_same("meta-llama/Llama-3.1-8B-Instruct", ["llama-3.1-8b-instruct"])
        True
        >>> is_same("Qwen/Qwen2.5-7B", ["llama-3.1-8b-instruct"])
        False
    """
    return any(_plain(name.rpartition("/")[2]) == _plain(p) for p in planned)


def _plain(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())


def made_up(
    to: Route, model: str, lengths: Lengths, rng: np.random.Generator
) -> Payloads:
    """A request for each pair of lengths, as many as fit into memory."""
    bodies = bodies_of(
        _body(to, model, _prompt(to, n_prompt, rng), n_output, is_exact=True)
        for n_prompt, n_output in zip(lengths.prompt, lengths.output, strict=True)
    )
    kind = "words" if to.is_chat else "tokens"
    return Payloads(bodies=bodies, origin=f"random {kind}", is_stream=True)


def from_prompts(path: Path, to: Route, model: str, output_tokens: int) -> Payloads:
    """The user's own prompts, and what their answers should hold where that is given.

    Raises:
        SpecFileError: Not a list of texts, or {"prompts": [...], "answers": [...]}.
    """
    document = read_json(path)
    fields = {"prompts": document} if isinstance(document, list) else document
    prompts = fields.get("prompts") if isinstance(fields, dict) else None
    answers = fields.get("answers") if isinstance(fields, dict) else None
    if not _are_texts(prompts) or not prompts:
        raise SpecFileError(
            'give a list of texts, or {"prompts": [...], "answers": [...]}', str(path)
        )
    if answers is not None and (
        not _are_texts(answers) or len(answers) != len(prompts)
    ):
        raise SpecFileError("answers are texts, one for each prompt", str(path))
    bodies = bodies_of(
        _body(to, model, _asked(to, p), output_tokens, is_exact=False) for p in prompts
    )
    return Payloads(
        bodies=bodies,
        origin=path.name,
        is_stream=True,
        expected=None if answers is None else tuple(answers[: len(bodies)]),
    )


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


def _prompt(to: Route, n_tokens: int, rng: np.random.Generator) -> object:
    if to.is_chat:
        return _asked(to, " ".join(rng.choice(WORDS, max(n_tokens, 1)).tolist()))
    return rng.integers(*TOKEN_IDS, max(n_tokens, 1)).tolist()


def _asked(to: Route, text: str) -> object:
    return [{"role": "user", "content": text}] if to.is_chat else text


def _body(
    to: Route, model: str, prompt: object, output_tokens: int, *, is_exact: bool
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "messages" if to.is_chat else "prompt": prompt,
        "max_tokens": max(output_tokens, 1),
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return body | {"ignore_eos": True} if is_exact else body
