"""One batch size of what is known: stated, on a line, or refused."""

import datetime as dt
from dataclasses import replace

import pytest

from planner.domain.evidence import Evidence, Provenance
from planner.domain.predictions import Foresight, Prediction
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.domain.variants import Precision, Runtime, Variant
from planner.pipeline.asking.atlas import Atlas
from planner.pipeline.asking.batches import of_batch
from planner.pipeline.asking.foresight import foresee
from planner.pipeline.asking.unmeasured.models import from_models
from planner.reference.catalog import Catalog

CATALOG = Catalog.shipped()
ATLAS = Atlas.of(CATALOG)
MODEL, HERE, THERE = "mobilenet-v1-0.75-128", "rk3588", "macbook-pro-m1"


def profile(*points, **others):
    return BatchProfile(
        **{
            "model": MODEL,
            "variant": Variant(runtime=Runtime.TFLITE, precision=Precision.INT8),
            "device": HERE,
            "points": points,
            "evidence": Evidence(
                provenance=Provenance.IMPORTED,
                source="s",
                as_of=dt.date(2026, 1, 1),
                error_frac=0.1,
            ),
            **others,
        }
    )


def seen(**others):
    return Foresight(
        **{"model": MODEL, "device": HERE, "measured": (), "predictions": (),
           "refusals": (), **others}
    )  # fmt: skip


POINTS = (
    ServicePoint(batch=1, p50_s=1.0, p95_s=2.0, energy_j=3.0),
    ServicePoint(batch=5, p50_s=3.0, p95_s=6.0, p99_s=7.0, energy_j=5.0),
)


def published(device):
    return next(
        p
        for p in CATALOG.profiles(MODEL)
        if (p.device, p.variant.precision, p.variant.runtime)
        == (device, Precision.INT8, Runtime.TFLITE)
    )


def in_batches(*batches):
    """A published model as if a batch took as long as so many, one after the other."""
    one = published(HERE)
    return replace(
        one,
        points=tuple(
            ServicePoint(batch=b, p50_s=b * one.points[0].p50_s, energy_j=1.0)
            for b in batches
        ),
        batch_grid=(1, 2, 3, 4, 64, 4096),
    )


def told(profiles):
    answers = from_models(profiles, CATALOG.device(THERE), ATLAS)
    predictions = [a for a in answers if isinstance(a, Prediction)]
    refusals = [a.reason for a in answers if not isinstance(a, Prediction)]
    tflite = [p for p in predictions if p.profile.variant.runtime is Runtime.TFLITE]
    return tflite[0], refusals


def test_a_stated_batch_is_told_as_stated():
    found = of_batch(seen(measured=(profile(*POINTS),)), 5)

    assert found.measured[0].points == POINTS[1:]
    assert found.refusals == ()


def test_between_two_stated_batches_every_time_lies_on_the_line():
    found = of_batch(seen(measured=(profile(*POINTS),)), 2)

    (point,) = found.measured[0].points
    assert (point.batch, point.p50_s, point.p95_s, point.energy_j) == (2, 1.5, 3, 3.5)
    # One of the two states no p99: neither does the line.
    assert point.p99_s is None


@pytest.mark.parametrize("batch", [1, 9])
def test_beyond_the_stated_batches_it_is_refused_with_what_is_known(batch):
    two_and_more = (replace(POINTS[0], batch=2), POINTS[1])
    found = of_batch(seen(measured=(profile(*two_and_more),)), batch)

    assert found.measured == ()
    assert f"batches of {batch}: known are batches of 2 to 5" in found.refusals[0]


def test_the_interval_of_a_batch_keeps_its_factors():
    prediction = Prediction(
        profile=profile(*POINTS), low_s=0.5, high_s=2.0, rows=(), narrower=""
    )

    (found,) = of_batch(seen(predictions=(prediction,)), 5).predictions

    assert (found.low_s, found.high_s) == (1.5, 6.0)


def test_engines_that_batch_token_by_token_are_refused():
    device = CATALOG.device("nvidia-l4")
    curves = CATALOG.profiles("llama-3.1-8b")
    known = foresee("llama-3.1-8b", curves, device, atlas=ATLAS, catalog=CATALOG)

    found = of_batch(known, 4)

    assert found.measured == found.predictions == ()
    assert any("token by token" in r for r in found.refusals)


def test_batches_cross_devices_as_models_of_as_many_operations():
    one, _ = told([in_batches(1)])
    several, refusals = told([in_batches(1, 2, 4)])

    points = several.profile.points
    assert [p.batch for p in points] == [1, 2, 3, 4]
    assert points[0].p50_s == pytest.approx(one.profile.points[0].p50_s)
    # Neither device is much better at more of the same work.
    for point in points[1:]:
        assert point.p50_s == pytest.approx(point.batch * points[0].p50_s, rel=0.5)
        assert point.energy_j is None
    assert several.profile.batch_grid == (1, 2, 3, 4)
    # The widest interval holds for all.
    assert several.high_s / several.low_s >= one.high_s / one.low_s
    assert several.profile.evidence.error_frac >= one.profile.evidence.error_frac
    assert not any("batches of" in r for r in refusals)


def test_batches_larger_than_any_common_model_by_far_are_refused():
    several, refusals = told([in_batches(1, 2, 4096)])

    # What was read off before it is not lost with it.
    assert [p.batch for p in several.profile.points] == [1, 2, 3, 4]
    assert any("batches of 64 and more" in r for r in refusals)


def test_another_size_of_a_processor_has_all_batches_of_the_measured_one():
    name = "mobilenet-v2-1.0-224"
    whole = next(
        p
        for p in CATALOG.profiles(name)
        if (p.device, p.variant.precision, p.variant.runtime)
        == ("graviton3-8vcpu", Precision.INT8, Runtime.ARMNN)
    )
    first = whole.points[0]
    larger = replace(
        whole, points=(first, replace(first, batch=8, p50_s=7 * first.p50_s))
    )

    found = foresee(
        name, [larger], CATALOG.device("graviton3-2vcpu"), atlas=ATLAS, catalog=CATALOG
    )

    (prediction,) = found.predictions
    one, eight = prediction.profile.points
    assert eight.p50_s == pytest.approx(7 * one.p50_s)
    low_s, high_s = prediction.interval_s(eight.p50_s)
    assert low_s < 7 * first.p50_s * 3.2 < high_s
