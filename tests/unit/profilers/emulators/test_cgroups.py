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


# As Linux 6.18 and 5.15 tell it: of version 1, of the same file without a controller in
# version 2, and of version 2 with it.
STAT_V1 = "nr_periods 30\nnr_throttled 6\nthrottled_time 812345678\n"
STAT_V2_BARE = "usage_usec 42\nuser_usec 40\nsystem_usec 2\n"
STAT_V2 = f"{STAT_V2_BARE}nr_periods 30\nnr_throttled 6\nthrottled_usec 812345\n"


def system(root, groups, mounts):
    """A root where control groups are mounted: the kernel's own words for a process."""
    proc = root / "proc"
    proc.mkdir()
    (proc / "cgroup").write_text(groups)
    (proc / "mountinfo").write_text(
        "".join(
            f"{n} 23 0:{n} {part} {root / name} rw,relatime - {kind}\n"
            for n, (name, part, kind) in enumerate(mounts, 30)
        )
    )
    return proc


def stat_of(group, text):
    group.mkdir(parents=True)
    (group / "cpu.stat").write_text(text)
    return group / "cpu.stat"


def test_what_a_quota_did_is_read_where_both_versions_are_mounted(tmp_path):
    proc = system(
        tmp_path,
        "4:memory:/jobs/7\n3:cpu,cpuacct:/jobs/7\n0::/jobs/7\n",
        [
            ("cpu,cpuacct", "/", "cgroup cgroup rw,cpu,cpuacct"),
            ("memory", "/", "cgroup cgroup rw,memory"),
            ("unified", "/", "cgroup2 cgroup2 rw,nsdelegate"),
        ],
    )
    stat_of(tmp_path / "unified/jobs/7", STAT_V2_BARE)
    counting = stat_of(tmp_path / "cpu,cpuacct/jobs/7", STAT_V1)

    assert cgroups.own_cpu_stat(proc) == counting


def test_a_container_of_version_1_reads_its_own_group(tmp_path):
    proc = system(
        tmp_path,
        "1:cpu:/docker/f00\n",
        [("cpu", "/docker/f00", "cgroup cgroup ro,cpu")],
    )
    counting = stat_of(tmp_path / "cpu", STAT_V1)

    assert cgroups.own_cpu_stat(proc) == counting


def test_version_2_alone_counts_where_it_has_the_controller(tmp_path):
    proc = system(
        tmp_path, "0::/app.scope\n", [("", "/", "cgroup2 cgroup2 rw,nsdelegate")]
    )
    counting = stat_of(tmp_path / "app.scope", STAT_V2)

    assert cgroups.own_cpu_stat(proc) == counting

    counting.write_text(STAT_V2_BARE)
    assert cgroups.own_cpu_stat(proc) is None


def test_no_group_has_no_statistics(tmp_path):
    assert cgroups.own_cpu_stat(tmp_path) is None
    assert cgroups.own_cpu_stat(system(tmp_path, "", [])) is None
