"""Envelopes in force: real processes that ask for more than they were given."""

import datetime as dt
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from planner.domain.variants import Precision
from profilers.emulators import calibration, cgroups
from profilers.emulators.within import measure_within
from profilers.measuring.control_groups import own_places
from profilers.trials import Envelope, Trial

MIB = 2**20


def run(code, *, memory_mib=None, quota_cores=None):
    """A Python process that runs the code inside an envelope."""
    envelope = (
        f"Envelope(memory_bytes={memory_mib and memory_mib * MIB}, "
        f"cpu_quota_cores={quota_cores})"
    )
    program = (
        "from profilers.emulators.envelope import enter\n"
        "from profilers.trials import Envelope\n"
        f"with enter({envelope}) as in_force:\n"
        + textwrap.indent(textwrap.dedent(code), "    ")
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


ALLOCATE_1_GIB = """
    held = bytearray(2**30)
    print("allocated")
"""


def test_a_process_gets_no_more_memory_than_its_envelope_holds():
    limited = run(ALLOCATE_1_GIB, memory_mib=512)
    free = run(ALLOCATE_1_GIB)

    assert limited.returncode != 0
    assert "MemoryError" in limited.stderr
    assert free.stdout == "allocated\n"


TORCH_1_GIB = """
    import torch
    torch.set_num_threads(1)
    small = torch.nn.Conv2d(3, 8, 3)(torch.zeros(1, 3, 64, 64))
    print("small", flush=True)
    held = [torch.ones(64 * 2**20 // 4) for _ in range(16)]
    print("allocated")
"""


@pytest.mark.slow
def test_torch_works_in_a_small_envelope_until_it_wants_too_much():
    pytest.importorskip("torch")

    limited = run(TORCH_1_GIB, memory_mib=700)

    assert limited.returncode != 0
    assert limited.stdout == "small\n"
    assert "can't allocate memory" in limited.stderr


BURN_1_S = """
    import time
    began_s, used_s = time.perf_counter(), time.process_time()
    while time.perf_counter() - began_s < 1:
        pass
    print(in_force.cpu_quota)
    print(time.process_time() - used_s)
"""


@pytest.fixture
def writable_control_groups():
    found = own_places("cpu")
    try:
        with cgroups.quota(1.0, found):
            pass
    except cgroups.NotWritableError as error:
        pytest.skip(f"control groups cannot be written here: {error}")
    return found


@pytest.mark.slow
def test_a_machine_is_no_larger_than_the_share_of_it_that_a_group_leaves(
    writable_control_groups,
):
    told = """
        from profilers.measuring.machine import cores, share_cores
        print(cores(), share_cores())
    """
    here = len(os.sched_getaffinity(0))

    assert run(told, quota_cores=0.75).stdout == "1 0.75\n"
    assert run(told).stdout.split()[0] == f"{here}"


NESTED = """
    from profilers.measuring.control_groups import cores_left
    with enter(Envelope(cpu_quota_cores=1.0)) as within:
        print(within.cpu_quota)
        print(cores_left())
"""


@pytest.mark.slow
def test_an_envelope_within_a_group_is_no_larger_than_the_group(
    writable_control_groups,
):
    in_force, left = run(NESTED, quota_cores=0.5).stdout.splitlines()

    assert in_force.startswith("0.5 cores by control group")
    assert float(left) == 0.5


@pytest.mark.slow
def test_a_quota_of_a_quarter_core_gives_a_quarter_of_the_time(
    writable_control_groups,
):
    done = run(BURN_1_S, quota_cores=0.25)

    in_force, used_s = done.stdout.splitlines()
    assert in_force.startswith("0.25 cores by control group")
    # The kernel hands out quarters of 100 ms; a busy machine gives less, never more.
    assert float(used_s) < 0.4


@pytest.mark.slow
def test_part_of_a_core_is_had_without_any_privilege(tmp_path):
    code = f"""
        import pathlib, time
        from profilers.emulators.envelope import enter as nested
        with nested(Envelope(cpu_quota_cores=0.3), proc=pathlib.Path({str(tmp_path)!r})):
            began_s, used_s = time.perf_counter(), time.process_time()
            while time.perf_counter() - began_s < 2:
                pass
            print((time.process_time() - used_s) / (time.perf_counter() - began_s))
    """

    done = run(code)

    # A busy machine gives less, never more; signals are a millisecond late at most.
    assert float(done.stdout) < 0.5, done.stderr


@pytest.mark.slow
@pytest.mark.alone
def test_heat_takes_speed_away_after_so_long_and_not_before():
    code = """
        import time
        def used_frac(length_s):
            began_s, used_s = time.perf_counter(), time.process_time()
            while time.perf_counter() - began_s < length_s:
                pass
            return (time.process_time() - used_s) / (time.perf_counter() - began_s)
        from profilers.emulators.envelope import enter as nested
        with nested(Envelope(soak_s=1.5, heat_speed_frac=0.3)):
            print(used_frac(1.0))
            time.sleep(1.0)
            print(used_frac(1.5))
    """

    done = run(code)

    fresh, hot = map(float, done.stdout.split())
    assert hot < 0.5
    assert fresh > hot


MAP_A_FILE = """
    import mmap, pathlib, tempfile
    file = tempfile.NamedTemporaryFile(dir="/dev/shm")
    file.truncate(300 * 2**20)
    held = mmap.mmap(file.fileno(), 300 * 2**20)
    print(in_force.memory, flush=True)
    for at in range(0, len(held), 4096):
        held[at] = 1
    print("touched it all")
"""


@pytest.mark.slow
def test_what_is_no_data_is_counted_too_and_the_process_is_killed():
    """Shared mappings are not data: RLIMIT_DATA lets them be, a control group does not."""
    free = run(MAP_A_FILE, memory_mib=2000)
    if "control group" not in free.stdout:
        pytest.skip(f"no group of memory can be made here: {free.stdout.strip()}")
    limited = run(MAP_A_FILE, memory_mib=150)

    assert free.stdout.endswith("touched it all\n")
    assert limited.returncode == -9
    assert "touched" not in limited.stdout


@pytest.mark.alone
def test_a_group_is_gone_when_its_process_left_it(writable_control_groups):
    run("print(in_force)", quota_cores=1.0)

    left = [
        group.name
        for place in writable_control_groups
        for group in place.parent.glob(f"{cgroups.PREFIX}*")
        if not Path("/proc", group.name.removeprefix(cgroups.PREFIX)).exists()
    ]
    assert left == []


@pytest.mark.slow
def test_a_trial_is_measured_within_its_envelope_and_says_so():
    pytest.importorskip("onnxruntime")
    smallest = next(
        t
        for t in calibration.trials([Envelope()])
        if t.variant.precision is Precision.FP32
    )
    trial = Trial(
        model=smallest.model,
        variant=smallest.variant,
        envelope=Envelope(threads=1, memory_bytes=4e9),
        batches=(1,),
    )

    measurement = measure_within(
        trial, clock=time.perf_counter, now=lambda: dt.datetime.now(dt.UTC)
    )

    assert measurement.points[0].p50_s > 0
    in_force = measurement.environment["memory"]
    assert in_force.startswith("3815 MiB of data (RLIMIT_DATA)")
    assert measurement.environment["threads"] == "1"
