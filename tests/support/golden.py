"""Whole files that a test compares with, and how they are written anew.

With `UPDATE_GOLDEN=1` in the environment the files are written instead; read the
difference before it is committed.
"""

import os
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "e2e" / "golden"


def assert_golden(name: str, text: str) -> None:
    file = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), f"{name} reads otherwise"
