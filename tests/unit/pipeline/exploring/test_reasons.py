"""Why nothing fits where a device was never measured or is known too badly; the way out."""

from dataclasses import replace

import pytest

from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.asking.knowledge import Knowledge
from planner.pipeline.asking.question import ask
from planner.pipeline.exploring.reasons import reasons
from planner.reference.catalog import Catalog
from tests.support.questions import asked, document, knowledge


@pytest.mark.parametrize(
    ("predicts", "way_out"),
    [
        (False, "policy.predict_unmeasured: true takes predictions"),
        (True, "planner predict SPEC --device raspberry-pi-5 says why"),
    ],
)
def test_a_device_that_nobody_measured_it_on_is_refused_with_the_way_out(
    predicts, way_out
):
    spec = document(
        sites__0__devices=[{"device": "raspberry-pi-5", "stock": 4, "capex_usd": 80}],
        policy__predict_unmeasured=predicts,
    )

    (reason,) = reasons(asked(spec), time_limit_s=30.0)

    assert "no machine on offer has a profile of m" in reason.sentence
    assert way_out in reason.sentence


def told_of(latency_ms, **evidence):
    """Reasons where boards are on offer whose profiles rest on such evidence."""
    spec = document(workloads__0__slo__latency_ms=latency_ms)
    known = knowledge(spec).profiles["m"]
    own = tuple(replace(p, evidence=replace(p.evidence, **evidence)) for p in known)
    question = ask(
        spec, Catalog.shipped(), Knowledge(profiles={"m": own}), Capacities()
    )
    return [r.sentence for r in reasons(question, time_limit_s=30.0)]


def test_figures_that_would_do_and_are_only_too_unsure_are_told_with_their_way_out():
    slow, unsure = told_of(150, error_frac=15.0, repeats_frac=15.0)

    assert "needs" in slow
    assert "would keep it by its figures alone" in unsure
    assert "(65.0 ms when idle; published, 2023-04-01)" in unsure
    assert "the truth is at most 16 times that" in unsure
    assert "planner profile SPEC --again" in unsure


def test_where_repeating_would_tell_nothing_a_surer_measurement_is_named():
    _, unsure = told_of(150, error_frac=15.0, repeats_frac=0.05)

    assert "--again" not in unsure
    assert "measuring it on raspberry-pi-" in unsure
    assert "policy.confidence_frac" in unsure


def test_figures_that_would_not_do_either_are_no_matter_of_sureness():
    (slow,) = told_of(2, error_frac=15.0, repeats_frac=15.0)

    assert "needs" in slow
