"""What serving costs goes with a profile: measured here, scaled elsewhere, or unknown."""

import datetime as dt
import math
from dataclasses import replace

import pytest

from planner.domain.evidence import Provenance
from planner.domain.variants import Runtime
from planner.errors import ProfilingError
from profilers import servers
from profilers.encoding import decode, encode
from profilers.keys import server_seen_key
from profilers.running.local import LocalExecutor
from profilers.served import ServedProfiling
from profilers.servers import OWN_PORT, ServerSeen
from profilers.store import ProfileStore
from tests.support.profiling import (
    MEASURING,
    SUPPORT,
    VERSIONS,
    DoublingEmulator,
    job,
    profiling,
)
from tests.support.timed import SERVER

SEEN = ServerSeen(
    device="half-speed",
    server=OWN_PORT,
    request_bytes=2048,
    together_s=0.0040,
    together_low_s=0.0038,
    together_high_s=0.0044,
    processor_s=0.0025,
    why_not="",
    n_requests=300,
    error_frac=0.1,
    measured_at=dt.datetime(2026, 11, 25, tzinfo=dt.UTC),
    environment={"processor": "an edge box's"},
)
UNTOLD = replace(SEEN, processor_s=None, why_not="a model of 2 threads")


@pytest.fixture(autouse=True)
def _search_path(monkeypatch):
    monkeypatch.syspath_prepend(SUPPORT)


@pytest.fixture
def store(tmp_path):
    return ProfileStore(tmp_path / "profiles.sqlite3")


def served(store, *, weigh=None, cores=4):
    emulator = DoublingEmulator()
    inner = profiling(
        store, LocalExecutor(measuring=MEASURING, versions=VERSIONS), emulator=emulator
    )
    return ServedProfiling(
        inner=inner,
        store=store,
        emulator=emulator,
        cores_of=lambda _: 4,
        identify=lambda model: model.name,
        weigh=weigh,
        cores=cores,
    )


def profile(profiler, *jobs):
    return profiler.profile(jobs, on_progress=lambda _: None)


def test_unmeasured_it_stays_unknown(store, tmp_path):
    (found,) = profile(served(store), job("steady", tmp_path)).profiles

    assert found.server is None


def test_it_is_measured_once_and_known_from_then_on(store, tmp_path):
    asked = []

    def weigh(model):
        asked.append(model.name)
        return SERVER

    for way in (weigh, weigh, None):
        (found,) = profile(served(store, weigh=way), job("steady", tmp_path)).profiles
        assert (found.server.processor_s, found.server.latency_s) == (0.0008, 0.0003)
        assert found.server.evidence.provenance is Provenance.MEASURED
        assert found.server.evidence.error_frac == 0.125
        assert "0.80 ms of processor time (0.70 to 0.90)" in found.server.evidence.note

    assert asked == ["steady"]


@pytest.mark.parametrize(
    ("runtime", "cores", "share"),
    [
        (Runtime.ONNXRUNTIME, 1, 1.0),
        (Runtime.ONNXRUNTIME, 2, 0.5),
        (Runtime.ONNXRUNTIME, 8, 0.125),
        # It holds the interpreter, however many cores there are.
        (Runtime.TORCH, 8, 1.0),
    ],
)
def test_a_server_takes_from_the_model_what_it_finds_no_other_core_for(
    store, tmp_path, runtime, cores, share
):
    profiler = served(store, weigh=lambda _: SERVER, cores=cores)
    wanted = replace(job("steady", tmp_path), runtimes=(runtime,))

    (found,) = profile(profiler, wanted).profiles

    assert found.server.shared_frac == share


@pytest.mark.parametrize(
    ("rooms", "share"), [(((1, 1),), 0.25), (((1, 1), (2, 2)), 1.0)]
)
def test_replicas_that_fill_the_machine_leave_the_server_no_core(
    store, tmp_path, rooms, share
):
    asked = replace(
        job("steady", tmp_path), rooms=rooms, runtimes=(Runtime.ONNXRUNTIME,)
    )

    outcome = profile(served(store, weigh=lambda _: SERVER), asked)

    assert {p.server.shared_frac for p in outcome.profiles} == {share}


def test_elsewhere_it_is_scaled_as_a_model_is_within_a_wider_band(store, tmp_path):
    profiler = served(store, weigh=lambda _: SERVER)

    (found,) = profile(
        profiler, job("steady", tmp_path, devices=("half-speed",))
    ).profiles

    cost = found.server
    assert cost.processor_s == pytest.approx(0.0016)
    assert cost.latency_s == pytest.approx(0.0006)
    assert cost.shared_frac == 1.0
    assert cost.evidence.provenance is Provenance.PREDICTED
    # Independent log-normal factors: the emulator's 1.3, and 2 = √4 for the cores.
    expected = math.exp(math.hypot(math.log(1.3), math.log(2.0))) - 1
    assert cost.evidence.error_frac == pytest.approx(expected)


