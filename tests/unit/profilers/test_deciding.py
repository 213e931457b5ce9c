"""A plan is asked in between, and what it would not use at its fastest is not timed."""

from dataclasses import replace

import pytest

from planner.domain.evidence import Provenance
from planner.domain.profiles import key_of
from planner.domain.profiling import PointsTimed
from planner.domain.variants import Precision
from profilers.running.local import LocalExecutor
from profilers.served import ServedProfiling
from profilers.store import ProfileStore
from tests.support.profiling import (
    MEASURING,
    SUPPORT,
    VERSIONS,
    RoomsEmulator,
    job,
    profiling,
    sessions,
)
from tests.support.timed import SERVER

GRID = (1, 2, 4, 8)


@pytest.fixture(autouse=True)
def _search_path(monkeypatch):
    monkeypatch.syspath_prepend(SUPPORT)


class Planner:
    """Uses these devices as far as said, as long as they have a profile; notes all."""

    def __init__(self, **batch_of):
        self.batch_of = batch_of
        self.asked = []

    def __call__(self, outcome):
        self.asked.append(outcome)
        return {
            key_of(p): self.batch_of[p.device.replace("-", "_")]
            for p in outcome.profiles
            if p.device.replace("-", "_") in self.batch_of
        }


def hoped_s(profile):
    return {p.batch: p.p50_s for p in profile.points}


@pytest.fixture
def profile(tmp_path):
    """Profiles a model of that behaviour with so much planning; the store is kept."""

    def profile(name, planned, *, emulator=None, **changes):
        asked = replace(job(name, tmp_path), batches=GRID, **changes)
        return profiling(
            ProfileStore(tmp_path / "profiles.sqlite3"),
            LocalExecutor(measuring=MEASURING, versions=VERSIONS),
            emulator=emulator,
        ).profile([asked], on_progress=lambda _: None, planned=planned)

    return profile


def test_what_no_plan_uses_is_timed_at_the_smallest_batch_alone(profile, tmp_path):
    planner = Planner()

    outcome = profile("steady", planner)

    assert sessions(tmp_path) == [(1,)]
    assert outcome.points == PointsTimed(n_curves=1, n_grid=4, n_timed=1, n_read_off=0, n_plans=1)  # fmt: skip
    assert outcome.points.n_beyond == 3
    ((hoped,),) = (asked.profiles for asked in planner.asked)
    assert [(p.batch, p.p50_s) for p in hoped.points] == [(b, 0.01) for b in GRID]
    assert hoped.batch_grid == GRID
    (known,) = outcome.profiles
    assert [p.batch for p in known.points] == [1]


def test_a_curve_is_timed_as_far_as_the_plan_uses_it_and_the_plan_is_asked_again(
    profile, tmp_path
):
    planner = Planner(local=4)

    outcome = profile("steady", planner)

    assert sessions(tmp_path) == [(1,), (1, 4), (1, 2, 4)]
    first, second, third = (asked.profiles[0] for asked in planner.asked)
    assert hoped_s(first) == dict.fromkeys(GRID, 0.01)
    assert hoped_s(second) == {1: 0.01, 2: 0.02, 4: 0.04, 8: 0.04}
    assert hoped_s(third) == hoped_s(second)
    assert (outcome.points.n_timed, outcome.points.n_plans) == (3, 3)
    assert outcome.profiles[0].evidence.provenance is Provenance.MEASURED


def test_a_batch_that_the_plan_uses_no_more_leaves_what_lies_before_it_unknown(
    profile, tmp_path
):
    class Wavering(Planner):
        def __call__(self, outcome):
            return super().__call__(outcome) if not self.asked else {}

    outcome = profile("steady", Wavering(local=8))

    assert sessions(tmp_path) == [(1,), (1, 8)]
    (known,) = outcome.profiles
    assert [p.batch for p in known.points] == [1, 8]
    assert known.batch_grid == (1,)
    assert (outcome.points.n_timed, outcome.points.n_read_off) == (2, 0)


def test_only_the_curves_that_the_plan_uses_are_timed_farther(profile, tmp_path):
    outcome = profile("steady", Planner(half_speed=2), devices=("half-speed", "local"))

    assert sorted(sessions(tmp_path)) == [(1,), (1,), (1, 2)]
    assert {p.device: len(p.points) for p in outcome.profiles} == {"half-speed": 2, "local": 1}  # fmt: skip
    assert (outcome.points.n_curves, outcome.points.n_timed) == (2, 3)


