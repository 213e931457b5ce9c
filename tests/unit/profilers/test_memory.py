"""What a replica is said to hold."""

import numpy as np
import pytest

from planner.errors import ProfilingError
from profilers.memory import ImportedMemory, PeakMemory


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
        ImportedMemory(["json"]) as little,
        ImportedMemory(["json", "numpy"]) as more,
    ):
        assert 1e6 < little.resident_bytes() < more.resident_bytes() < 200e6


def test_a_module_that_cannot_be_imported_is_told():
    with (
        ImportedMemory(["no_such_module"]) as imported,
        pytest.raises(ProfilingError, match="no_such_module cannot be imported"),
    ):
        imported.resident_bytes()
