"""Conversations with the schedule: what it hears, what it orders."""

from dataclasses import replace
from pathlib import Path

from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from profilers.events import (
    Beat,
    Crashed,
    KeepFailure,
    KeepMeasurement,
    Measured,
    Refused,
    RunTrial,
    SlotLost,
    SlotName,
    SlotReady,
    StartSlot,
    StopSlot,
    Ticked,
)
from profilers.schedule import Limits, Schedule, TrialState, broken_rules
from profilers.trials import Envelope, Measurement, Trial, TrialKey

A, B = TrialKey("a"), TrialKey("b")
ONE, TWO = SlotName("one"), SlotName("two")
RESULT = Measurement(
    points=(),
    memory_bytes=0.0,
    artifact_bytes=0.0,
    artifact_sha256="",
    error_frac=0.0,
    measured_at=None,
)


def trial(timeout_s=10.0):
    return Trial(
        model=TorchModel(name="m", directory=Path(), factory="m:build"),
        variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH),
        envelope=Envelope(),
        batches=(1,),
        timeout_s=timeout_s,
    )


def schedule(keys=(A,), slots=(ONE,), **limits):
    return Schedule({k: trial() for k in keys}, slots, Limits(**limits))


def tell(machine, event):
    orders = machine.handle(event)
    assert broken_rules(machine) == ()
    return orders


def ready(slot=ONE, generation=1, at_s=0.0):
    return SlotReady(slot=slot, generation=generation, at_s=at_s)


def run(key, slot=ONE, generation=1):
    return RunTrial(slot=slot, generation=generation, key=key, trial=trial())


def test_a_trial_is_run_once_kept_and_the_worker_is_stopped():
    machine = schedule()

    started = machine.begin(at_s=0.0)
    running = tell(machine, ready())
    ended = tell(
        machine, Measured(slot=ONE, generation=1, at_s=1.0, measurement=RESULT)
    )

    assert started == (StartSlot(slot=ONE, generation=1),)
    assert running == (run(A),)
    assert ended == (
        KeepMeasurement(key=A, measurement=RESULT),
        StopSlot(slot=ONE),
    )
    assert machine.is_finished


def test_no_more_workers_are_started_than_there_are_trials():
    machine = schedule(keys=(A,), slots=(ONE, TWO))

    assert machine.begin(at_s=0.0) == (StartSlot(slot=ONE, generation=1),)
    assert tell(machine, Ticked(at_s=1.0)) == ()


def test_one_slot_runs_one_trial_at_a_time():
    machine = schedule(keys=(A, B))
    machine.begin(at_s=0.0)

    first = tell(machine, ready())
    nothing = tell(machine, Ticked(at_s=1.0))
    second = tell(
        machine, Measured(slot=ONE, generation=1, at_s=2.0, measurement=RESULT)
    )

    assert first == (run(A),)
    assert nothing == ()
    assert second == (KeepMeasurement(key=A, measurement=RESULT), run(B))


def test_a_refusal_is_final_and_the_worker_goes_on():
    machine = schedule(keys=(A, B))
    machine.begin(at_s=0.0)
    tell(machine, ready())

    orders = tell(machine, Refused(slot=ONE, generation=1, at_s=1.0, reason="no"))

    assert orders == (KeepFailure(key=A, reason="no"), run(B))


def test_a_crash_is_tried_again_after_the_others_and_then_given_up():
    machine = schedule(keys=(A, B))
    machine.begin(at_s=0.0)
    tell(machine, ready())
    crash = Crashed(slot=ONE, generation=1, at_s=1.0, reason="SIGSEGV")

    after_first = tell(machine, crash)
    after_other = tell(
        machine, Measured(slot=ONE, generation=1, at_s=2.0, measurement=RESULT)
    )
    after_second = tell(machine, crash)

    assert after_first == (run(B),)
    assert after_other[-1] == run(A)
    assert after_second[0] == KeepFailure(key=A, reason="2 times: SIGSEGV")


def test_a_lost_worker_is_replaced_and_its_trial_tried_again():
    machine = schedule()
    machine.begin(at_s=0.0)
    tell(machine, ready())

    lost = tell(machine, SlotLost(slot=ONE, generation=1, at_s=1.0, reason="killed"))
    again = tell(machine, ready(generation=2, at_s=2.0))

    assert lost == (StartSlot(slot=ONE, generation=2),)
    assert again == (run(A, generation=2),)


