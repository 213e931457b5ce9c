"""What is read of the machine."""

import pytest

from profilers.measuring import machine

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
