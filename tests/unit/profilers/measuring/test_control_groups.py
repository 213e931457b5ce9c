"""What a container leaves of a machine, read from files as the kernel writes them."""

import pytest

from profilers.measuring import control_groups, machine
from profilers.measuring.control_groups import cores_left, memory_left_bytes, places

V1 = "33 24 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu"
V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"


def test_version_1_makes_a_child_of_the_own_group():
    found = places("4:memory:/a\n1:cpu:/jobs/7\n0::/", V1, "cpu")

    assert [(p.version, str(p.parent)) for p in found] == [
        (1, "/sys/fs/cgroup/cpu/jobs/7")
    ]


def test_version_2_prefers_a_sibling_of_the_own_group():
    found = places("0::/user.slice/app.scope", V2, "cpu")

    assert [(p.version, str(p.parent)) for p in found] == [
        (2, "/sys/fs/cgroup/user.slice"),
        (2, "/sys/fs/cgroup/user.slice/app.scope"),
    ]
    assert {str(p.origin) for p in found} == {"/sys/fs/cgroup/user.slice/app.scope"}


def test_the_root_group_of_version_2_has_no_sibling():
    assert [str(p.parent) for p in places("0::/", V2, "cpu")] == ["/sys/fs/cgroup"]


def test_a_container_sees_only_its_own_part_of_the_tree():
    mount = V1.replace(" / /sys", " /docker/f00 /sys")

    (found,) = places("1:cpu:/docker/f00/worker", mount, "cpu")

    assert str(found.parent) == "/sys/fs/cgroup/cpu/worker"


def test_a_system_without_control_groups_offers_no_place():
    assert places("", "22 1 8:1 / / rw - ext4 /dev/sda1 rw", "cpu") == ()


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
    group.mkdir(parents=True, exist_ok=True)
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

    assert control_groups.own_cpu_stat(proc) == counting


def test_a_container_of_version_1_reads_its_own_group(tmp_path):
    proc = system(
        tmp_path,
        "1:cpu:/docker/f00\n",
        [("cpu", "/docker/f00", "cgroup cgroup ro,cpu")],
    )
    counting = stat_of(tmp_path / "cpu", STAT_V1)

    assert control_groups.own_cpu_stat(proc) == counting


def test_version_2_alone_counts_where_it_has_the_controller(tmp_path):
    proc = system(
        tmp_path, "0::/app.scope\n", [("", "/", "cgroup2 cgroup2 rw,nsdelegate")]
    )
    counting = stat_of(tmp_path / "app.scope", STAT_V2)

    assert control_groups.own_cpu_stat(proc) == counting

    counting.write_text(STAT_V2_BARE)
    assert control_groups.own_cpu_stat(proc) is None


def test_it_is_read_of_the_group_above_that_holds_back_the_most(tmp_path):
    proc = system(
        tmp_path, "0::/jobs/7\n", [("", "/", "cgroup2 cgroup2 rw,nsdelegate")]
    )
    own, above = (stat_of(tmp_path / g, STAT_V2) for g in ("jobs/7", "jobs"))
    assert control_groups.own_cpu_stat(proc) == own

    given(tmp_path / "jobs", cpu__max="50000 100000\n")
    assert control_groups.own_cpu_stat(proc) == above

    given(tmp_path / "jobs/7", cpu__max="25000 100000\n")
    assert control_groups.own_cpu_stat(proc) == own


def test_no_group_has_no_statistics(tmp_path):
    assert control_groups.own_cpu_stat(tmp_path) is None
    assert control_groups.own_cpu_stat(system(tmp_path, "", [])) is None


def given(group, **files):
    group.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (group / name.replace("__", ".")).write_text(text)


def test_a_share_is_that_of_the_own_group_or_of_one_above_if_that_is_less(tmp_path):
    proc = system(tmp_path, "0::/jobs/7\n", [("", "/", "cgroup2 cgroup2 rw")])
    given(tmp_path / "jobs/7", cpu__max="300000 100000\n", memory__max="max\n")
    given(tmp_path / "jobs", cpu__max="150000 100000\n", memory__max=f"{3 * 2**30}\n")

    assert cores_left(proc) == 1.5
    assert memory_left_bytes(proc) == 3 * 2**30


def test_version_1_says_minus_one_where_there_is_no_limit(tmp_path):
    proc = system(
        tmp_path,
        "2:memory:/docker/f00\n1:cpu:/docker/f00\n",
        [
            ("cpu", "/docker/f00", "cgroup cgroup ro,cpu"),
            ("memory", "/docker/f00", "cgroup cgroup ro,memory"),
        ],
    )
    given(tmp_path / "cpu", cpu__cfs_quota_us="-1\n", cpu__cfs_period_us="100000\n")
    given(tmp_path / "memory", memory__limit_in_bytes="4294967296\n")

    assert cores_left(proc) is None
    assert memory_left_bytes(proc) == 4 * 2**30

    given(tmp_path / "cpu", cpu__cfs_quota_us="250000\n")
    assert cores_left(proc) == 2.5


def test_without_control_groups_nothing_is_limited(tmp_path):
    assert (cores_left(tmp_path), memory_left_bytes(tmp_path)) == (None, None)


@pytest.mark.parametrize(
    ("share", "cores"), [(None, 4), (0.5, 1), (1.5, 1), (2.0, 2), (64.0, 4)]
)
def test_threads_are_no_more_than_the_share_carries(monkeypatch, share, cores):
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: set(range(4)))
    monkeypatch.setattr(control_groups, "cores_left", lambda: share)

    assert machine.cores() == cores
