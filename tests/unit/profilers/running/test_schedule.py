"""Conversations with the schedule: what it hears, what it orders."""

from dataclasses import replace
from pathlib import Path

from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from profilers.running.events import (
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
from profilers.running.limits import Limits
from profilers.running.schedule import Schedule, TrialState, broken_rules
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


def schedule(slots=(ONE,), **limits):
    return Schedule(slots, Limits(**limits))


def begin(machine, *keys, at_s=0.0):
    orders = machine.begin({k: trial() for k in keys}, at_s=at_s)
    assert broken_rules(machine) == ()
    return orders


def tell(machine, event):
    orders = machine.handle(event)
    assert broken_rules(machine) == ()
    return orders


def ready(slot=ONE, generation=1, at_s=0.0):
    return SlotReady(slot=slot, generation=generation, at_s=at_s)


def run(key, slot=ONE, generation=1):
    return RunTrial(slot=slot, generation=generation, key=key, trial=trial())


def test_a_trial_is_run_once_and_kept_and_the_worker_waits_until_the_end():
    machine = schedule()

    started = begin(machine, A)
    running = tell(machine, ready())
    ended = tell(
        machine, Measured(slot=ONE, generation=1, at_s=1.0, measurement=RESULT)
    )

    assert started == (StartSlot(slot=ONE, generation=1),)
    assert running == (run(A),)
    assert ended == (KeepMeasurement(key=A, measurement=RESULT),)
    assert machine.is_finished
    assert machine.end() == (StopSlot(slot=ONE),)
    assert machine.end() == ()


def measured(slot, at_s=1.0):
    return Measured(slot=slot, generation=1, at_s=at_s, measurement=RESULT)


def two_with_a_curve_each():
    """Slots of which the first measured a part of curve `a`, the second of `b`."""
    machine = schedule(slots=(ONE, TWO))
    machine.begin({k: replace(trial(), curve=k) for k in (A, B)}, at_s=0.0)
    tell(machine, ready(ONE))
    tell(machine, ready(TWO))
    tell(machine, measured(ONE))
    tell(machine, measured(TWO))
    return machine


def test_a_further_part_of_a_curve_goes_to_whoever_ran_the_last():
    machine = two_with_a_curve_each()

    orders = machine.begin({k: replace(trial(), curve=k) for k in (B, A)}, at_s=2.0)

    assert {o.slot: o.key for o in orders} == {ONE: A, TWO: B}


def test_what_waits_for_a_busy_slot_is_taken_by_an_idle_one_which_then_has_the_curve():
    machine = two_with_a_curve_each()
    first, second, third = map(TrialKey, ("1", "2", "3"))
    parts = {k: replace(trial(), curve=A) for k in (first, second)}

    orders = machine.begin(parts, at_s=2.0)
    tell(machine, measured(ONE, at_s=3.0))
    tell(machine, measured(TWO, at_s=3.0))
    again = machine.begin({third: replace(trial(), curve=A)}, at_s=4.0)

    assert {o.slot: o.key for o in orders} == {ONE: first, TWO: second}
    assert [o.slot for o in again] == [TWO]


def test_a_worker_that_was_lost_has_no_curve_any_more():
    machine = two_with_a_curve_each()
    tell(machine, SlotLost(slot=TWO, generation=1, at_s=1.5, reason="killed"))
    begin(machine, A, TrialKey("other"), at_s=2.0)
    tell(machine, ready(TWO, generation=2, at_s=3.0))
    tell(machine, replace(measured(TWO, at_s=4.0), generation=2))
    tell(machine, measured(ONE, at_s=4.0))

    orders = machine.begin({B: replace(trial(), curve=B)}, at_s=5.0)

    assert [o.slot for o in orders] == [ONE]


def test_a_worker_that_came_up_for_nothing_is_stopped_and_one_that_ran_waits():
    machine = schedule(slots=(ONE, TWO))
    begin(machine, A, B)
    tell(machine, ready(ONE))

    first = tell(machine, measured(ONE))
    last = tell(machine, measured(ONE, at_s=2.0))

    assert first[-1] == run(B)
    assert last == (
        KeepMeasurement(key=B, measurement=RESULT),
        StopSlot(slot=TWO),
    )
    assert begin(machine, A, at_s=3.0) == (run(A),)


def test_no_more_workers_are_started_than_there_are_trials():
    machine = schedule(slots=(ONE, TWO))

    assert begin(machine, A) == (StartSlot(slot=ONE, generation=1),)
    assert tell(machine, Ticked(at_s=1.0)) == ()


def test_one_slot_runs_one_trial_at_a_time():
    machine = schedule()
    begin(machine, A, B)

    first = tell(machine, ready())
    nothing = tell(machine, Ticked(at_s=1.0))
    second = tell(
        machine, Measured(slot=ONE, generation=1, at_s=2.0, measurement=RESULT)
    )

    assert first == (run(A),)
    assert nothing == ()
    assert second == (KeepMeasurement(key=A, measurement=RESULT), run(B))


def test_a_refusal_is_final_and_the_worker_goes_on():
    machine = schedule()
    begin(machine, A, B)
    tell(machine, ready())

    orders = tell(machine, Refused(slot=ONE, generation=1, at_s=1.0, reason="no"))

    assert orders == (KeepFailure(key=A, reason="no"), run(B))


def test_a_crash_is_tried_again_after_the_others_and_then_given_up():
    machine = schedule()
    begin(machine, A, B)
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
    begin(machine, A)
    tell(machine, ready())

    lost = tell(machine, SlotLost(slot=ONE, generation=1, at_s=1.0, reason="killed"))
    again = tell(machine, ready(generation=2, at_s=2.0))

    assert lost == (StartSlot(slot=ONE, generation=2),)
    assert again == (run(A, generation=2),)


def test_what_is_heated_first_has_so_much_longer_to_answer():
    machine = schedule()
    hot = replace(trial(), envelope=Envelope(soak_s=100.0))
    machine.begin({A: hot}, at_s=0.0)
    tell(machine, ready(at_s=5.0))

    assert tell(machine, Ticked(at_s=114.9)) == ()
    _, failed = tell(machine, Ticked(at_s=115.0))
    assert failed.reason == "no answer within 110 s, so stopped"


def test_a_hanging_trial_is_stopped_at_its_time_limit_and_not_tried_again():
    machine = schedule()
    begin(machine, A, B)
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
    machine = schedule()
    begin(machine, A, B)
    tell(machine, ready())
    tell(machine, Ticked(at_s=10.0))

    late = tell(
        machine, Measured(slot=ONE, generation=1, at_s=10.1, measurement=RESULT)
    )

    assert late == ()
    assert machine.states == {A: TrialState.FAILED, B: TrialState.PENDING}


def test_a_worker_that_never_comes_up_is_given_up_and_nothing_waits_for_ever():
    machine = schedule(max_lost_starts=2, start_timeout_s=30.0)
    begin(machine, A)

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
    machine = schedule(slots=(ONE, TWO), start_timeout_s=100.0)
    begin(machine, A, B)

    tell(machine, ready(slot=ONE, at_s=1.0))
    tell(machine, ready(slot=TWO, at_s=2.0))

    assert machine.next_deadline_s == 11.0


def test_nothing_to_measure_is_finished_at_once():
    machine = schedule()

    assert begin(machine) == ()
    assert machine.is_finished


def beat(at_s, cpu_s, slot=ONE, generation=1):
    return Beat(slot=slot, generation=generation, at_s=at_s, cpu_s=cpu_s)


def test_a_trial_that_beats_but_uses_no_processor_time_hangs_and_fails():
    machine = schedule(standstill_timeout_s=3.0)
    begin(machine, A)
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
    begin(machine, A)
    tell(machine, ready())
    tell(machine, beat(1.0, 0.5))

    orders = tell(machine, Ticked(at_s=3.0))

    assert StopSlot(slot=ONE) in orders
    assert machine.states[A] is TrialState.PENDING


def test_one_that_never_beat_has_the_trials_whole_time():
    machine = schedule(silence_timeout_s=2.0, standstill_timeout_s=2.0)
    begin(machine, A)
    tell(machine, ready())

    assert tell(machine, Ticked(at_s=9.0)) == ()


def test_equal_devices_take_turns_at_one_line_and_others_keep_off():
    pi = replace(trial(), device="pi")
    trials = {A: pi, B: pi, TrialKey("c"): trial()}
    slots = (ONE, TWO, SlotName("three"))
    machine = Schedule(slots, Limits(), {ONE: "pi", TWO: "pi"})
    machine.begin(trials, at_s=0.0)

    first = tell(machine, ready(ONE))
    tell(machine, ready(SlotName("three")))
    tell(machine, Measured(slot=ONE, generation=1, at_s=1.0, measurement=RESULT))

    assert first[0].key == A
    assert machine.running() == {ONE: B, SlotName("three"): TrialKey("c")}


def test_a_device_that_nobody_is_fails_its_trials_at_once():
    machine = schedule()

    orders = machine.begin({A: replace(trial(), device="pi")}, at_s=0.0)

    assert orders == (KeepFailure(key=A, reason="no 'pi' takes part in the cluster"),)
    assert machine.is_finished
