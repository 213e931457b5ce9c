"""Manifests on disk: written whole, read back, held against the plan, kept in step.

`index.json` lists the files of each target with their SHA-256 and the plan they are
of. It is how a later run knows which files of an earlier plan to take away, and how
a check sees that a file was edited.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from planner.errors import ManifestError
from planner.manifests import image, readme
from planner.manifests.layout import Layout, lay_out
from planner.manifests.said import require_same
from planner.manifests.target import Files, Target
from planner.manifests.targets import TARGETS
from planner.specs.base import Spec
from planner.specs.plan import PlanDocument

ALL: Final = tuple(TARGETS)
INDEX: Final = "index.json"
README: Final = "README.md"


class Index(Spec):
    """What an earlier run wrote: SHA-256 by path, by target."""

    plan_sha256: str
    targets: dict[str, dict[str, str]]


def render(plan: PlanDocument, target: str) -> Mapping[str, str]:
    """A target's files by path, as text; none where the plan has nothing for it.

    Raises:
        ManifestError: The plan runs nothing, or the target is not known.
    """
    return _target(target).render(lay_out(plan))


def write_manifests(
    plan: PlanDocument, directory: Path, *, targets: Sequence[str] = ALL
) -> tuple[Path, ...]:
    """Write the plan's manifests under `directory`, then check what was written.

    Files that an earlier run wrote there and this plan does not have are removed;
    other files are left alone.

    Raises:
        ManifestError: The plan runs nothing, a target is not known, the folder cannot
            be written, or a file does not say what the plan says.
    """
    layout = lay_out(plan)
    chosen = [_target(name) for name in dict.fromkeys(targets)]
    rendered = {t.name: dict(t.render(layout)) for t in chosen}
    before = _read_index(directory)
    kept = {}
    if before is not None and before.plan_sha256 == layout.sha256:
        kept = {t: f for t, f in before.targets.items() if t not in rendered}
    index = Index(
        plan_sha256=layout.sha256,
        targets={t: _digests(f) for t, f in rendered.items()} | kept,
    )
    here = [TARGETS[name] for name in TARGETS if name in index.targets]
    files = {path: text for f in rendered.values() for path, text in f.items()}
    files |= image.render(layout)
    files[README] = readme.render(layout, here)
    files[INDEX] = json.dumps(index.model_dump(), indent=2) + "\n"
    for path, text in files.items():
        _write(directory / path, text)
    _remove_stale(directory, before, index)
    check_manifests(plan, directory)
    return tuple(directory / path for path in sorted(files))


def check_manifests(plan: PlanDocument, directory: Path) -> None:
    """The files under `directory` are as written, say what the plan says, and would work.

    Raises:
        ManifestError: Naming the file and the difference.
    """
    layout = lay_out(plan)
    index = _read_index(directory)
    if index is None:
        raise ManifestError(f"{directory / INDEX}: missing: write the manifests again")
    if index.plan_sha256 != layout.sha256:
        raise ManifestError(
            f"{directory / INDEX}: these manifests are of another plan: write them again"
        )
    for name, digests in index.targets.items():
        files = {path: _read(directory / path) for path in digests}
        _check(_target(name), layout, files)
        for path, digest in _digests(files).items():
            if digest != digests[path]:
                raise ManifestError(
                    f"{path}: edited since it was written; it still says what the plan "
                    "says: write the manifests again, or keep your edits elsewhere"
                )


def _check(target: Target, layout: Layout, files: Files) -> None:
    require_same(target.expected(layout), target.read_back(files))
    faults = [*target.faults(files), *layout.memory_faults()]
    if faults:
        raise ManifestError("; ".join(faults))


def _target(name: str) -> Target:
    if name not in TARGETS:
        raise ManifestError(
            f"unknown target '{name}': choose from {', '.join(sorted(TARGETS))}"
        )
    return TARGETS[name]


def _digests(files: Files) -> dict[str, str]:
    return {p: hashlib.sha256(t.encode("utf-8")).hexdigest() for p, t in files.items()}


def _read_index(directory: Path) -> Index | None:
    try:
        text = (directory / INDEX).read_text(encoding="utf-8")
        return Index.model_validate_json(text)
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise ManifestError(f"{directory}: is not a folder") from None
    except (OSError, ValidationError, UnicodeDecodeError):
        raise ManifestError(
            f"{directory / INDEX}: not an index of manifests: remove it, or write the "
            "manifests to another folder"
        ) from None


def _remove_stale(directory: Path, before: Index | None, now: Index) -> None:
    if before is None:
        return
    written = {path for files in now.targets.values() for path in files}
    for path in {p for files in before.targets.values() for p in files} - written:
        stale = directory / path
        if stale.resolve().is_relative_to(directory.resolve()):
            stale.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # others keep files of theirs there
                stale.parent.rmdir()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path}: cannot be read back: {error}") from None


def _write(path: Path, text: str) -> None:
    """The whole text or nothing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ManifestError(f"{path}: cannot be written: {error.strerror}") from None
