import os

import pytest

from profilers.emulators import cgroups
from profilers.emulators.cgroups import NotWritableError, quota
from profilers.measuring.control_groups import Place


def fake_group(directory, *files):
    """A directory that has a group's files, as the kernel would make them."""
    for name in files:
        (directory / name).write_text("")
    return Place(version=2, parent=directory, origin=directory)


def test_where_no_group_can_be_made_the_reason_names_the_place(tmp_path):
    missing = Place(version=1, parent=tmp_path / "no", origin=tmp_path / "no")

    with pytest.raises(NotWritableError, match="no: No such file"), quota(1, [missing]):
        pass


def test_no_place_at_all_is_said():
    with pytest.raises(NotWritableError, match="no cpu controller"), quota(1, []):
        pass


def test_a_group_without_the_cpu_controller_is_not_left_behind(tmp_path):
    place = fake_group(tmp_path, "cgroup.procs")

    with pytest.raises(NotWritableError), quota(1, [place]):
        pass

    assert [p.name for p in tmp_path.iterdir()] == ["cgroup.procs"]


def test_a_sibling_of_version_2_is_no_way_out_of_the_own_groups_limits(tmp_path):
    own, sibling = tmp_path / "own", tmp_path / f"{cgroups.PREFIX}{os.getpid()}"
    for group in (own, sibling):
        group.mkdir()
        fake_group(group, "cgroup.procs", "cpu.max", "memory.max", "memory.swap.max")
    (own / "cpu.max").write_text("50000 100000\n")
    (own / "memory.max").write_text("1073741824\n")
    place = Place(version=2, parent=tmp_path, origin=own)

    with cgroups.memory(2**29, [place]):
        assert (sibling / "cpu.max").read_text() == "50000 100000"
        # A file of the kernel's holds no rest of what was written before.
        assert (sibling / "memory.max").read_text().startswith(f"{2**29}")
        assert (sibling / "cgroup.procs").read_text() == f"{os.getpid()}"


def test_groups_of_processes_that_are_gone_are_swept_away(tmp_path):
    gone = tmp_path / f"{cgroups.PREFIX}999999999"
    alive = tmp_path / f"{cgroups.PREFIX}{os.getppid()}"
    gone.mkdir()
    alive.mkdir()

    with pytest.raises(NotWritableError), quota(1, [fake_group(tmp_path)]):
        pass

    assert not gone.exists()
    assert alive.exists()
