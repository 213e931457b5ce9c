"""What a profile's figures become."""

import math

import numpy as np
import pytest

from planner.domain.profiles import ServicePoint
from planner.errors import OutsideProfileError
from planner.perf.service import (
    STRATA,
    mean_s,
    point_knots,
    service_knots,
    share_within,
    shortfall_s,
    spread_apart,
)


def test_measured_percentiles_are_met_exactly():
    point = ServicePoint(batch=1, p50_s=0.010, p90_s=0.012, p95_s=0.015, p99_s=0.030)

    knots = dict(zip(STRATA.tolist(), point_knots(point).tolist(), strict=True))

    assert (knots[0.5], knots[0.9], knots[0.95], knots[0.99]) == pytest.approx(
        (0.010, 0.012, 0.015, 0.030)
    )


def test_a_lone_median_is_deterministic():
    assert set(point_knots(ServicePoint(batch=1, p50_s=0.01)).tolist()) == {0.01}


def test_a_lone_mean_above_the_median_counts():
    point = ServicePoint(batch=1, p50_s=0.010, mean_s=0.011)

    assert mean_s(point_knots(point)) == pytest.approx(0.011)


def test_unknown_percentiles_follow_an_exponential_tail():
    # Quantiles of 5 ms + Exp(mean 2 ms); only two of them are told.
    def quantile(frac: float) -> float:
        return 0.005 - 0.002 * math.log(1 - frac)

    point = ServicePoint(batch=1, p50_s=quantile(0.5), p90_s=quantile(0.9))

    knots = point_knots(point)

    assert knots[4:6] == pytest.approx([quantile(0.95), quantile(0.99)])
    # E[S | S > p99] = p99 + 2 ms, and the last piece is uniform.
    assert (knots[5] + knots[6]) / 2 == pytest.approx(quantile(0.99) + 0.002)


@pytest.mark.parametrize("mean", [0.0105, 0.013])
def test_a_stated_mean_is_met(mean):
    point = ServicePoint(batch=1, p50_s=0.010, p90_s=0.013, p99_s=0.020, mean_s=mean)

    assert mean_s(point_knots(point)) == pytest.approx(mean)


def test_an_impossible_mean_never_makes_times_negative():
    point = ServicePoint(batch=1, p50_s=0.010, p90_s=0.013, p99_s=0.020, mean_s=0.001)

    assert point_knots(point).min() == 0.0


def test_batches_between_measured_ones_lie_on_the_line(profile_of):
    knots = service_knots(profile_of({1: 0.010, 4: 0.016}), 3)

    assert knots[:, 1] == pytest.approx([0.010, 0.012, 0.014])


def test_batches_below_the_smallest_measured_take_its_time(profile_of):
    knots = service_knots(profile_of({4: 0.016, 8: 0.020}), 4)

    assert knots[:, 0] == pytest.approx([0.016] * 4)


def test_the_error_factor_stretches_every_quantile(profile_of):
    profile = profile_of({1: 0.010}, p90=1.2, p99=2.0)

    plain, slower = (service_knots(profile, 1, error_factor=f) for f in (1.0, 1.5))

    assert slower == pytest.approx(1.5 * plain)


def test_a_batch_beyond_the_measured_is_refused(profile_of):
    with pytest.raises(OutsideProfileError, match="batch of 8 lies beyond"):
        service_knots(profile_of({1: 0.01, 4: 0.02}), 8)


def test_shortfall_is_the_integral_of_the_distribution_function():
    knots = spread_apart(np.array([0.008, 0.010, 0.011, 0.013, 0.015, 0.02, 0.03]))
    times = np.linspace(0.0, 0.04, 40_001)

    integral = np.trapezoid(share_within(knots, times), times)

    assert shortfall_s(knots, np.array(0.04)) == pytest.approx(integral, rel=1e-6)
    # Beyond the longest service the shortfall is t - E[S].
    assert shortfall_s(knots, np.array(0.04)) == pytest.approx(0.04 - mean_s(knots))
