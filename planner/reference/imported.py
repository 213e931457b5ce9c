"""Profiles that a user imported, kept as one JSON document a model.

    {kind: imported-profiles, version: 1, model: …, profiles: [{shape: batches|curve|rates, …}]}

A profile replaces an older one of the same variant, device, number of devices and
shape of request. The document is written whole or not at all.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from planner.domain.profiles import BatchProfile, LoadCurve, Profile, TokenRates
from planner.errors import SpecError, SpecFileError
from planner.files import write_text

KIND: Final = "imported-profiles"
VERSION: Final = 1
# A model's name is its file's: nothing that leads out of the folder.
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")

_SHAPES: Final[Mapping[str, type[BatchProfile | LoadCurve | TokenRates]]] = {
    "batches": BatchProfile,
    "curve": LoadCurve,
    "rates": TokenRates,
}
_SHAPE_OF: Final[Mapping[type, str]] = {shape: name for name, shape in _SHAPES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedModel:
    """A model's imported profiles."""

    model: str
    profiles: tuple[Profile, ...]


def check_name(model: str) -> None:
    """Raise unless profiles can be kept under the name.

    Raises:
        SpecError: The name has other signs than letters, digits, '.', '_' and '-'.
    """
    if not NAME.fullmatch(model):
        raise SpecError(
            f"model name {model!r}: only letters, digits, '.', '_' and '-', at most 80, "
            "starting with a letter or digit"
        )


def keep(folder: Path, model: str, profiles: Iterable[Profile]) -> Path:
    """Add profiles to what is kept of a model, newer ones in place of older.

    Raises:
        SpecError: A name that is none.
        SpecFileError: What is kept there cannot be read, or nothing can be written.
    """
    check_name(model)
    path = folder / f"{model}.json"
    kept = read(path).profiles if path.exists() else ()
    by_key = {key(p): p for p in (*kept, *profiles)}
    document = {
        "kind": KIND,
        "version": VERSION,
        "model": model,
        "profiles": [_plain(by_key[k]) for k in sorted(by_key)],
    }
    return write_text(
        path,
        json.dumps(document, indent=1, ensure_ascii=False) + "\n",
        otherwise="PLANNER_HOME names another folder for what is kept",
    )


def in_the_way(
    folder: Path, model: str, profiles: Iterable[Profile]
) -> tuple[Profile, ...]:
    """What is kept of a model now and would be lost to other profiles of the same.

    Raises:
        SpecFileError: What is kept there cannot be read.
    """
    path = folder / f"{model}.json"
    kept = {key(p): p for p in read(path).profiles} if path.exists() else {}
    return tuple(kept[key(p)] for p in profiles if kept.get(key(p), p) != p)


def read(path: Path) -> ImportedModel:
    """What `keep` wrote.

    Raises:
        SpecFileError: The file cannot be read or is no such document.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        found = _imported_model(document)
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        cause = _first_line(error)
        problem = f"is no {KIND} of version {VERSION} ({cause})"
    else:
        return found
    raise SpecFileError(
        f"{problem}; import again what it held, or move the file away", str(path)
    )


def _imported_model(document: Mapping[str, Any]) -> ImportedModel:
    if (document["kind"], document["version"]) != (KIND, VERSION):
        raise ValueError(f"kind {document['kind']}, version {document['version']}")
    model = str(document["model"])
    return ImportedModel(
        model=model,
        profiles=tuple(_profile(model, item) for item in document["profiles"]),
    )


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{type(error).__name__}: {error}"


def _profile(model: str, item: Mapping[str, object]) -> Profile:
    fields = dict(item)
    # An adapter takes milliseconds to build, and most plans import nothing.
    adapter = TypeAdapter[Profile](_SHAPES[str(fields.pop("shape"))])
    profile = adapter.validate_python(fields)
    if profile.model != model:
        raise ValueError(f"a profile of {profile.model} in the document of {model}")
    return profile


def _plain(profile: Profile) -> dict[str, object]:
    data = asdict(profile)
    data["evidence"]["as_of"] = data["evidence"]["as_of"].isoformat()
    return {"shape": _SHAPE_OF[type(profile)], **data}


def key(profile: Profile) -> tuple[str, ...]:
    """What two profiles of one model compete in."""
    tokens = (
        (f"{profile.prompt_tokens:09d}", f"{profile.output_tokens:09d}")
        if isinstance(profile, LoadCurve)
        else ()
    )
    return (
        _SHAPE_OF[type(profile)],
        profile.device,
        f"{profile.device_count:03d}",
        str(profile.variant),
        *tokens,
    )
