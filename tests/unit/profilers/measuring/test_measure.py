"""Sampling on a scripted clock: what is sampled, when it stops, what is called noise."""

from itertools import pairwise
from math import comb

import numpy as np
import pytest

from profilers.measuring.measure import (
    DEFAULT_RULE,
    REPEATABILITY_FRAC,
    SamplingRule,
    error_band_frac,
    measure_batches,
    quantile_interval,
    rested_s,
)


class ScriptedMachine:
    """A clock that only `run` moves, by what the script says the call takes."""

    def __init__(self, service_s):
        self.at_s = 0.0
        self.calls = []
        self._service_s = service_s

    def run(self, batch):
        self.at_s += self._service_s(batch, len(self.calls), self.at_s)
        self.calls.append(batch)

    def clock(self):
        return self.at_s


def measured(machine, batches=(1,), *, rule=DEFAULT_RULE, stolen=lambda: 0.0):
    return measure_batches(
        machine.run, batches, clock=machine.clock, stolen_frac=stolen, rule=rule
    )


def test_a_constant_service_time_is_found_and_called_steady():
    machine = ScriptedMachine(lambda batch, n, at_s: 0.001 * batch)

    one, eight = measured(machine, (8, 1))

    assert (one.point.batch, eight.point.batch) == (1, 8)
    assert one.point.p50_s == pytest.approx(0.001)
    assert eight.point.p99_s == pytest.approx(0.008)
    assert not one.point.is_noisy
    assert one.error_frac == pytest.approx(0.0, abs=1e-9)
    assert error_band_frac([one, eight]) == REPEATABILITY_FRAC


def test_calls_of_the_warm_up_are_no_samples():
    machine = ScriptedMachine(lambda batch, n, at_s: 0.5 / (n + 1) if n < 8 else 0.001)

    (timing,) = measured(machine)

    assert timing.point.p99_s == pytest.approx(0.001)


def test_sampling_stops_soon_after_the_window_when_the_medians_are_known():
    machine = ScriptedMachine(lambda batch, n, at_s: 0.001)

    measured(machine, (1, 2, 4), rule=SamplingRule(min_window_s=1.5))

    assert 1.5 <= machine.at_s < 1.9


def test_batch_sizes_take_turns_so_that_drift_falls_on_all():
    machine = ScriptedMachine(lambda batch, n, at_s: 0.001 * (1 + at_s / 10))

    one, two = measured(machine, (1, 2))

    turns = sum(a != b for a, b in pairwise(machine.calls))
    assert turns > 20
    assert one.point.p50_s == pytest.approx(two.point.p50_s, rel=0.01)


def test_a_slow_model_is_measured_as_often_as_bounds_its_median_and_no_more():
    machine = ScriptedMachine(lambda batch, n, at_s: 4.0)

    (timing,) = measured(machine)

    assert timing.point.n_samples == 6
    assert timing.point.p50_low_s == timing.point.p50_high_s == 4.0
    assert len(machine.calls) <= 9


def test_scatter_is_sampled_until_its_median_is_known_to_the_half_width():
    rng = np.random.default_rng(5)
    machine = ScriptedMachine(lambda b, n, at_s: 0.002 * rng.lognormal(0, 0.2))
    rule = SamplingRule(min_window_s=0.0, max_point_s=30.0)

    (timing,) = measured(machine, rule=rule)

    point = timing.point
    assert not point.is_noisy
    assert (point.p50_high_s - point.p50_low_s) / 2 <= 0.025 * point.p50_s
    assert point.p50_low_s <= 0.002 <= point.p50_high_s
    assert point.n_samples > 120


def test_a_machine_that_halves_its_speed_for_a_while_is_noisy_and_tried_again():
    machine = ScriptedMachine(lambda b, n, at_s: 0.001 if at_s % 1.0 < 0.5 else 0.002)
    rule = SamplingRule(max_point_s=3.0, min_window_s=3.0)

    (timing,) = measured(machine, rule=rule)

    assert timing.point.is_noisy
    assert machine.at_s > 2 * rule.max_point_s
    assert (1 + timing.error_frac) * timing.point.p50_s >= 0.002 - 1e-9


def test_noise_that_passes_leaves_a_steady_second_attempt():
    machine = ScriptedMachine(
        lambda b, n, at_s: 0.001 if at_s > 1.05 or at_s % 0.2 < 0.1 else 0.003
    )

    (timing,) = measured(machine)

    assert not timing.point.is_noisy
    assert timing.point.p50_s == pytest.approx(0.001)