def test_a_second_run_asks_the_plan_as_often_and_measures_nothing(profile, tmp_path):
    first = profile("steady", Planner(local=4))
    before = sessions(tmp_path)

    second = profile("steady", Planner(local=4))

    assert sessions(tmp_path) == before
    assert (second.profiles, second.points) == (first.profiles, first.points)
    assert (second.n_measured, second.n_cached) == (0, 3)


def test_a_whole_grid_that_is_stored_is_known_at_once(profile, tmp_path):
    profile("steady", None)

    outcome = profile("steady", Planner(local=4))

    assert sessions(tmp_path) == [GRID]
    assert (outcome.points.n_timed, outcome.points.n_plans) == (4, 1)


def test_a_batch_without_room_leaves_the_smaller_ones(profile, tmp_path):
    planner = Planner(local=8)

    outcome = profile("bulky", planner)

    assert sessions(tmp_path) == [(1,), (1, 8), (1, 4), (1, 2, 4)]
    assert [p.batch for p in outcome.profiles[0].points] == [1, 2, 4]
    assert planner.asked[1].profiles[0].batch_grid == (1, 2, 4)
    assert outcome.failures == ()


def processes(directory):
    """What measured, session by session, numbered in the order of their coming."""
    pids = [line.split()[-1] for line in (directory / "log").read_text().splitlines()]
    return [list(dict.fromkeys(pids)).index(pid) for pid in pids]


def test_the_parts_of_a_curve_are_measured_by_one_process_and_those_of_each_by_another(
    profile, tmp_path
):
    profile(
        "steady",
        Planner(local=4),
        precisions=(Precision.FP32, Precision.BF16),
        devices=("local", "half-speed"),
    )

    assert sessions(tmp_path)[:4] == [(1,)] * 4
    assert sorted(processes(tmp_path)) == [0, 0, 0, 1, 1, 1, 2, 3]


def test_a_part_without_room_leaves_no_process_to_go_on(profile, tmp_path):
    profile("bulky", Planner(local=8))

    assert sessions(tmp_path) == [(1,), (1, 8), (1, 4), (1, 2, 4)]
    assert processes(tmp_path) == [0, 0, 1, 1]


def test_what_fails_at_once_is_tried_once_and_told(profile, tmp_path):
    outcome = profile("refuse", Planner(local=4), precisions=(Precision.FP32,))

    assert sessions(tmp_path) == [(1,)]
    assert "no such function" in outcome.failures[0].reason
    assert "kept from" not in outcome.failures[0].reason
    assert outcome.points.n_grid == 0


def test_a_device_without_room_for_the_tightest_is_known_from_its_own(
    profile, tmp_path
):
    planner = Planner(large=2)

    outcome = profile(
        "roomy", planner, emulator=RoomsEmulator(), devices=("small", "large")
    )

    assert {p.device: len(p.points) for p in outcome.profiles} == {"large": 2}
    assert [f.device for f in outcome.failures] == ["small"]


class Watched:
    """Profiles as another does, and lets the plan be asked about what it found."""

    def __init__(self, outcome):
        self.outcome = outcome

    def references(self):
        return ()

    def reachable_devices(self):
        return ()

    def profile(self, jobs, *, on_progress, planned=None):
        planned(self.outcome)
        return self.outcome


def test_the_plan_is_asked_about_profiles_with_what_serving_costs(profile, tmp_path):
    asked, weighed = Planner(), []

    def weigh(model):
        weighed.append(model.name)
        return SERVER

    served = ServedProfiling(
        inner=Watched(profile("steady", None)),
        store=ProfileStore(tmp_path / "servers.sqlite3"),
        emulator=RoomsEmulator(),
        cores_of=lambda _: 4,
        identify=lambda model: model.name,
        weigh=weigh,
    )
    outcome = served.profile([job("steady", tmp_path)], on_progress=lambda _: None, planned=asked)  # fmt: skip

    (hoped,) = asked.asked[0].profiles
    assert hoped.server.processor_s == SERVER.processor_s
    assert hoped.server == outcome.profiles[0].server
    assert weighed == ["steady"], "once for all times that the plan is asked"
