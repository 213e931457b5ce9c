"""What our server costs, measured on a real one that serves nothing much."""

import datetime as dt

import pytest

pytest.importorskip("ray.serve", reason="Ray Serve is not installed")

from profilers.serving.weighing import weigh_nothing

pytestmark = [pytest.mark.ray, pytest.mark.long]

NOW = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)


def test_a_server_costs_processor_time_and_more_for_larger_requests():
    small, large = (
        weigh_nothing(shape, "float32", now=lambda: NOW)
        for shape in ((4,), (3, 128, 128))
    )

    for found in (small, large):
        assert 0 < found.processor_low_s <= found.processor_s <= found.processor_high_s
        assert found.latency_low_s <= found.latency_s <= found.latency_high_s
        assert found.measured_at == NOW
        assert found.environment["ray"]
    assert (small.request_bytes, large.request_bytes) == (16, 3 * 128 * 128 * 4)
    assert large.processor_s > small.processor_s