def test_only_the_noisy_batch_size_is_measured_again():
    machine = ScriptedMachine(
        lambda b, n, at_s: 0.001 if b == 1 or at_s % 0.2 < 0.1 else 0.003
    )

    one, two = measured(machine, (1, 2))

    assert (one.point.is_noisy, two.point.is_noisy) == (False, True)
    assert set(machine.calls[-100:]) == {2}


def test_time_stolen_by_a_hypervisor_makes_noise_of_steady_samples():
    machine = ScriptedMachine(lambda batch, n, at_s: 0.001)

    (timing,) = measured(machine, stolen=lambda: 0.2)

    assert timing.point.is_noisy


def test_a_median_that_cannot_be_narrowed_in_time_is_noisy():
    rng = np.random.default_rng(3)
    machine = ScriptedMachine(lambda b, n, at_s: 0.1 * rng.lognormal(0, 1.0))

    (timing,) = measured(machine)

    assert timing.point.is_noisy
    assert timing.error_frac > 0.1


def test_the_band_covers_nine_blocks_in_ten():
    # Each fiftieth of a second is 0 to 20 % slow: within the tolerance for noise.
    rng = np.random.default_rng(8)
    slowness = rng.uniform(0.0, 0.2, size=4000)
    machine = ScriptedMachine(
        lambda b, n, at_s: 0.001 * (1 + slowness[int(at_s / 0.02)])
    )
    rule = SamplingRule(min_window_s=4.0, max_point_s=4.0, half_width_frac=0.05)

    (timing,) = measured(machine, rule=rule)

    assert not timing.point.is_noisy
    bound_s = timing.point.p50_s * (1 + timing.error_frac)
    assert np.mean(0.001 * (1 + slowness) <= bound_s) == pytest.approx(0.9, abs=0.06)


def test_the_band_holds_how_well_the_mean_is_known_where_medians_meet_no_pause():
    rng = np.random.default_rng(3)

    def service_s(batch, n, at_s):
        return 0.001 if rng.random() > 0.01 else 0.1

    (timing,) = measured(ScriptedMachine(service_s))

    assert timing.point.p50_s == pytest.approx(0.001)
    assert timing.point.mean_s == pytest.approx(0.002, rel=0.5)
    # Some 12 pauses are counted, as a Poisson number is, and all of the half that they make.
    n_pauses = timing.point.n_samples * (timing.point.mean_s - 0.001) / 0.099
    of_poisson = 1.28 * n_pauses**-0.5 * (1 - 0.001 / timing.point.mean_s)
    assert timing.error_frac == pytest.approx(of_poisson, rel=0.15)


@pytest.mark.parametrize("n", [6, 7, 10, 20, 25, 50, 101, 500])
def test_the_interval_of_the_median_covers_it_and_no_narrower_one_would(n):
    low, high = quantile_interval(np.arange(1.0, n + 1), 0.5)

    def outside(rank):  # P(fewer than `rank` of n fair coins show heads), exactly
        return sum(comb(n, k) for k in range(int(rank))) / 2**n

    assert low + high == n + 1
    assert outside(low) <= 0.025 < outside(low + 1)


def test_the_intervals_of_an_upper_quantile_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(1)
    truth = -np.log(0.05)  # 95th percentile of the unit exponential

    intervals = [quantile_interval(rng.exponential(size=200), 0.95) for _ in range(600)]

    held = np.mean([low <= truth <= high for low, high in intervals])
    assert held == pytest.approx(0.96, abs=0.02)


def test_few_samples_do_not_bound_a_far_percentile():
    low, high = quantile_interval(np.arange(100.0), 0.99)

    assert high is None
    assert low is not None


class Dozing(ScriptedMachine):
    """A machine that is slow to wake: 4 ms a call, and 3 more when it has rested."""

    def __init__(self, service_s=0.004):
        super().__init__(lambda batch, n, at_s: service_s + 0.003 * self.has_rested)
        self.has_rested = False
        self.rests = 0

    def run(self, batch):
        super().run(batch)
        self.has_rested = False

    def rest(self, rest_s):
        self.at_s += rest_s
        self.has_rested = True
        self.rests += 1


def test_what_a_pause_costs_is_what_a_batch_takes_longer_after_it():
    machine = Dozing()
    (timing,) = measured(machine)

    found = rested_s(machine.run, timing.point, clock=machine.clock, rest=machine.rest)

    assert found == pytest.approx(0.003)


def test_what_takes_a_second_is_not_made_to_wait_for_pauses():
    machine = Dozing(service_s=1.0)
    (timing,) = measured(machine)

    found = rested_s(machine.run, timing.point, clock=machine.clock, rest=machine.rest)

    assert (found, machine.rests) == (0.0, 0)
