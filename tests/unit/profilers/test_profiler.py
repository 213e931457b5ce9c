"""Jobs become trials, trials become profiles; what is stored is not measured again."""

from dataclasses import replace

import pytest

from planner.domain.evidence import Provenance
from planner.domain.profiling import DENSE, Sparsity
from planner.domain.variants import Precision, Runtime, SparsityPattern, Variant
from profilers.running.local import LocalExecutor
from profilers.running.session import settled
from profilers.store import ProfileStore
from profilers.trials import Envelope, Failure, Measurement, Trial
from tests.support.profiling import (
    MEASURING,
    SUPPORT,
    VERSIONS,
    DoublingEmulator,
    RoomsEmulator,
    job,
    measured,
    profiling,
)
from tests.support.timed import measurement, point


@pytest.fixture(autouse=True)
def _search_path(monkeypatch):
    monkeypatch.syspath_prepend(SUPPORT)


@pytest.fixture
def store(tmp_path):
    return ProfileStore(tmp_path / "profiles.sqlite3")


@pytest.fixture
def executor():
    return LocalExecutor(measuring=MEASURING, versions=VERSIONS)


def silent(_progress):
    pass


def test_this_machines_profile_is_what_was_measured(store, executor, tmp_path):
    outcome = profiling(store, executor).profile(
        [job("steady", tmp_path)], on_progress=silent
    )

    (profile,) = outcome.profiles
    assert profile.device == "local"
    assert profile.evidence.provenance is Provenance.MEASURED
    assert profile.evidence.error_frac == 0.1
    assert [(p.batch, p.p50_s, p.p99_s) for p in profile.points] == [
        (1, 0.01, 0.02),
        (2, 0.02, 0.04),
    ]
    assert (outcome.n_measured, outcome.n_cached) == (1, 0)
    assert outcome.environment == {"cheap": "1"}


def test_many_trials_are_told_one_by_one_with_their_pace(store, executor, tmp_path):
    told = []
    known = [job(f"steady-{n}", tmp_path) for n in range(5)]
    jobs = [*known, *(job(f"steady-{n}", tmp_path) for n in range(5, 120))]
    profiling(store, executor).profile(known, on_progress=silent)

    profiling(store, executor).profile(jobs, on_progress=told.append)

    # Each as it starts, the last as it ends, and what comes after.
    assert [p.done for p in told] == [*range(5, 121), 120]
    assert {p.total for p in told} == {120}
    assert [p.what for p in told[:2]] == [
        "steady-5 fp32 on torch, 1 thread",
        "steady-6 fp32 on torch, 1 thread",
    ]
    assert [p.done_per_s for p in told[:3]] == [None] * 3
    assert all(p.left_s > 0 for p in told[3:-2])
    assert told[-2].left_s is None


def test_the_pace_is_of_what_this_run_measured(store, tmp_path):
    now_s, told = [0.0], []

    def clock():
        now_s[0] += 0.01
        return now_s[0]

    def executor():
        return LocalExecutor(measuring=MEASURING, versions=VERSIONS, clock=clock)

    jobs = [job(f"steady-{n}", tmp_path) for n in range(8)]
    profiling(store, executor()).profile(jobs[:3], on_progress=silent)

    profiling(store, executor()).profile(
        jobs, on_progress=lambda progress: told.append((progress, now_s[0]))
    )

    paced = [(p, at_s) for p, at_s in told if p.done_per_s is not None]
    began_s = {round(at_s - (p.done - 3) / p.done_per_s, 6) for p, at_s in paced}
    assert len(paced) > 2
    assert len(began_s) == 1, "each pace is that of the run from its beginning"
    assert all(
        p.left_s == pytest.approx((8 - p.done) / p.done_per_s)
        for p, _ in paced
        if p.done < 8
    )


def test_the_second_run_measures_nothing_and_answers_the_same(
    store, executor, tmp_path
):
    jobs = [job(n, tmp_path) for n in ("steady", "refuse", "crash")]
    first = profiling(store, executor).profile(jobs, on_progress=silent)
    before = measured(tmp_path)

    second = profiling(store, executor).profile(jobs, on_progress=silent)

    assert measured(tmp_path) == before
    assert second.profiles == first.profiles
    assert (second.n_measured, second.n_cached) == (0, 3)
    for old, new in zip(first.failures, second.failures, strict=True):
        assert new.reason.startswith(f"{old.reason} (kept from ")


def test_stored_failures_are_measured_again_only_when_asked(store, executor, tmp_path):
    jobs = [job(n, tmp_path) for n in ("steady", "refuse")]
    profiling(store, executor).profile(jobs, on_progress=silent)

    asked = profiling(store, executor, retry_failed=True).profile(
        jobs, on_progress=silent
    )

    assert measured(tmp_path) == ["steady", "refuse", "refuse"]
    assert (asked.n_measured, asked.n_cached) == (1, 1)


