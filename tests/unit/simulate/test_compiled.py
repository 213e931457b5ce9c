"""Machine code that an earlier version of the program left beside its source."""

import subprocess
import sys

import pytest

pytest.importorskip("numba")

LOOP = """
from kinds import Pair
from planner.simulate.compiled import compiled


@compiled
def total(pair):
    return pair.first + pair.second


print(total(Pair(1.0, 2.0)))
"""
PAIR = """
from typing import NamedTuple


class Pair(NamedTuple):
    first: float
    second: float
"""


def run(folder):
    done = subprocess.run(
        [sys.executable, "-c", "import loop"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_code_kept_for_types_that_have_moved_is_compiled_anew(tmp_path):
    (tmp_path / "loop.py").write_text(LOOP)
    (tmp_path / "kinds.py").write_text("from pairs import Pair\n")
    (tmp_path / "pairs.py").write_text(PAIR)
    assert run(tmp_path) == "3.0\n"
    assert list((tmp_path / "__pycache__").glob("*.nbi"))

    (tmp_path / "pairs.py").unlink()
    (tmp_path / "kinds.py").write_text(PAIR)

    assert run(tmp_path) == "3.0\n"