def test_a_server_that_does_not_start_is_told_and_costs_no_profile(store, tmp_path):
    def weigh(model):
        raise ProfilingError("it did not start")

    outcome = profile(served(store, weigh=weigh), job("steady", tmp_path))

    assert outcome.profiles[0].server is None
    assert outcome.warnings[-1] == "steady: it did not start"


def test_what_is_stored_is_read_back_whole():
    assert decode(encode(SERVER)) == SERVER


def test_a_stored_cost_that_is_no_number_is_refused():
    endless = replace(SERVER, processor_s=math.inf)

    with pytest.raises(ValueError, match="JSON compliant"):
        encode(endless)


def test_on_one_core_elsewhere_only_the_emulators_band_is_left():
    cost = servers.there(SERVER, ratio=3.0, error_frac=0.3, cores=1)

    assert cost.processor_s == pytest.approx(0.0024)
    assert cost.evidence.error_frac == pytest.approx(0.3)


def kept(store, seen, *, device="half-speed"):
    """As `planner verify --store` keeps it, for the model that is called steady."""
    key = server_seen_key(identity="steady", device=device)
    store.keep_server_seen(key, "steady", seen)


def on_half_speed(store, tmp_path, *, weigh=None):
    asked = job("steady", tmp_path, devices=("half-speed",))
    (found,) = profile(served(store, weigh=weigh), asked).profiles
    return found.server


def test_what_was_seen_on_the_device_stands_in_place_of_what_was_scaled(
    store, tmp_path
):
    scaled = on_half_speed(store, tmp_path, weigh=lambda _: SERVER)
    kept(store, SEEN)

    cost = on_half_speed(store, tmp_path)

    assert scaled.processor_s == pytest.approx(0.0016)
    assert (cost.processor_s, cost.latency_s) == pytest.approx((0.0025, 0.0015))
    assert cost.shared_frac == scaled.shared_frac
    assert cost.evidence.provenance is Provenance.MEASURED
    assert cost.evidence.error_frac == 0.1
    assert "running deployment on half-speed" in cost.evidence.source
    assert "both measured" in cost.evidence.note


def test_processor_time_that_was_not_told_stays_scaled_and_the_sum_holds(
    store, tmp_path
):
    scaled = on_half_speed(store, tmp_path, weigh=lambda _: SERVER)
    kept(store, UNTOLD)

    cost = on_half_speed(store, tmp_path)

    assert cost.processor_s == scaled.processor_s
    assert cost.processor_s + cost.latency_s == pytest.approx(0.0040)
    assert cost.evidence.provenance is Provenance.PREDICTED
    assert cost.evidence.error_frac == scaled.evidence.error_frac
    assert "the first scaled (a model of 2 threads)" in cost.evidence.note


def test_more_processor_time_than_was_seen_in_all_is_not_believed(store, tmp_path):
    on_half_speed(store, tmp_path, weigh=lambda _: SERVER)
    kept(store, replace(UNTOLD, together_s=0.001))

    cost = on_half_speed(store, tmp_path)

    assert (cost.processor_s, cost.latency_s) == (0.001, 0.0)


def test_where_nothing_is_scaled_all_of_it_counts_as_processor_time(store, tmp_path):
    kept(store, UNTOLD)

    cost = on_half_speed(store, tmp_path)

    assert (cost.processor_s, cost.latency_s) == (0.0040, 0.0)
    assert "for want of better" in cost.evidence.note


def test_a_server_seen_elsewhere_says_nothing_of_this_device(store, tmp_path):
    kept(store, SEEN, device="another")

    assert on_half_speed(store, tmp_path) is None


@pytest.mark.parametrize("seen", [SEEN, UNTOLD])
def test_what_was_seen_is_read_back_as_it_was_kept(store, seen):
    kept(store, seen)

    (row,) = store.listing()
    assert row.result == seen == decode(encode(seen))
    assert row.what == f"what a request costs {OWN_PORT} on half-speed"


def test_of_the_model_itself_a_pause_is_counted_once_and_its_batches_are_stirred():
    own = replace(SERVER, is_own=True, rested_s=0.003, stirred_s=0.0004)
    nothing = replace(SERVER, rested_s=0.003)

    def here(measured):
        return servers.here(
            measured, runtime=Runtime.TORCH, threads=1, cores=2, model_rested_s=0.001
        )

    assert here(own).rested_s == pytest.approx(0.002)
    assert here(own).stirred_s == 0.0004
    assert (here(nothing).rested_s, here(nothing).stirred_s) == (0.003, 0.0)
    assert "requests to it" in here(own).evidence.note
    assert "among the server's work" in here(own).evidence.note
    assert decode(encode(own)) == own
