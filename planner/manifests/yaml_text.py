"""Plain data to YAML text that every reader understands alike, and back.

PyYAML leaves text plain where its own YAML 1.1 rules would read text; others read
a number in `12e45` or a truth in `y`. So text that begins like a number, and the
one-letter truths, are always quoted.
"""

import re
from typing import Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from planner.errors import ManifestError

D = TypeVar("D", bound=BaseModel)

_LOOKS_LIKE_A_NUMBER: Final = re.compile(r"[-+.0-9]")
_ONE_LETTER_TRUTHS: Final = frozenset("yYnN")


class _Dumper(yaml.SafeDumper):
    """Safe YAML without anchors, and with every doubtful text in quotes."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - PyYAML's signature
        # Lists under a key are indented, as kubectl and compose users write them.
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    doubtful = _LOOKS_LIKE_A_NUMBER.match(value) or value in _ONE_LETTER_TRUTHS
    style = "|" if "\n" in value else '"' if doubtful else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def dump(*documents: BaseModel) -> str:
    """The documents as one YAML stream, fields that are None left out."""
    plain = [
        d.model_dump(mode="json", by_alias=True, exclude_none=True) for d in documents
    ]
    return yaml.dump_all(
        plain,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=1_000_000,
    )


def parse(kind: type[D], text: str, *, path: str) -> D:
    """The one document of a file, as its kind.

    Raises:
        ManifestError: Not YAML, several documents, or keys that are not ours.
    """
    documents = load_all(text, path=path)
    if len(documents) != 1:
        raise ManifestError(f"{path}: holds {len(documents)} documents instead of one")
    return validate(kind, documents[0], path=path)


def validate(kind: type[D], plain: object, *, path: str) -> D:
    """Plain data as a document of its kind.

    Raises:
        ManifestError: It is not one.
    """
    try:
        return kind.model_validate(plain)
    except ValidationError as error:
        raise ManifestError(f"{path}: {first_mistake(error)}") from None


def first_mistake(error: ValidationError) -> str:
    """The first mistake in a foreign document, with its place."""
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def load_all(text: str, *, path: str) -> list[Any]:
    """The documents of a YAML stream.

    Raises:
        ManifestError: Not YAML.
    """
    try:
        # libyaml, where PyYAML has it, reads ten times faster; it loads the same.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        return list(yaml.load_all(text, Loader=loader))
    except yaml.YAMLError as error:
        sentence = " ".join(str(error).split())
        raise ManifestError(f"{path}: not readable as YAML: {sentence}") from None
