"""Commands and their outputs as documentation shows them, held against reality."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Shown:
    """A command with the lines that a document says it prints."""

    command: str
    lines: tuple[str, ...]

    def arguments(self) -> list[str]:
        return shlex.split(self.command)


def transcripts(document: Path) -> list[Shown]:
    """Every command of the document's console blocks, with what is shown below it."""
    found = []
    for block in FENCE.findall(document.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.rstrip().split("\n")
            found.append(Shown(command, tuple(line for line in lines if line.strip())))
    return found


def missing(shown: Shown, printed: str) -> list[str]:
    """Shown lines that the real output does not have; `…` stands for anything."""
    real = [" ".join(line.split()) for line in printed.splitlines()]
    return [
        line for line in shown.lines if not any(_fits(line, other) for other in real)
    ]


def _fits(shown: str, real: str) -> bool:
    parts = (re.escape(part.strip()) for part in " ".join(shown.split()).split("…"))
    return re.fullmatch(".*".join(parts), real) is not None
