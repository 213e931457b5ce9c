"""A trace by the hour of its day or week, and what is left of it when it is cut."""

import datetime as dt

import numpy as np
import pytest

from planner.simulate.fit import by_hour, fitted, into_cycle_s
from planner.specs.traces import Trace

# A Sunday.
LATE = dt.datetime(2026, 11, 22, 23, 30, tzinfo=dt.UTC)


def every_minute(hours, *, at=LATE, counts=None):
    at_s = 60.0 * np.arange(round(hours * 60))
    return Trace(
        name="t",
        at_s=at_s,
        span_s=hours * 3600,
        starts_at=at,
        counts=counts,
        interval_s=60.0,
    )


def test_a_trace_over_midnight_falls_into_both_days():
    found = by_hour(every_minute(1), 168)

    assert found.covered_s.nonzero()[0].tolist() == [0, 167]
    assert found.requests[[0, 167]].tolist() == [30, 30]
    assert found.rates_rps[[0, 1, 167]] == pytest.approx([1 / 60, 0, 1 / 60])


@pytest.mark.parametrize("hours", [1.0, 23.7, 24.0, 200.25])
@pytest.mark.parametrize("cycle", [1, 24, 168])
def test_no_request_and_no_second_is_lost(hours, cycle):
    trace = every_minute(hours)

    found = by_hour(trace, cycle)

    assert found.requests.sum() == trace.n_requests
    assert found.covered_s.sum() == pytest.approx(trace.span_s)


def test_a_clock_of_its_own_begins_with_the_cycle_and_another_zone_is_utc():
    there = dt.timezone(dt.timedelta(hours=2))

    assert into_cycle_s(every_minute(1, at=None), 168) == 0.0
    assert into_cycle_s(every_minute(1, at=LATE.astimezone(there)), 24) == 23.5 * 3600


def test_counts_are_weighed():
    trace = every_minute(2, counts=np.full(120, 3.0))

    assert by_hour(trace, 24).requests.sum() == 360
    assert fitted(trace).rates_rps == pytest.approx((3 / 60,))


def test_a_stretch_keeps_its_date_sizes_and_end():
    trace = every_minute(2)

    part = trace.between(1800.0, 9000.0)

    assert part.starts_at == dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
    assert (part.at_s[0], part.n_requests, part.span_s) == (0.0, 90, 5400.0)
