"""What a variant is on disk: one file that its runtime loads, and its digest."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A written variant."""

    path: Path
    sha256: str
    size_bytes: int


def described(path: Path) -> Artifact:
    """The digest and size of a file that has been written."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Artifact(path=path, sha256=digest, size_bytes=path.stat().st_size)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place only when all went well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".writing-") as scratch:
        temporary = Path(scratch) / path.name
        yield temporary
        os.replace(temporary, path)  # noqa: PTH105 - os.replace is the atomic one by contract