def test_what_is_known_is_measured_again_only_when_asked_and_then_kept_instead(
    store, executor, tmp_path
):
    jobs = [job(n, tmp_path) for n in ("steady", "refuse")]
    profiling(store, executor).profile(jobs, on_progress=silent)

    asked = profiling(store, executor, again=True).profile(jobs, on_progress=silent)
    after = profiling(store, executor).profile(jobs, on_progress=silent)

    assert measured(tmp_path) == ["steady", "refuse"] * 2
    assert (asked.n_measured, asked.n_cached) == (2, 0)
    assert (after.n_measured, after.n_cached) == (0, 2)


def test_what_was_timed_for_a_nearer_percentile_serves_a_farther_one_and_says_so(
    store, executor, tmp_path
):
    def told(percentile_frac, **options):
        asked = replace(job("steady", tmp_path), percentile_frac=percentile_frac)
        profiler = profiling(store, executor, **options)
        return profiler.profile([asked], on_progress=silent).warnings

    assert told(0.95) == ()
    assert told(0.9) == ()
    (warning,) = told(0.99)
    assert "until its 95th percentile was known" in warning
    assert "the 99th is asked for now: planner profile SPEC --again" in warning
    assert measured(tmp_path) == ["steady"]
    assert told(0.99, again=True) == ()
    assert told(0.99) == ()


def test_devices_that_share_an_envelope_share_the_measurement(
    store, executor, tmp_path
):
    jobs = [job("steady", tmp_path, devices=("half-speed", "local"))]

    outcome = profiling(store, executor, local_envelope=Envelope(threads=2)).profile(
        jobs, on_progress=silent
    )

    assert measured(tmp_path) == ["steady"]
    assert {p.device: p.points[0].p50_s for p in outcome.profiles} == {
        "half-speed": 0.02,
        "local": 0.01,
    }


def test_a_device_that_cannot_be_emulated_is_a_failure_and_the_others_go_on(
    store, executor, tmp_path
):
    jobs = [job("steady", tmp_path, devices=("toaster", "half-speed"))]

    outcome = profiling(store, executor).profile(jobs, on_progress=silent)

    assert [p.device for p in outcome.profiles] == ["half-speed"]
    assert [(f.device, f.reason) for f in outcome.failures] == [
        ("toaster", "'toaster' cannot be emulated")
    ]


def test_a_model_without_identity_is_a_failure_and_the_others_go_on(
    store, executor, tmp_path
):
    jobs = [
        job("missing", tmp_path, precisions=(Precision.FP32, Precision.INT8)),
        job("steady", tmp_path),
    ]

    outcome = profiling(store, executor).profile(jobs, on_progress=silent)

    assert [p.model for p in outcome.profiles] == ["steady"]
    assert [(f.model, f.variant.precision) for f in outcome.failures] == [
        ("missing", Precision.FP32),
        ("missing", Precision.INT8),
    ]


def calibration_trial(name, directory):
    return Trial(
        model=job(name, directory).model,
        variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH),
        envelope=Envelope(),
        batches=(1,),
    )


def test_the_emulator_is_calibrated_with_what_its_own_trials_gave(
    store, executor, tmp_path
):
    known = [calibration_trial(n, tmp_path) for n in ("steady-known", "refuse-known")]
    emulator = DoublingEmulator(known)

    outcome = profiling(store, executor, emulator=emulator).profile(
        [job("steady", tmp_path, devices=("half-speed",))], on_progress=silent
    )

    assert isinstance(emulator.learned[known[0]], Measurement)
    assert isinstance(emulator.learned[known[1]], Failure)
    assert [p.device for p in outcome.profiles] == ["half-speed"]
    assert outcome.n_measured == 3
    assert any("refuse-known" in warning for warning in outcome.warnings)


def test_no_calibration_is_made_for_this_machine_alone(store, executor, tmp_path):
    emulator = DoublingEmulator([calibration_trial("steady-known", tmp_path)])

    profiling(store, executor, emulator=emulator).profile(
        [job("steady", tmp_path)], on_progress=silent
    )

    assert measured(tmp_path) == ["steady"]
    assert emulator.learned is None


def test_a_noisy_measurement_is_made_once_more_after_the_others(
    store, executor, tmp_path
):
    outcome = profiling(store, executor).profile(
        [job("noisy", tmp_path), job("steady", tmp_path)], on_progress=silent
    )

    assert measured(tmp_path) == ["noisy", "steady", "noisy"]
    assert [p.evidence.error_frac for p in outcome.profiles] == [0.1, 0.1]
    assert any("calm when measured again" in w for w in outcome.warnings)


