"""A simulation told: the verdict, the tables, and a picture that is well-formed."""

import xml.etree.ElementTree as ET

import numpy as np

from planner.report.simulation import notes, simulation_tables, timeline_svg, verdict
from planner.simulate.arrivals import Arrivals
from planner.simulate.measure import measured
from planner.simulate.run import run
from tests.support.stages import constant, poisson, stage

SVG = "{http://www.w3.org/2000/svg}"


def document(sent, name="shop", **group):
    return measured(
        run(stage(constant(0.3), sent, **group), seed=7),
        name=name,
        spec_sha256="0",
        traffic="w: Poisson at the planned rates",
        assumptions=("Service times as the profiles state them.",),
    )


def test_a_kept_promise_is_told_in_one_sentence_with_the_seed():
    told = verdict(document(poisson(0.5, 2_000)))

    assert "every promise is kept" in told
    assert "seed 7" in told


def test_a_broken_promise_names_the_workload_and_both_shares():
    told = verdict(document(Arrivals(at_s=np.arange(200) * 0.2, span_s=40.0)))

    assert "not every promise is kept" in told
    assert "w keeps" in told
    assert "95 %" in told


def test_tables_hold_every_workload_and_every_group_with_a_total():
    users, machines = simulation_tables(document(poisson(0.5, 500), usd_per_h=1.0))

    assert [row[0] for row in users.rows] == ["w"]
    assert [row[0] for row in machines.rows] == ["g", "Total"]
    assert machines.rows[0][-2] == machines.rows[1][-2]
    assert machines.rows[0][-1] == "—"


def test_notes_say_what_was_sent_and_assumed():
    told = notes(document(poisson(0.5, 100)))

    assert told[0] == "Traffic: w: Poisson at the planned rates."
    assert "Service times as the profiles state them." in told


def test_the_timeline_is_a_picture_with_a_lane_for_everything_and_a_title():
    picture = ET.fromstring(timeline_svg(document(poisson(2.0, 5_000))))

    texts = [t.text for t in picture.iter(f"{SVG}text")]
    assert picture.find(f"{SVG}title").text.startswith("shop")
    assert "w, requests/s" in texts
    assert "w, p95 in ms" in texts
    assert "g: in service, waiting" in texts
    assert len(list(picture.iter(f"{SVG}polyline"))) >= 4


def test_hours_without_requests_leave_a_gap_and_no_hostile_name_leaves_the_text():
    sent = Arrivals(at_s=np.array([1.0, 2.0, 90.0]), span_s=100.0)

    text = timeline_svg(document(sent, name='</svg><script>"x'))

    ET.fromstring(text)
    assert "<script" not in text
    assert "nan" not in text
