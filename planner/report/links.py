"""Which part of a text is a web address."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

ADDRESS: Final = re.compile(r"https?://[^\s<>\"'`\\]+")
# A sentence's own punctuation after an address is not part of it.
ENDING: Final = ".,;:!?)]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of text, and whether it is an address."""

    text: str
    is_link: bool


def split_links(text: str) -> Iterator[Part]:
    """The text in pieces that join to it again.

    Example:
        >>> [p.text for p in split_links("see https://example.org/a, p. 3")]
        ['see ', 'https://example.org/a', ', p. 3']
    """
    start = 0
    for match in ADDRESS.finditer(text):
        address = match.group().rstrip(ENDING)
        if match.start() > start:
            yield Part(text=text[start : match.start()], is_link=False)
        yield Part(text=address, is_link=True)
        start = match.start() + len(address)
    if start < len(text):
        yield Part(text=text[start:], is_link=False)
