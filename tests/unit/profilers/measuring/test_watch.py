"""What a machine's files say while something is measured."""

from pathlib import Path

import psutil
import pytest

from planner.domain.conditions import Conditions
from profilers.measuring import neighbours
from profilers.measuring.energy import Absent, Rapl, processor_meter
from profilers.measuring.watch import Watch, sentences, together
from profilers.trials import Envelope

CPU = "sys/devices/system/cpu/cpu0"


def write(root: Path, name: str, text: str) -> None:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def told(watch):
    return watch.told(cold_start_s=0.1, drift_ratio=1.0)


def test_stolen_and_other_time_are_shares_of_all_that_passed(tmp_path):
    write(tmp_path, "proc/stat", "cpu  100 0 0 900 0 0 0 0 0 0")
    watch = Watch(root=tmp_path)
    write(tmp_path, "proc/stat", "cpu  5100 0 0 5000 0 0 0 900 0 0")

    seen = told(watch)

    assert seen.stolen_frac == 0.09
    assert 0.4 < seen.others_frac <= 0.5, "this process itself took next to nothing"
    assert "9% of the time to others" in sentences(seen)[0]
    assert "other programs took" in sentences(seen)[0]


def test_a_clock_that_steps_and_heat_are_told(tmp_path):
    write(tmp_path, f"{CPU}/cpufreq/scaling_cur_freq", "3000000")
    write(tmp_path, f"{CPU}/thermal_throttle/core_throttle_count", "7")
    watch = Watch(root=tmp_path)
    watch.note()
    write(tmp_path, f"{CPU}/cpufreq/scaling_cur_freq", "2000000")
    write(tmp_path, f"{CPU}/thermal_throttle/core_throttle_count", "9")
    watch.note()

    seen = told(watch)

    assert (seen.clock_ratio, seen.n_heat_throttles) == (1.5, 2)
    assert (
        "clock moved by × 1.50; the processor slowed down for its heat 2"
        in (sentences(seen)[0])
    )


def test_the_work_of_own_processes_is_not_that_of_other_programs(tmp_path):
    def work():
        return lambda: sum(range(20_000))

    me = psutil.Process()
    others = set(me.children())
    with neighbours.busy(work, Envelope(replicas=2)):
        (child,) = set(me.children()) - others
        used_s = 0.0
        write(tmp_path, "proc/stat", "cpu  0 0 0 0 0 0 0 0 0 0")
        watch = Watch(root=tmp_path)
        before = sum(child.cpu_times()[:2])
        while used_s < 0.3:
            used_s = sum(child.cpu_times()[:2]) - before
        write(tmp_path, "proc/stat", "cpu  30 0 0 70 0 0 0 0 0 0")

        assert told(watch).others_frac < 0.1


@pytest.mark.parametrize("unreadable", ["<unknown>", ""])
def test_a_counter_that_says_nothing_fails_no_measurement(tmp_path, unreadable):
    write(tmp_path, f"{CPU}/cpufreq/scaling_cur_freq", unreadable)
    write(tmp_path, f"{CPU}/thermal_throttle/core_throttle_count", unreadable)
    (tmp_path / "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq").mkdir(
        parents=True
    )
    watch = Watch(root=tmp_path)
    watch.note()

    seen = told(watch)

    assert seen.clock_ratio is seen.n_heat_throttles is None


def test_what_the_system_does_not_say_is_not_known_and_not_zero(tmp_path):
    seen = told(Watch(root=tmp_path))

    assert seen.stolen_frac is seen.others_frac is seen.clock_ratio is None
    assert seen.n_heat_throttles is seen.quota_waits_frac is None
    assert sentences(seen) == ()


def test_the_share_of_a_quotas_periods_that_held_it_back(tmp_path):
    write(tmp_path, "cpu.stat", "nr_periods 10\nnr_throttled 1\nthrottled_time 5")
    watch = Watch(root=tmp_path, group_stat=lambda: tmp_path / "cpu.stat")
    write(tmp_path, "cpu.stat", "nr_periods 30\nnr_throttled 6\nthrottled_time 9")

    assert told(watch).quota_waits_frac == 0.25


def test_a_packages_counter_is_read_in_joules_and_unwrapped(tmp_path):
    package = tmp_path / "intel-rapl:0"
    write(package, "max_energy_range_uj", "10000000")
    write(package, "energy_uj", "9000000")
    write(tmp_path / "intel-rapl:0:0", "energy_uj", "5")

    meter = processor_meter(tmp_path)
    write(package, "energy_uj", "1500000")

    assert isinstance(meter, Rapl)
    assert meter.energy_j() == 2.5
    assert "1 package" in meter.words


def test_without_counters_energy_is_absent_and_says_why(tmp_path):
    meter = processor_meter(tmp_path)

    assert isinstance(meter, Absent)
    assert meter.energy_j() is None
    assert "no energy counters" in meter.words


def test_two_parts_of_a_measurement_are_as_bad_as_the_worse_and_began_once():
    first = Conditions(cold_start_s=1.0, stolen_frac=0.2, n_heat_throttles=1)
    then = Conditions(
        cold_start_s=None, stolen_frac=0.1, others_frac=0.3, n_heat_throttles=2
    )

    both = together(first, then)

    assert both == Conditions(
        cold_start_s=1.0, stolen_frac=0.2, others_frac=0.3, n_heat_throttles=3
    )
    assert together(None, then) == then
