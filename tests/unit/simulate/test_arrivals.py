"""Poisson, bursts, shapes, and traffic fitted to a trace and scaled."""

import numpy as np
import pytest

from planner.simulate.arrivals import Arrivals, arrivals, bursts
from planner.simulate.fit import arrivals_of, dispersion_ratio, fitted, scaled
from planner.specs.shapes import Shape, shaped
from planner.specs.traces import Trace


def trace_of(sent):
    return Trace(name="t", at_s=sent.at_s, span_s=sent.span_s)


def bursty(dispersion=40.0, time_scale_s=20.0, rate=50.0, hours=12, seed=3):
    modulation = bursts(
        dispersion_ratio=dispersion, time_scale_s=time_scale_s, rate_rps=rate
    )
    rng = np.random.default_rng(seed)
    return arrivals([rate] * hours, hour_s=3600.0, rng=rng, modulation=modulation)


def test_poisson_counts_vary_as_their_mean():
    sent = arrivals([30.0, 10.0], hour_s=3600.0, rng=np.random.default_rng(1))

    counts = np.histogram(sent.at_s, [0.0, 3600.0, 7200.0])[0]
    assert counts == pytest.approx([108_000, 36_000], rel=0.02)
    assert dispersion_ratio(trace_of(sent), 10.0) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("window_s", [5.0, 20.0, 120.0])
def test_bursts_have_the_dispersion_of_their_process(window_s):
    tau_s = 20.0
    sent = bursty(dispersion=40.0, time_scale_s=tau_s)
    # Integral of the exponential autocovariance over the window's square.
    part = 1 - (1 - np.exp(-window_s / tau_s)) * tau_s / window_s

    seen = dispersion_ratio(trace_of(sent), window_s)

    assert sent.rate_rps == pytest.approx(50.0, rel=0.1)
    assert seen == pytest.approx(1 + 39.0 * part, rel=0.2)


def test_traffic_without_excess_has_no_bursts():
    assert bursts(dispersion_ratio=1.0, time_scale_s=10.0, rate_rps=5.0) is None


def test_strong_bursts_fall_silent_in_between():
    strong = bursts(dispersion_ratio=1000.0, time_scale_s=5.0, rate_rps=10.0)

    assert strong.calm_ratio == pytest.approx(0.0, abs=1e-9)
    mean = strong.busy_share_frac * strong.busy_ratio
    assert mean == pytest.approx(1.0)


def test_a_fit_finds_the_bursts_that_were_put_in():
    found = fitted(trace_of(bursty(hours=40)))

    assert len(found.rates_rps) == 24
    assert np.mean(found.rates_rps) == pytest.approx(50.0, rel=0.1)
    assert found.dispersion_ratio == pytest.approx(40.0, rel=0.25)
    assert found.time_scale_s == pytest.approx(20.0, rel=0.4)


def test_a_fit_of_plain_traffic_is_plain():
    sent = arrivals([20.0] * 3, hour_s=3600.0, rng=np.random.default_rng(2))

    found = fitted(trace_of(sent))

    assert found.rates_rps == pytest.approx([20.0], rel=0.02)
    assert found.dispersion_ratio == 1.0


def test_a_days_wave_is_told_by_the_rates_and_not_as_bursts():
    wave = shaped(Shape.DIURNAL, 20.0).rates_rps[:48]
    sent = arrivals(wave, hour_s=3600.0, rng=np.random.default_rng(2))

    found = fitted(trace_of(sent))

    assert found.rates_rps == pytest.approx(wave[:24], rel=0.05)
    assert found.dispersion_ratio == 1.0


@pytest.mark.parametrize("factor", [0.25, 1.0, 3.5])
def test_scaling_keeps_the_shape_of_bursts(factor):
    sent = bursty(hours=24)
    original = dispersion_ratio(trace_of(sent), 120.0)

    more = scaled(sent, factor, np.random.default_rng(4))

    # The rate's own variation is squared by the factor, the counts' mean is not:
    # what exceeds Poisson goes with the factor.
    assert more.at_s.size == pytest.approx(factor * sent.at_s.size, rel=0.01)
    assert np.all(np.diff(more.at_s) >= 0)
    excess = dispersion_ratio(trace_of(more), 120.0) - 1
    assert excess == pytest.approx(factor * (original - 1), rel=0.1)


def test_scaling_carries_each_requests_tokens_along():
    tokens = np.arange(1.0, 1001.0)
    sent = Arrivals(at_s=np.arange(1000.0), span_s=1000.0, prompt_tokens=tokens)

    more = scaled(sent, 2.0, np.random.default_rng(1))

    assert np.array_equal(np.unique(more.prompt_tokens), tokens)
    assert more.prompt_tokens == pytest.approx(np.floor(more.at_s) + 1)


def test_counts_become_requests_within_their_interval():
    counted = Trace(
        name="t",
        at_s=np.array([0.0, 60.0, 120.0]),
        span_s=180.0,
        counts=np.array([5.0, 0.0, 7.0]),
        interval_s=60.0,
    )

    sent = arrivals_of(counted, np.random.default_rng(1))

    assert list(np.histogram(sent.at_s, [0, 60, 120, 180])[0]) == [5, 0, 7]


@pytest.mark.parametrize("shape", list(Shape))
def test_a_ready_shape_is_a_week_with_the_mean_that_was_asked(shape):
    week = shaped(shape, 12.0)

    assert len(week.rates_rps) == 168
    assert week.rate_rps == pytest.approx(12.0)
    assert min(week.rates_rps) > 0


def test_a_launch_is_the_highest_of_its_week_at_its_hour():
    rates = shaped(Shape.LAUNCH, 10.0).rates_rps

    assert rates.index(max(rates)) == 60
    assert max(rates) == pytest.approx(20 * min(rates))
