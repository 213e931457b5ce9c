"""The map of a package without rooms names every file and folder of it, and no other."""

import re
from pathlib import Path

import profilers

HERE = Path(profilers.__file__).parent
# What the map says in a line of its own: names, then four spaces or more, then words.
NAMES = re.compile(
    r"^ {4}([a-z0-9_]+(?:, [a-z0-9_]+)*/?)(?: {4,}|\s+[a-z])", re.MULTILINE
)


def parts():
    files = {p.stem for p in HERE.glob("*.py")} - {"__init__"}
    return files | {p.parent.name for p in HERE.glob("*/__init__.py")}


def test_the_map_of_profilers_is_whole():
    words = set(re.findall(r"[a-z0-9_]+", profilers.__doc__))

    assert parts() <= words


def test_the_map_of_profilers_names_nothing_that_is_gone():
    listed = {n for line in NAMES.findall(profilers.__doc__) for n in re.findall(r"[a-z0-9_]+", line)}  # fmt: skip

    assert listed <= parts()
    assert len(listed) > len(parts()) / 2
