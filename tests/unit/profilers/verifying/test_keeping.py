"""What a deployment was seen to do becomes the profile of its device."""

import datetime as dt
from dataclasses import replace
from types import SimpleNamespace

import pytest

from planner.domain.evidence import Evidence, Provenance
from planner.domain.profiles import BatchProfile, Quality, ServicePoint
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import ProfilingError, SpecError
from planner.specs.placements import PlanVariant
from profilers.keys import deployed_key, server_seen_key
from profilers.profiles import deployed_profile
from profilers.store import ProfileStore
from profilers.verifying import endpoint, keeping
from profilers.verifying.lone import Interval, Lone
from profilers.verifying.promise import promise_of
from tests.support.endpoints import about
from tests.support.plans import digits_placement, storefront_plan
from tests.support.replies import reply

AT = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
VARIANT = Variant(precision=Precision.INT8, runtime=Runtime.ONNXRUNTIME)


def batches(size, times_s):
    """Every request of a batch says what the whole batch took."""
    return [
        reply(0.0, 0.1, batch_size=size, service_s=t)
        for t in times_s
        for _ in range(size)
    ]


def deployed(given):
    return keeping.deployed(
        given,
        model="reader",
        variant=PlanVariant(
            precision=Precision.INT8, sparsity_frac=0.0, runtime=Runtime.ONNXRUNTIME
        ),
        device="graviton3-2vcpu",
        measured_at=AT,
        environment={"processor": "p"},
    )


def test_a_batch_counts_once_however_many_requests_were_in_it():
    times_s = [0.010 + 0.0001 * i for i in range(41)]

    seen = deployed(batches(1, [0.005] * 40) + batches(4, times_s))

    one, four = seen.points
    assert (one.batch, one.n_samples, one.p50_s) == (1, 40, 0.005)
    assert (four.batch, four.n_samples) == (4, 41)
    assert four.p50_s == pytest.approx(0.012)
    assert seen.error_frac >= 0.05


def test_a_batch_size_that_seldom_came_is_left_out():
    seen = deployed(batches(1, [0.005] * 40) + batches(8, [0.02] * 5))

    assert [p.batch for p in seen.points] == [1]


def test_a_server_that_does_not_tell_its_times_gives_no_profile():
    with pytest.raises(ProfilingError, match="0 answers say"):
        deployed([reply(0.0, 0.1) for _ in range(500)])


def test_it_is_found_again_by_what_it_was(tmp_path):
    store = ProfileStore(tmp_path / "profiles.sqlite3")
    seen = deployed(batches(1, [0.005] * 40))
    key = deployed_key(
        identity="content", variant=VARIANT, device="graviton3-2vcpu", threads=2
    )
    other = deployed_key(
        identity="content", variant=VARIANT, device="graviton3-2vcpu", threads=1
    )

    store.keep_deployed(key, seen)

    assert store.deployed([key, other]) == {key: seen}
    assert store.lookup([key]) == {}
    (row,) = store.listing()
    assert row.result == seen
    assert row.what == "int8 on onnxruntime, deployed on graviton3-2vcpu"


def test_its_times_stand_in_place_of_the_emulators_and_the_rest_stays():
    emulated = BatchProfile(
        model="reader",
        variant=VARIANT,
        device="graviton3-2vcpu",
        points=(ServicePoint(batch=1, p50_s=0.02), ServicePoint(batch=2, p50_s=0.03)),
        evidence=Evidence(
            provenance=Provenance.EMULATED, source="e", as_of=AT.date(), error_frac=0.4
        ),
        memory_bytes=1e8,
        quality=Quality(metric="top1_accuracy", value_frac=0.97, source="s"),
    )
    seen = deployed(batches(1, [0.005] * 40))

    profile = deployed_profile(seen, name="digits", otherwise=emulated)

    assert [(p.batch, p.p50_s) for p in profile.points] == [(1, 0.005)]
    assert profile.evidence.provenance is Provenance.MEASURED
    assert profile.evidence.error_frac < 0.4
    assert (profile.model, profile.memory_bytes) == ("digits", 1e8)
    assert profile.quality == emulated.quality


def test_this_machine_is_no_cloud_instance_unless_the_user_says_so():
    with pytest.raises(SpecError, match="--device"):
        keeping.device_of("http://127.0.0.1:8000/", "graviton3-2vcpu", named=None)

    assert keeping.device_of("http://localhost/", "pi", named="local") == "local"
    assert keeping.device_of("http://10.0.0.7/", "pi", named=None) == "pi"


LONE = Lone(
    together=Interval(median_s=0.004, low_s=0.0038, high_s=0.0044),
    processor=Interval(median_s=0.001, low_s=0.0009, high_s=0.0013),
    why_not="",
    n_requests=300,
    request_bytes=2048,
)


def kept(store, monkeypatch, lone, *, replicas=1, way=None):
    """What is said and what is found of the server, when a deployment is kept."""
    monkeypatch.setattr(keeping, "identity", lambda _: "content")
    placement = digits_placement().model_copy(update={"replicas": replicas})
    plan = storefront_plan()
    plan = plan.model_copy(update={"placements": (placement,)})
    tried = SimpleNamespace(
        promise=promise_of(plan, placement.workload, site=None),
        endpoint=SimpleNamespace(about=endpoint._read_about(about(placement))),
        replies=batches(1, [0.005] * 40),
        verification=SimpleNamespace(measured_at=AT),
        lone=lone,
        emulated_way=way,
    )
    said = keeping.keep(tried, store, model=None, device="raspberry-pi-4")
    key = server_seen_key(identity="content", device="raspberry-pi-4")
    return said, store.servers_seen([key]).get(key)


@pytest.fixture
def store(tmp_path):
    return ProfileStore(tmp_path / "profiles.sqlite3")


def test_what_its_server_takes_is_kept_with_it(store, monkeypatch):
    said, seen = kept(store, monkeypatch, LONE)

    assert "its server takes 4.00 ms beside its model, 1.00 of them processor" in said
    assert (seen.together_s, seen.processor_s) == (0.004, 0.001)
    # The wider of both: 1.3 ms at most, of 1 ms.
    assert seen.error_frac == pytest.approx(0.3)
    assert (seen.device, seen.measured_at, seen.n_requests) == (
        "raspberry-pi-4",
        AT,
        300,
    )
    assert seen.environment == {"processor": "a test's"}


def test_processor_time_that_was_not_told_is_said_to_stay_scaled(store, monkeypatch):
    untold = replace(LONE, processor=None, why_not="a model of 2 threads")

    said, seen = kept(store, monkeypatch, untold)

    assert "stays as it was scaled: a model of 2 threads" in said
    assert seen.processor_s is None
    assert seen.error_frac == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("lone", "replicas", "way", "says"),
    [
        (LONE, 2, None, "of its server nothing, for 2 replicas answer"),
        (None, 1, None, "of its server nothing that could be told"),
        (None, 1, "RTT 28.0 ms", "for the emulated way would be taken for it"),
    ],
)
def test_a_server_of_which_nothing_is_told_is_not_kept(
    store, monkeypatch, lone, replicas, way, says
):
    said, seen = kept(store, monkeypatch, lone, replicas=replicas, way=way)

    assert says in said
    assert seen is None
