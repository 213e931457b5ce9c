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
from profilers.trials import Envelope, Trial

MIB = 2**20
PROC = Path("/proc/self")


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
    found = cgroups.places(
        (PROC / "cgroup").read_text(), (PROC / "mountinfo").read_text()
    )
    try:
        with cgroups.quota(1.0, found):
            pass
    except cgroups.NotWritableError as error:
        pytest.skip(f"control groups cannot be written here: {error}")
    return found


@pytest.mark.slow
def test_a_quota_of_a_quarter_core_gives_a_quarter_of_the_time(
    writable_control_groups,
):
    done = run(BURN_1_S, quota_cores=0.25)

    in_force, used_s = done.stdout.splitlines()
    assert in_force.startswith("0.25 cores by control group")
    # The kernel hands out quarters of 100 ms; a busy machine gives less, never more.
    assert float(used_s) < 0.4


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
    assert measurement.environment["memory"] == "3815 MiB of data (RLIMIT_DATA)"
    assert measurement.environment["threads"] == "1"
