"""Documents that a language model is graded on, from the user's file.

A JSON object a line: {"text": …} in words, which the model's folder must have a tokenizer
for, or {"tokens": [ids]}; and {"slice": name} beside it, where the document is of a kind.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from planner.errors import ModelLoadError
from profilers.foreign import told_as

# Fewer say nothing of how much documents differ.
FEWEST: Final = 8
_KINDS: Final = ({"text"}, {"tokens"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A text as token ids, and the slice that it is of."""

    tokens: tuple[int, ...]
    part: str = ""


def read_documents(
    path: Path, *, ids: Callable[[str], list[int]], n_words: int
) -> tuple[Document, ...]:
    """The documents of a file; `ids` are a text's tokens, all below `n_words`.

    Raises:
        ModelLoadError: It cannot be read, has too few, or one is not as it should be.
    """
    with told_as(ModelLoadError, f"reading {path}", way_out="is it text in UTF-8?"):
        lines = path.read_text(encoding="utf-8").splitlines()
    found = tuple(_documents(lines, path, ids, n_words))
    if len(found) < FEWEST:
        raise ModelLoadError(
            f"{path} has {len(found)} documents: give {FEWEST} at least, so that it is "
            "known how much they differ"
        )
    return found


def _documents(
    lines: list[str], path: Path, ids: Callable[[str], list[int]], n_words: int
) -> Iterator[Document]:
    for i, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path}, line {i}"
        with told_as(ModelLoadError, f"reading {where} as JSON"):
            told = json.loads(line)
        if not isinstance(told, dict) or set(told) - {"slice"} not in _KINDS:
            raise ModelLoadError(
                f'{where}: give {{"text": …}} or {{"tokens": [ids]}}, and "slice" beside '
                "it where there are slices"
            )
        tokens = ids(str(told["text"])) if "text" in told else told["tokens"]
        _require_tokens(tokens, where, n_words)
        yield Document(tokens=tuple(tokens), part=str(told.get("slice", "")))


def _require_tokens(tokens: object, where: str, n_words: int) -> None:
    if not isinstance(tokens, list) or len(tokens) < 2:
        raise ModelLoadError(f"{where}: a document has two tokens at least")
    if not all(type(t) is int and 0 <= t < n_words for t in tokens):
        raise ModelLoadError(
            f"{where}: its tokens are whole numbers below {n_words}, the model's words"
        )
