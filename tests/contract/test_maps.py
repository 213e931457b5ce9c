"""The map of a package names every file and folder of it, and no other."""

import re
from pathlib import Path

import pytest

import profilers
from profilers import artifacts, compression, language, measuring, running

# What a map says in a line of its own: names, then four spaces or more, then words.
NAMES = re.compile(r"^ {4}([a-z0-9_]+/?(?:, [a-z0-9_]+/?)*)\s+[a-z]", re.MULTILINE)


def parts(package):
    here = Path(package.__file__).parent
    files = {p.stem for p in here.glob("*.py")} - {"__init__"}
    return files | {p.parent.name for p in here.glob("*/__init__.py")}


MAPPED = (profilers, artifacts, compression, language, measuring, running)


@pytest.mark.parametrize("package", MAPPED, ids=lambda p: p.__name__)
def test_a_map_is_whole_and_names_nothing_that_is_gone(package):
    words = set(re.findall(r"[a-z0-9_]+", package.__doc__))
    listed = {
        name
        for line in NAMES.findall(package.__doc__)
        for name in re.findall(r"[a-z0-9_]+", line)
    }

    assert parts(package) <= words
    assert listed <= parts(package)
    assert len(listed) > len(parts(package)) / 2