def test_a_hanging_trial_is_stopped_at_its_time_limit_and_not_tried_again():
    machine = schedule(keys=(A, B))
    machine.begin(at_s=0.0)
    tell(machine, ready(at_s=5.0))

    just_before = tell(machine, Ticked(at_s=14.9))
    at_limit = tell(machine, Ticked(at_s=15.0))

    assert just_before == ()
    assert at_limit == (
        StopSlot(slot=ONE),
        KeepFailure(key=A, reason="no answer within 10 s, so stopped"),
        StartSlot(slot=ONE, generation=2),
    )


def test_what_a_stopped_worker_still_says_is_ignored():
    machine = schedule(keys=(A, B))
    machine.begin(at_s=0.0)
    tell(machine, ready())
    tell(machine, Ticked(at_s=10.0))

    late = tell(
        machine, Measured(slot=ONE, generation=1, at_s=10.1, measurement=RESULT)
    )

    assert late == ()
    assert machine.states == {A: TrialState.FAILED, B: TrialState.PENDING}


def test_a_worker_that_never_comes_up_is_given_up_and_nothing_waits_for_ever():
    machine = schedule(max_lost_starts=2, start_timeout_s=30.0)
    machine.begin(at_s=0.0)

    first = tell(machine, Ticked(at_s=30.0))
    second = tell(
        machine, SlotLost(slot=ONE, generation=2, at_s=31.0, reason="no torch")
    )

    assert first == (StopSlot(slot=ONE), StartSlot(slot=ONE, generation=2))
    assert second == (
        KeepFailure(key=A, reason="no worker is left to measure: no torch"),
    )
    assert machine.is_finished


def test_the_next_deadline_is_the_earliest_of_what_runs():
    machine = schedule(keys=(A, B), slots=(ONE, TWO), start_timeout_s=100.0)
    machine.begin(at_s=0.0)

    tell(machine, ready(slot=ONE, at_s=1.0))
    tell(machine, ready(slot=TWO, at_s=2.0))

    assert machine.next_deadline_s == 11.0


def test_nothing_to_measure_is_finished_at_once():
    machine = schedule(keys=())

    assert machine.begin(at_s=0.0) == ()
    assert machine.is_finished


def beat(at_s, cpu_s, slot=ONE, generation=1):
    return Beat(slot=slot, generation=generation, at_s=at_s, cpu_s=cpu_s)


def test_a_trial_that_beats_but_uses_no_processor_time_hangs_and_fails():
    machine = schedule(standstill_timeout_s=3.0)
    machine.begin(at_s=0.0)
    tell(machine, ready())

    for at_s, cpu_s in ((0.5, 0.1), (1.0, 0.6), (2.0, 0.6), (3.5, 0.6)):
        assert tell(machine, beat(at_s, cpu_s)) == ()
    ended = tell(machine, Ticked(at_s=4.0))

    assert ended[:2] == (
        StopSlot(slot=ONE),
        KeepFailure(
            key=A, reason="it hangs: no processor time used for 3 s, so stopped"
        ),
    )


def test_a_slot_that_falls_silent_is_lost_and_its_trial_is_run_elsewhere():
    machine = schedule(slots=(ONE, TWO), silence_timeout_s=2.0)
    machine.begin(at_s=0.0)
    tell(machine, ready())
    tell(machine, beat(1.0, 0.5))

    orders = tell(machine, Ticked(at_s=3.0))

    assert StopSlot(slot=ONE) in orders
    assert machine.states[A] is TrialState.PENDING


def test_one_that_never_beat_has_the_trials_whole_time():
    machine = schedule(silence_timeout_s=2.0, standstill_timeout_s=2.0)
    machine.begin(at_s=0.0)
    tell(machine, ready())

    assert tell(machine, Ticked(at_s=9.0)) == ()


def test_equal_devices_take_turns_at_one_line_and_others_keep_off():
    pi = replace(trial(), device="pi")
    trials = {A: pi, B: pi, TrialKey("c"): trial()}
    slots = (ONE, TWO, SlotName("three"))
    machine = Schedule(trials, slots, Limits(), {ONE: "pi", TWO: "pi"})
    machine.begin(at_s=0.0)

    first = tell(machine, ready(ONE))
    tell(machine, ready(SlotName("three")))
    tell(machine, Measured(slot=ONE, generation=1, at_s=1.0, measurement=RESULT))

    assert first[0].key == A
    assert machine.running() == {ONE: B, SlotName("three"): TrialKey("c")}


def test_a_device_that_nobody_is_fails_its_trials_at_once():
    machine = Schedule({A: replace(trial(), device="pi")}, (ONE,), Limits())

    orders = machine.begin(at_s=0.0)

    assert orders == (KeepFailure(key=A, reason="no 'pi' takes part in the cluster"),)
    assert machine.is_finished
