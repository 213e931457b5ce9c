"""Whatever happens in whatever order: no trial twice, none lost, one a slot."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from profilers.running.events import (
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
from profilers.running.schedule import Schedule, broken_rules
from profilers.trials import Envelope, Measurement, Trial, TrialKey

RESULT = Measurement(
    points=(),
    memory_bytes=0.0,
    artifact_bytes=0.0,
    artifact_sha256="",
    error_frac=0.0,
    measured_at=None,
)
TRIAL = Trial(
    model=TorchModel(name="m", directory=Path(), factory="m:build"),
    variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH),
    envelope=Envelope(),
    batches=(1,),
    timeout_s=5.0,
)


class World:
    """An executor that keeps its own books: what it was told, and what is true of it."""

    def __init__(self):
        self.alive = {}  # slot -> generation
        self.busy = {}  # slot -> key
        self.n_runs = Counter()
        self.kept = Counter()
        self.settled = set()
        self.n_measured = Counter()

    def obey(self, order):
        match order:
            case StartSlot(slot=slot, generation=generation):
                assert slot not in self.alive, "two workers on one slot"
                self.alive[slot] = generation
            case RunTrial(slot=slot, generation=generation, key=key):
                assert self.alive[slot] == generation
                assert slot not in self.busy, "two trials on one slot"
                assert key not in self.busy.values(), "one trial on two slots"
                assert key not in self.settled, "a settled trial is run again"
                self.busy[slot] = key
                self.n_runs[key] += 1
            case StopSlot(slot=slot):
                self.alive.pop(slot)
                self.busy.pop(slot, None)
            case KeepMeasurement(key=key) | KeepFailure(key=key):
                self.kept[key] += 1
                self.settled.add(key)

    def event(self, kind, slot, at_s):
        """An event that could truly happen now; else only time passes."""
        if kind == "tick" or slot not in self.alive:
            return Ticked(at_s=at_s)
        where = {"slot": slot, "generation": self.alive[slot], "at_s": at_s}
        if kind == "ready":
            return SlotReady(**where)
        if kind == "lost":
            del self.alive[slot]
            self.busy.pop(slot, None)
            return SlotLost(**where, reason="lost")
        return self._end_of_trial(kind, where)

    def _end_of_trial(self, kind, where):
        if where["slot"] not in self.busy:
            return Ticked(at_s=where["at_s"])
        key = self.busy.pop(where["slot"])
        if kind == "measured":
            self.n_measured[key] += 1
        return ENDINGS[kind](where)

    def late(self, kind, slot, at_s):
        """The same from a worker that is no more."""
        generation = self.alive.get(slot, 1) - 1
        where = {"slot": slot, "generation": generation, "at_s": at_s}
        return ENDINGS[kind](where)


ENDINGS = {
    "ready": lambda where: SlotReady(**where),
    "lost": lambda where: SlotLost(**where, reason="lost"),
    "measured": lambda where: Measured(**where, measurement=RESULT),
    "refused": lambda where: Refused(**where, reason="refused"),
    "crashed": lambda where: Crashed(**where, reason="crashed"),
    "tick": lambda where: Ticked(at_s=where["at_s"]),
}


STEPS = st.tuples(
    st.sampled_from(
        ["ready", "ready", "measured", "refused", "crashed", "lost", "tick"]
    ),
    st.integers(0, 2),
    st.floats(0.0, 4.0),
    st.booleans(),
)


@settings(deadline=None, max_examples=200)
@given(
    n_slots=st.integers(1, 3),
    limits=st.builds(
        Limits,
        max_attempts=st.integers(1, 3),
        max_lost_starts=st.integers(1, 3),
        start_timeout_s=st.just(7.0),
    ),
    lots=st.lists(
        st.tuples(
            st.lists(st.sampled_from([None, "one", "other"]), max_size=6),
            st.lists(STEPS, max_size=40),
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_no_trial_is_measured_twice_none_is_lost_and_slots_run_one_at_a_time(
    n_slots, limits, lots
):
    slots = [SlotName(f"s{n}") for n in range(n_slots)]
    machine, world, at_s = Schedule(slots, limits), World(), 0.0
    keys = []

    def step(orders):
        for order in orders:
            world.obey(order)
        assert broken_rules(machine) == ()

    for n_lot, (curves, steps) in enumerate(lots):
        trials = {
            TrialKey(f"{n_lot}-{n}"): replace(TRIAL, curve=curve)
            for n, curve in enumerate(curves)
        }
        keys += trials
        step(machine.begin(trials, at_s=at_s))
        for kind, index, wait_s, is_late in steps:
            at_s += wait_s
            slot = slots[index % n_slots]
            happened = (world.late if is_late else world.event)(kind, slot, at_s)
            step(machine.handle(happened))
        # Left alone, whatever still runs times out: it ends, and says so of every trial.
        for _ in range(4 * (len(trials) + 1) * (n_slots + 1) * 3):
            if machine.is_finished:
                break
            at_s += 10.0
            step(machine.handle(Ticked(at_s=at_s)))
        assert machine.is_finished
        assert not world.busy
    step(machine.end())
    assert world.kept == Counter(keys)
    assert all(n <= limits.max_attempts for n in world.n_runs.values())
    assert all(n <= 1 for n in world.n_measured.values())
    assert not world.alive
