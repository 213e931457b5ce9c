"""What a replica is said to hold."""

import subprocess
import sys

import numpy as np
import pytest

from planner.errors import ProfilingError
from profilers.measuring.memory import ImportedMemory, PeakMemory
from profilers.trials import Envelope


def test_peak_memory_sees_what_was_freed_again():
    peak = PeakMemory()
    array = np.ones(8 * 2**20)
    del array

    assert 60 * 2**20 <= peak.added_bytes() <= 80 * 2**20


def test_memory_that_an_earlier_array_gave_back_is_seen_when_taken_again():
    held = [np.ones(8 * 2**20)]
    held.clear()
    peak = PeakMemory()
    held.append(np.ones(8 * 2**20))

    assert peak.added_bytes() >= 60 * 2**20


def test_a_fresh_process_with_more_imports_holds_more():
    with (
        ImportedMemory(["json"], Envelope()) as little,
        ImportedMemory(["json", "numpy"], Envelope()) as more,
    ):
        assert 1e6 < little.resident_bytes() < more.resident_bytes() < 200e6


def test_it_is_asked_anew_only_within_other_limits(monkeypatch):
    with ImportedMemory(["json"], Envelope()) as imported:
        asked_bytes = imported.resident_bytes()
    monkeypatch.setattr("subprocess.Popen", None)

    with ImportedMemory(["json"], Envelope()) as imported:
        assert imported.resident_bytes() == asked_bytes
    with pytest.raises(TypeError):
        ImportedMemory(["json"], Envelope(memory_bytes=1e9))


def test_a_module_that_cannot_be_imported_is_told():
    with (
        ImportedMemory(["no_such_module"], Envelope()) as imported,
        pytest.raises(
            ProfilingError, match=r"no_such_module cannot be imported .* No module"
        ),
    ):
        imported.resident_bytes()


WITHIN_64_MIB = """
import resource
from profilers.measuring.memory import ImportedMemory
from profilers.trials import Envelope
most = 64 * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (most, resource.RLIM_INFINITY))
with ImportedMemory(["numpy", "numpy.random"], Envelope(memory_bytes=most)) as imported:
    print(imported.resident_bytes())
"""


def test_what_is_imported_anew_is_never_refused_memory_halfway():
    """Within 64 MiB numpy alone is refused memory, and some imports then spin for ever."""
    done = subprocess.run(
        [sys.executable, "-c", WITHIN_64_MIB],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    assert float(done.stdout) > 10e6
