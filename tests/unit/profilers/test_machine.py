"""What is read of the machine."""

import numpy as np
import pytest

from planner.errors import ProfilingError
from profilers import machine

STAT = "cpu  100 0 50 800 30 5 5 10 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"
LATER = "cpu  150 0 60 820 30 5 5 30 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"


def test_stolen_time_is_the_eighth_column_over_all_that_passed(tmp_path):
    stat = tmp_path / "stat"
    stat.write_text(STAT)
    stolen = machine.StolenTime(stat)
    stat.write_text(LATER)

    assert stolen() == pytest.approx(20 / 100)
    assert stolen() == 0.0


def test_a_system_without_that_file_is_not_called_noisy(tmp_path):
    assert machine.StolenTime(tmp_path / "absent")() == 0.0


@pytest.mark.parametrize("key", ["model name", "Model"])
def test_the_processor_is_named_as_its_maker_names_it(tmp_path, key):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\n{key}\t: Example 9000\n")

    assert machine.processor(cpuinfo) == "Example 9000"


def test_a_processor_without_a_name_is_still_called_something(tmp_path):
    assert machine.processor(tmp_path / "absent")


def test_peak_memory_sees_what_was_freed_again():
    peak = machine.PeakMemory()
    array = np.ones(8 * 2**20)
    del array

    assert 60 * 2**20 <= peak.added_bytes() <= 80 * 2**20


def test_memory_that_an_earlier_array_gave_back_is_seen_when_taken_again():
    held = [np.ones(8 * 2**20)]
    held.clear()
    peak = machine.PeakMemory()
    held.append(np.ones(8 * 2**20))

    assert peak.added_bytes() >= 60 * 2**20


def test_a_fresh_process_with_more_imports_holds_more():
    with (
        machine.ImportedMemory(["json"]) as little,
        machine.ImportedMemory(["json", "numpy"]) as more,
    ):
        assert 1e6 < little.resident_bytes() < more.resident_bytes() < 200e6


def test_a_module_that_cannot_be_imported_is_told():
    with (
        machine.ImportedMemory(["no_such_module"]) as imported,
        pytest.raises(ProfilingError, match="no_such_module cannot be imported"),
    ):
        imported.resident_bytes()
