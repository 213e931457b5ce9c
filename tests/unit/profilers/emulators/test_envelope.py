import os
import resource

import pytest

from profilers.emulators.envelope import enter
from profilers.trials import Envelope

ROOMY_BYTES = 2.0**40


def data_limit():
    return resource.getrlimit(resource.RLIMIT_DATA)[0]


def test_an_envelope_without_limits_changes_nothing_and_says_so():
    before = (data_limit(), os.sched_getaffinity(0))

    with enter(Envelope(threads=3)) as in_force:
        inside = (data_limit(), os.sched_getaffinity(0))

    assert inside == before
    assert (in_force.threads, in_force.memory) == ("3", "not limited")
    assert in_force.cpu_quota == "not limited"


def test_the_memory_limit_holds_inside_and_is_taken_back_after(tmp_path):
    before = data_limit()

    with enter(Envelope(memory_bytes=ROOMY_BYTES), proc=tmp_path) as in_force:
        assert data_limit() == ROOMY_BYTES

    assert data_limit() == before
    assert in_force.memory == "1048576 MiB of data (RLIMIT_DATA)"


def test_the_memory_limit_is_taken_back_when_the_measurement_fails():
    before = data_limit()

    with pytest.raises(ValueError, match="no"), enter(Envelope(memory_bytes=2.0**40)):
        raise ValueError("no")

    assert data_limit() == before


def test_without_control_groups_a_quota_becomes_fewer_cores(tmp_path):
    before = os.sched_getaffinity(0)

    with enter(Envelope(cpu_quota_cores=1.0), proc=tmp_path) as in_force:
        inside = os.sched_getaffinity(0)

    assert len(inside) == 1
    assert os.sched_getaffinity(0) == before
    assert in_force.cpu_quota.startswith("1 core by affinity: control groups not")


def test_without_control_groups_part_of_a_core_is_a_duty_cycle(tmp_path):
    before = os.sched_getaffinity(0)

    with enter(Envelope(cpu_quota_cores=0.5), proc=tmp_path) as in_force:
        inside = os.sched_getaffinity(0)

    assert len(inside) == 1
    assert os.sched_getaffinity(0) == before
    assert in_force.cpu_quota.startswith(
        "0.5 cores by affinity and duty cycle: control"
    )


def test_no_limit_is_above_what_a_container_leaves(tmp_path):
    group = tmp_path / "group"
    group.mkdir()
    (group / "cpu.max").write_text("50000 100000\n")
    (group / "memory.max").write_text(f"{2**39}\n")
    (tmp_path / "cgroup").write_text("0::/\n")
    (tmp_path / "mountinfo").write_text(
        f"30 23 0:26 / {group} rw - cgroup2 cgroup2 rw\n"
    )

    larger = Envelope(cpu_quota_cores=2.0, memory_bytes=ROOMY_BYTES)
    with enter(larger, proc=tmp_path) as in_force:
        assert data_limit() == 2**39

    assert in_force.cpu_quota.startswith("0.5 cores by affinity and duty cycle")
    assert in_force.memory.startswith("524288 MiB")


def test_heat_is_told_with_the_time_and_the_speed_that_is_left():
    with enter(Envelope(soak_s=60.0, heat_speed_frac=0.6)) as in_force:
        assert in_force.heat == "60% of the speed after 60 s, by duty cycle"
