"""From text to token ids and back, by the tokenizer.json of a model's folder.

A folder without one has no words: a text is its token ids.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from planner.errors import ModelLoadError
from profilers.foreign import told_as

_FILE = "tokenizer.json"


class Wording:
    """The words of a folder's model."""

    def __init__(self, folder: Path) -> None:
        """Read the tokenizer, where there is one.

        Raises:
            ModelLoadError: It is not one.
        """
        self._tokenizer: Any = None
        path = folder / _FILE
        if path.is_file():
            import tokenizers  # noqa: PLC0415 - comes with transformers

            with told_as(ModelLoadError, f"reading {path}"):
                self._tokenizer = tokenizers.Tokenizer.from_file(str(path))

    def ids(self, text: str) -> list[int]:
        """The text's tokens.

        Raises:
            ModelLoadError: There are no words for it.
        """
        if self._tokenizer is None:
            raise ModelLoadError(
                f"the model's folder has no {_FILE}: give the text as token ids"
            )
        return list(self._tokenizer.encode(text).ids)

    def teller(self) -> Callable[[int], str]:
        """What each further token adds to the text; nothing while a character is cut."""
        if self._tokenizer is None:
            return lambda token: f" {token}"
        from tokenizers.decoders import DecodeStream  # noqa: PLC0415 - the same

        stream = DecodeStream(skip_special_tokens=True)
        return lambda token: stream.step(self._tokenizer, token) or ""
