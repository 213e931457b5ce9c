"""A front is drawn where its values say, with axes that can be read."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.domain.placement import Objective
from planner.report.pareto import front_page, front_svg, front_table, ticks
from planner.specs.front import Front, FrontPoint, FrontWorkload

SVG = "{http://www.w3.org/2000/svg}"
COST, LATENCY, QUALITY = Objective.COST, Objective.LATENCY, Objective.QUALITY


@pytest.fixture
def point(storefront):
    def make(cost, latency, quality=0.7, description="1 × board"):
        return FrontPoint(
            cost_usd_per_month=cost, promise_frac=latency / 100, quality_frac=quality,
            workloads=(FrontWorkload(name="w", latency_ms=latency, quality_frac=quality),),
            description=description, plan=storefront,
        )  # fmt: skip

    return make


def drawn(points, objectives=(COST, LATENCY)):
    return Front(
        name="<shop> & co", spec_sha256="0", objectives=objectives, points=tuple(points),
        complete=True, n_solves=9, notes=(),
    )  # fmt: skip


def circles(front):
    return [
        (float(c.get("cx")), float(c.get("cy")))
        for c in ET.fromstring(front_svg(front)).iter(f"{SVG}circle")
    ]


def test_dearer_is_further_right_and_slower_is_higher(point):
    front = drawn([point(10, 90), point(20, 60), point(40, 50)])

    (x1, y1), (x2, y2), (x3, y3) = circles(front)

    assert x1 < x2 < x3
    assert y1 < y2 < y3
    # Twice the difference in cost is twice as far.
    assert (x3 - x2) == pytest.approx(2 * (x2 - x1), rel=0.01)
    assert (y2 - y1) == pytest.approx(3 * (y3 - y2), rel=0.02)


def test_names_are_text_and_never_markup(point):
    front = drawn([point(10, 90, description="<script>")])

    page = front_page(front)

    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "".join(ET.fromstring(front_svg(front)).itertext()).count("<shop> & co") == 1


def test_one_point_has_axes_too(point):
    assert len(circles(drawn([point(10, 90)]))) == 1


def test_no_point_draws_nothing():
    assert front_svg(drawn([])) == ""


def test_a_third_aim_is_told_beside_each_point(point):
    front = drawn([point(10, 90), point(20, 60, 0.9)], (COST, LATENCY, QUALITY))

    words = "".join(ET.fromstring(front_svg(front)).itertext())

    assert "90 % of best quality" in words


def test_the_table_has_a_row_for_each_point_with_its_values(point):
    table = front_table(drawn([point(10, 90), point(20, 60)]))

    assert [row[1] for row in table.rows] == ["10.00", "20.00"]
    assert [row[2] for row in table.rows] == ["90 ms", "60 ms"]


@given(low=st.floats(-1e6, 1e6), width=st.floats(1e-3, 1e6))
def test_ticks_are_few_evenly_spread_and_inside(low, width):
    found = ticks(low, low + width)

    assert 1 <= len(found) <= 6
    assert all(low - 1e-6 <= t <= low + width + 1e-6 for t in found)
