"""Load curves between their measured loads."""

from dataclasses import replace

import numpy as np
import pytest

from planner.perf.curves import Curve, crossing_rps
from tests.support.load_curves import engine_curve

FIXED_S, EACH_S, OUTPUT = 0.010, 0.001, 101


@pytest.fixture
def engine():
    """Steps of 10 ms and 1 ms for every request in flight; the first token takes one."""
    return engine_curve([1, 8, 64], fixed_s=FIXED_S, each_s=EACH_S, output=OUTPUT)


def truth(in_flight):
    step_s = FIXED_S + EACH_S * in_flight
    return in_flight / (OUTPUT * step_s), step_s


@pytest.mark.parametrize("in_flight", [1, 2, 5, 8, 20, 63, 64])
def test_an_engine_of_linear_steps_is_met_at_every_rate(engine, in_flight):
    rate_rps, step_s = truth(in_flight)
    curve = Curve.of(engine, 0.0, 1.0)

    assert curve.at(curve.ttft_s, rate_rps)[0] == pytest.approx(step_s)
    assert curve.rate_at_rps(in_flight) == pytest.approx(rate_rps)


def test_the_rate_at_a_limit_is_where_the_time_meets_it(engine):
    rate_rps, step_s = truth(20)
    curve = Curve.of(engine, 0.0, 1.0)

    assert crossing_rps(curve, curve.ttft_s[:, 0], step_s) == pytest.approx(rate_rps)


def test_a_machine_twice_as_slow_has_as_many_in_flight_at_half_the_rate(engine):
    rate_rps, step_s = truth(20)
    curve = Curve.of(engine, 0.0, 2.0)

    assert curve.at(curve.ttft_s, rate_rps / 2)[0] == pytest.approx(2 * step_s)


def test_times_never_fall_with_the_rate(engine):
    curve = Curve.of(engine, 0.0, 1.0)
    rates_rps = np.linspace(0.0, engine.points[-1].rate_rps, 200)

    seen = [curve.at(curve.e2e_s, rate)[1] for rate in rates_rps]

    assert (np.diff(seen) >= -1e-12).all()


def test_more_answers_with_no_more_in_flight_leave_the_line_over_the_rate(engine):
    low, high = engine.points[0], engine.points[1]
    odd = replace(engine, points=(low, replace(high, concurrency=low.concurrency)))
    curve = Curve.of(odd, 0.0, 1.0)

    half = (low.rate_rps + high.rate_rps) / 2
    assert curve.at(curve.ttft_s, half)[0] == pytest.approx(
        (low.ttft_p50_s + high.ttft_p50_s) / 2
    )
