"""Traffic sections of a document: ready shapes, and traces that nobody read."""

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from planner.errors import SpecError
from planner.specs.shapes import Shape
from planner.specs.traffic import Traffic

ANY = TypeAdapter(Traffic)


def traffic(**fields):
    return ANY.validate_python(fields)


@pytest.mark.parametrize("shape", [s for s in Shape if s is not Shape.CONSTANT])
def test_every_ready_shape_is_a_kind_of_traffic_around_its_mean(shape):
    found = traffic(kind=shape.value, rate_rps=12.0)

    assert len(found.rates_rps) == 168
    assert np.mean(found.rates_rps) == pytest.approx(12.0)
    assert (found.burstiness is not None) == (shape is Shape.BURSTY)


def test_a_launch_is_far_above_its_mean_for_a_while():
    rates = traffic(kind="launch", rate_rps=10.0).rates_rps

    assert max(rates) > 5 * min(rates)
    assert int(np.argmax(rates)) == 60  # Wednesday noon


def test_a_trace_that_nobody_read_has_no_rates_and_says_how_to_read_it():
    with pytest.raises(SpecError, match="document's path"):
        _ = traffic(kind="trace", file="t.csv").rates_rps


@pytest.mark.parametrize(
    "wrong",
    [
        {"file": ""},
        {"file": "t.csv", "stands_for": "month"},
        {"file": "t.csv", "scale_ratio": 0},
        {"file": "t.csv", "other_hours_ratio": -1},
        {"file": "t.csv", "starts_at": "2026-11-23T08:00:00"},
    ],
)
def test_fields_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        traffic(kind="trace", **wrong)
