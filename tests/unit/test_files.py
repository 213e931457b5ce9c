"""Files are written whole, and only where a file is or nothing."""

import os
from pathlib import Path

import pytest

from planner.errors import SpecFileError
from planner.files import write_text


def test_a_file_is_written_in_the_place_of_another(tmp_path):
    path = tmp_path / "folder" / "page.md"

    write_text(path, "old")
    write_text(path, "neu ü")

    assert path.read_text(encoding="utf-8") == "neu ü"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to a pipe"])
def test_nothing_else_is_replaced(tmp_path, kind):
    path, pipe = tmp_path / "there", tmp_path / "pipe"
    if kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(pipe)
        path.symlink_to(pipe)
    target = pipe if kind == "pipe" else path

    with pytest.raises(SpecFileError, match="no file; choose another place"):
        write_text(target, "lost")

    assert target.exists()
    assert not Path(target).is_file()
