"""What wanted more memory than it was given says so, with the limit and the way out."""

import pytest

from planner.errors import ModelLoadError
from profilers import factories
from profilers.measuring.out_of_memory import (
    is_for_memory,
    told_with_limit,
    told_with_peak,
)
from profilers.running.local import LocalExecutor
from profilers.store import ProfileStore
from profilers.trials import Envelope
from tests.support.profiling import MEASURING, SUPPORT, VERSIONS, job, profiling

MIB = 1024.0**2
WAY_OUT = ": raise --memory-mib, choose a device with more memory, or load less"


@pytest.mark.parametrize(
    "reason",
    [
        "the process was killed by SIGKILL (as the system does when memory runs out)",
        "out of memory",
        "MemoryError: no message",
        "RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory",
        "ImportError: libm.so: failed to map segment from shared object",
        "RuntimeError: can't start new thread",
    ],
)
def test_a_refusal_of_memory_names_the_limit(reason):
    assert told_with_limit(reason, 256 * MIB) == (
        f"{reason}; it was given 256 MiB of memory{WAY_OUT}"
    )
    assert told_with_limit(reason, None) == reason


@pytest.mark.parametrize(
    "reason",
    [
        "2 times: the process was killed by SIGSEGV",
        "no answer within 300 s, so stopped",
        "it hangs: no processor time used for 60 s, so stopped",
        "running a batch failed: RuntimeError: could not create a primitive",
        "numpy, torch cannot be imported in a fresh process (it ended with -9)",
    ],
)
def test_what_may_have_died_of_it_says_that_it_may(reason):
    assert told_with_limit(reason, 256 * MIB) == (
        f"{reason}; it was given 256 MiB of memory, which may be too little{WAY_OUT}"
    )


def test_other_reasons_stay_what_they_are():
    reason = "model.py has no function 'build': define it, or correct the factory"

    assert told_with_limit(reason, 256 * MIB) == reason
    assert told_with_peak(reason) == reason


def test_what_it_held_counts_as_its_limit_does_what_was_never_touched(tmp_path):
    status = tmp_path / "status"
    status.write_text("VmHWM:\t  204800 kB\nVmData:\t  307200 kB\n")

    assert told_with_peak("out of memory", status=status).endswith("up to 300 MiB")


def test_what_it_held_is_private_memory_at_its_highest(tmp_path):
    status = tmp_path / "status"
    status.write_text(
        "Name:\tpython\nVmPeak:\t  999999 kB\nVmHWM:\t  409600 kB\n"
        "RssAnon:\t  204800 kB\nRssFile:\t  102400 kB\nRssShmem:\t   1024 kB\n"
    )

    # (409600 - 102400 - 1024) KiB
    assert told_with_peak("out of memory", status=status) == (
        "out of memory; it held up to 299 MiB"
    )
    assert told_with_peak("out of memory", status=tmp_path / "none") == "out of memory"


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("MemoryError()", "failed: out of memory"),
        ("MemoryError('Unable to allocate 1.49 GiB')", "out of memory: Unable to"),
        ("ImportError('m.so: failed to map segment')", "ImportError: m.so: failed to"),
    ],
)
def test_an_import_that_is_refused_memory_is_not_told_to_check_its_packages(
    raised, said, tmp_path
):
    (tmp_path / "table.py").write_text(f"raise {raised}\n")

    with pytest.raises(ModelLoadError) as refused:
        factories.call("table:build", tmp_path)

    assert said in str(refused.value)
    assert "check its packages" not in str(refused.value)
    assert is_for_memory(str(refused.value))


@pytest.fixture
def refused_within(tmp_path, monkeypatch):
    """Why a trial in a process of its own fails within so much memory."""
    monkeypatch.syspath_prepend(SUPPORT)
    executor = LocalExecutor(measuring=MEASURING, versions=VERSIONS)
    store = ProfileStore(tmp_path / "profiles.sqlite3")

    def reason(memory_bytes, name):
        room = Envelope(memory_bytes=memory_bytes)
        profiler = profiling(store, executor, local_envelope=room)
        outcome = profiler.profile([job(name, tmp_path)], on_progress=lambda _: None)
        (failure,) = outcome.failures
        return failure.reason

    return reason


def test_a_limit_below_what_measuring_holds_ends_at_once_and_names_the_way_out(
    refused_within, tmp_path
):
    begins, _, ends = refused_within(4 * MIB, "steady").partition(" MiB; ")

    assert begins.startswith(
        "out of memory before any model was loaded; it held up to "
    )
    assert ends == f"it was given 4 MiB of memory{WAY_OUT}"
    assert not (tmp_path / "log").exists(), "nothing is tried"


def test_a_crash_within_limits_is_told_with_them_and_with_what_it_held(
    refused_within,
):
    reason = refused_within(512 * MIB, "oom")

    assert "it held up to " in reason
    assert reason.endswith(f"it was given 512 MiB of memory{WAY_OUT}")
