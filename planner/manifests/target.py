"""What every target offers: render a plan, read it back, find what a schema cannot."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from planner.manifests.layout import Layout
from planner.manifests.said import Said

Files = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A kind of deployment document.

    `render` gives text by path; `expected` what those files must say, and
    `read_back` what given files do say (once for each way they say it); `faults`
    are mistakes that a schema cannot see, each a sentence with its file; `guide`
    is the target's part of the README, empty where it wrote nothing.
    """

    name: str
    render: Callable[[Layout], Files]
    expected: Callable[[Layout], Sequence[Said]]
    read_back: Callable[[Files], Sequence[Said]]
    faults: Callable[[Files], Sequence[str]]
    guide: Callable[[Layout], str]