def test_what_stays_noisy_is_kept_and_reported_and_not_repeated_for_ever(
    store, executor, tmp_path
):
    outcome = profiling(store, executor).profile(
        [job("shaky", tmp_path)], on_progress=silent
    )

    assert measured(tmp_path) == ["shaky", "shaky"]
    assert len(outcome.profiles) == 1
    assert any("noisy again" in w for w in outcome.warnings)


def noisy(p50_s, *, error_frac):
    return measurement(point(p50_s, is_noisy=True), error_frac=error_frac)


def test_two_noisy_runs_widen_the_band_until_it_holds_both_medians():
    slower, faster = noisy(0.15, error_frac=0.2), noisy(0.10, error_frac=0.1)

    together = settled(slower, faster)

    assert together.points == faster.points
    assert together.error_frac == pytest.approx(0.65)  # 1.1 × 1.5
    assert faster.points[0].p50_s * (1 + together.error_frac) >= 0.15


def test_a_noisy_measurement_survives_a_failing_repetition():
    first = noisy(0.1, error_frac=0.3)
    failure = Failure(reason="killed", failed_at=first.measured_at)

    kept = settled(first, failure)

    assert replace(kept, warnings=()) == first
    assert "killed" in kept.warnings[0]


def test_a_figure_that_is_no_number_is_a_failure(store, executor, tmp_path):
    outcome = profiling(store, executor).profile(
        [job("absurd", tmp_path)], on_progress=silent
    )

    assert "infinite or not a number" in outcome.failures[0].reason


def test_progress_counts_up_to_the_total_and_names_what_is_measured(
    store, executor, tmp_path
):
    said = []

    profiling(store, executor).profile(
        [job("steady-1", tmp_path), job("steady-2", tmp_path)], on_progress=said.append
    )

    assert {p.total for p in said} == {2}
    assert [p.done for p in said] == sorted(p.done for p in said)
    assert said[-1].done == 2
    assert any("steady-2 fp32 on torch" in p.what for p in said)


def test_two_models_of_the_same_content_are_measured_once_and_keep_their_names(
    store, executor, tmp_path
):
    jobs = [
        job("steady-old", tmp_path, weights=tmp_path / "w"),
        job("steady-new", tmp_path, weights=tmp_path / "w"),
    ]

    outcome = profiling(store, executor).profile(jobs, on_progress=silent)

    assert len(measured(tmp_path)) == 1
    assert [p.model for p in outcome.profiles] == ["steady-old", "steady-new"]


def test_no_jobs_no_measurement(store, executor):
    outcome = profiling(store, executor).profile([], on_progress=silent)

    assert (outcome.profiles, outcome.failures, outcome.n_measured) == ((), (), 0)


def test_the_devices_within_reach_are_the_emulators(store, executor):
    assert profiling(store, executor).reachable_devices() == ("half-speed",)


def test_devices_that_differ_in_memory_alone_share_the_measurement(
    store, executor, tmp_path
):
    outcome = profiling(store, executor, emulator=RoomsEmulator()).profile(
        [job("steady", tmp_path, devices=("small", "middle", "large"))],
        on_progress=silent,
    )

    assert measured(tmp_path) == ["steady"]
    assert {p.device for p in outcome.profiles} == {"small", "middle", "large"}


def test_what_fails_in_the_tightest_room_is_measured_in_each_devices_own(
    store, executor, tmp_path
):
    outcome = profiling(store, executor, emulator=RoomsEmulator()).profile(
        [job("roomy", tmp_path, devices=("small", "middle", "large"))],
        on_progress=silent,
    )

    assert {p.device for p in outcome.profiles} == {"middle", "large"}
    assert [f.device for f in outcome.failures] == ["small"]
    assert "out of memory" in outcome.failures[0].reason


def test_a_precision_that_cannot_be_mapped_is_refused_before_it_is_measured(
    store, executor, tmp_path
):
    precisions = (Precision.FP32, Precision.BF16)

    outcome = profiling(store, executor, emulator=RoomsEmulator()).profile(
        [job("steady", tmp_path, devices=("large",), precisions=precisions)],
        on_progress=silent,
    )

    assert measured(tmp_path) == ["steady"]
    assert "too few known models" in outcome.failures[0].reason


def test_each_pattern_and_each_room_asked_for_is_measured(store, executor, tmp_path):
    asked = replace(
        job("steady", tmp_path),
        sparsities=(
            DENSE,
            Sparsity(share_frac=0.5, pattern=SparsityPattern.TWO_OF_FOUR),
        ),
        rooms=((1, 1), (2, 1), (1, 3)),
    )

    outcome = profiling(store, executor).profile([asked], on_progress=silent)

    assert [
        (str(p.variant), p.evidence.note.partition(", ")[2]) for p in outcome.profiles
    ] == [
        (variant, room)
        for room in ("1 thread", "2 threads", "1 thread, 3 replicas at once")
        for variant in ("fp32 on torch", "fp32 2:4 sparse on torch")
    ]
    assert outcome.n_measured == 6
