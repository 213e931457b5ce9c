"""How far a document's best plan uses profiles that were measured here."""

import dataclasses
import datetime as dt

from planner.domain.evidence import Evidence, Provenance
from planner.domain.profiles import BatchProfile, ServicePoint, key_of
from planner.domain.variants import Precision, Runtime, Variant
from planner.pipeline.asking.knowledge import Knowledge
from planner.pipeline.solving.used import Used
from planner.reference.catalog import Catalog
from tests.support.questions import document

SPEC = document(
    workloads__0__quality=None,
    workloads__0__slo__latency_ms=1000,
)
GRID = (1, 2, 4, 8, 16)


def profile(precision, *, fixed_s=0.1, device="raspberry-pi-4", provenance=Provenance.EMULATED):  # fmt: skip
    """One at a time 9 a second, eight at a time 44."""
    return BatchProfile(
        model="m",
        variant=Variant(precision=precision, runtime=Runtime.TORCH),
        device=device,
        points=tuple(ServicePoint(batch=b, p50_s=fixed_s + 0.01 * b) for b in GRID),
        evidence=Evidence(
            provenance=provenance, source="t", as_of=dt.date(2026, 1, 1), error_frac=0.1
        ),
        memory_bytes=1e8,
    )


FP32, INT8 = profile(Precision.FP32, fixed_s=0.3), profile(Precision.INT8)


def used(*here, others=(), spec=SPEC):
    knowledge = Knowledge(profiles={"m": (*here, *others)}, here=here)
    asked = Used(spec=spec, catalog=Catalog.shipped(), time_limit_s=30.0)
    return asked(knowledge)


def test_it_is_the_profile_of_the_cheapest_plan_up_to_its_batch_limit():
    ((key, batch),) = used(FP32, INT8).items()

    assert key == key_of(INT8)
    assert batch in GRID[1:]


def test_where_one_at_a_time_carries_everything_no_larger_batch_is_used():
    spec = document(
        workloads__0__quality=None,
        workloads__0__slo__latency_ms=1000,
        workloads__0__traffic__rate_rps=1,
    )

    assert used(INT8, spec=spec) == {key_of(INT8): 1}


def test_without_a_plan_nothing_is_used():
    spec = document(workloads__0__quality=None, workloads__0__slo__latency_ms=20)

    assert used(FP32, INT8, spec=spec) == {}


def test_what_others_measured_is_not_told():
    assert used(FP32, others=(INT8,)) == {}


def test_a_prediction_uses_what_it_is_made_from():
    elsewhere = [profile(p, device="local") for p in (Precision.FP32, Precision.INT8)]
    predicted = dataclasses.replace(
        INT8,
        evidence=dataclasses.replace(INT8.evidence, provenance=Provenance.PREDICTED),
    )

    same = used(*elsewhere, others=(predicted,))
    other = used(elsewhere[0], others=(predicted,))

    assert list(same) == [key_of(elsewhere[1])]
    assert list(other) == [key_of(elsewhere[0])]
