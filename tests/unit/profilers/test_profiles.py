"""A deployment that was measured goes before what an emulator says of its device."""

import datetime as dt

import pytest

from planner.domain.evidence import Provenance
from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from profilers.keys import deployed_key
from profilers.running.local import LocalExecutor
from profilers.running.process import resolve
from profilers.store import ProfileStore
from profilers.trials import Deployed
from tests.support.profiling import (
    IDENTITY,
    MEASURING,
    SUPPORT,
    VERSIONS,
    job,
    profiling,
)
from tests.support.timed import point

VARIANT = Variant(precision=Precision.FP32, runtime=Runtime.TORCH)


@pytest.fixture(autouse=True)
def _search_path(monkeypatch):
    monkeypatch.syspath_prepend(SUPPORT)


def deployed(device, p50_s):
    return Deployed(
        model="as it was called then",
        variant=VARIANT,
        device=device,
        points=(point(p50_s),),
        error_frac=0.05,
        measured_at=dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
        source="planner verify: 100 requests to the running deployment",
    )


def kept(store, directory, *, name, device, threads, p50_s=0.007):
    model = TorchModel(name=name, directory=directory, factory="m:build")
    key = deployed_key(
        identity=resolve(IDENTITY)(model),
        variant=VARIANT,
        device=device,
        threads=threads,
    )
    store.keep_deployed(key, deployed(device, p50_s))


def profiles(store, directory, name, *devices):
    executor = LocalExecutor(measuring=MEASURING, versions=VERSIONS)
    outcome = profiling(store, executor).profile(
        [job(name, directory, devices=devices)], on_progress=lambda _: None
    )
    return {p.device: p for p in outcome.profiles}


def test_the_device_that_was_seen_is_known_and_the_others_are_emulated(tmp_path):
    store = ProfileStore(tmp_path / "profiles.sqlite3")
    # The emulator's device has two threads.
    kept(store, tmp_path, name="steady", device="half-speed", threads=2)

    found = profiles(store, tmp_path, "steady", "half-speed", "local")

    seen = found["half-speed"]
    assert seen.evidence.provenance is Provenance.MEASURED
    assert (seen.model, seen.evidence.error_frac) == ("steady", 0.05)
    assert [(p.batch, p.p50_s) for p in seen.points] == [(1, 0.007)]
    assert found["local"].points[0].p50_s == 0.01


def test_another_number_of_threads_was_another_deployment(tmp_path):
    store = ProfileStore(tmp_path / "profiles.sqlite3")
    kept(store, tmp_path, name="steady", device="half-speed", threads=1)

    found = profiles(store, tmp_path, "steady", "half-speed")

    assert found["half-speed"].evidence.provenance is Provenance.EMULATED


def test_a_variant_that_cannot_be_measured_here_is_known_from_where_it_ran(tmp_path):
    store = ProfileStore(tmp_path / "profiles.sqlite3")
    kept(store, tmp_path, name="refuse", device="half-speed", threads=2)

    found = profiles(store, tmp_path, "refuse", "half-speed")

    assert found["half-speed"].points[0].p50_s == 0.007
    assert found["half-speed"].memory_bytes is None
