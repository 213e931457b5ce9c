import os

import pytest

from profilers.emulators import cgroups
from profilers.emulators.cgroups import NotWritableError, Place, places, quota

V1 = "33 24 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu"
V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"


def test_version_1_makes_a_child_of_the_own_group():
    found = places("4:memory:/a\n1:cpu:/jobs/7\n0::/", V1)

    assert [(p.version, str(p.parent)) for p in found] == [
        (1, "/sys/fs/cgroup/cpu/jobs/7")
    ]


def test_version_2_prefers_a_sibling_of_the_own_group():
    found = places("0::/user.slice/app.scope", V2)

    assert [(p.version, str(p.parent)) for p in found] == [
        (2, "/sys/fs/cgroup/user.slice"),
        (2, "/sys/fs/cgroup/user.slice/app.scope"),
    ]
    assert {str(p.origin) for p in found} == {"/sys/fs/cgroup/user.slice/app.scope"}


def test_the_root_group_of_version_2_has_no_sibling():
    assert [str(p.parent) for p in places("0::/", V2)] == ["/sys/fs/cgroup"]


def test_a_container_sees_only_its_own_part_of_the_tree():
    mount = V1.replace(" / /sys", " /docker/f00 /sys")

    (found,) = places("1:cpu:/docker/f00/worker", mount)

    assert str(found.parent) == "/sys/fs/cgroup/cpu/worker"


def test_a_system_without_control_groups_offers_no_place():
    assert places("", "22 1 8:1 / / rw - ext4 /dev/sda1 rw") == ()


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


def test_groups_of_processes_that_are_gone_are_swept_away(tmp_path):
    gone = tmp_path / f"{cgroups.PREFIX}999999999"
    alive = tmp_path / f"{cgroups.PREFIX}{os.getppid()}"
    gone.mkdir()
    alive.mkdir()

    with pytest.raises(NotWritableError), quota(1, [fake_group(tmp_path)]):
        pass

    assert not gone.exists()
    assert alive.exists()
