"""Trials that were really measured once, and an executor that answers from them alone.

`Recording` is another executor and notes what each trial gave and took. `Replaying` answers
any part of a curve from that: `profilers.measuring.timing` chooses the batch sizes as it does on a
machine, and its clock goes on by what they took, so that a whole grid and any choice of its
points rest on the same figures.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from profilers.encoding import decode, encode
from profilers.measuring.measure import DEFAULT_RULE, Timing
from profilers.measuring.timing import Timed, part
from profilers.ports import Executor
from profilers.running.events import (
    Crashed,
    Measured,
    Refused,
    RunTrial,
    SlotReady,
    StartSlot,
)
from profilers.running.process import utc_now
from profilers.running.session import settled
from profilers.trials import LOCAL, Failure, Measurement

SLOT = "recorded"


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a trial gave, and how long it took with all that comes before."""

    result: Measurement | Failure
    took_s: float

    @property
    def timing_s(self):
        """Of each batch size alone."""
        return {p.batch: p.n_samples * p.mean_s for p in self.result.points}

    @property
    def loading_s(self):
        """What else it took: to export, load, warm up and weigh the variant."""
        return max(0.0, self.took_s - sum(self.timing_s.values()))


def name_of(trial):
    """What a record is of, whatever the room: times do not hang on how much memory there is."""
    return f"{trial.model.name} {trial.variant}"


def written(records: Mapping[str, Record]) -> str:
    told = {n: {"took_s": r.took_s, "result": json.loads(encode(r.result))} for n, r in records.items()}  # fmt: skip
    return json.dumps(told, indent=0, sort_keys=True)


def read(text: str) -> dict[str, Record]:
    return {
        name: Record(took_s=told["took_s"], result=decode(json.dumps(told["result"])))
        for name, told in json.loads(text).items()
    }


@dataclass(kw_only=True)
class Recording:
    """Another executor; `records` is what each of its trials gave at last."""

    inner: Executor
    records: dict[str, Record] = field(default_factory=dict)
    running: dict[str, tuple] = field(default_factory=dict)

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def execute(self, instruction):
        if isinstance(instruction, RunTrial):
            self.running[instruction.slot] = (instruction.trial, self.at_s())
        self.inner.execute(instruction)

    def wait(self, *, timeout_s):
        events = self.inner.wait(timeout_s=timeout_s)
        for event in events:
            if isinstance(event, Measured | Refused | Crashed):
                trial, began_s = self.running.pop(event.slot)
                self._keep(trial, event, event.at_s - began_s)
        return events

    def _keep(self, trial, event, took_s):
        """As the session keeps it, which runs what was noisy once more."""
        name = name_of(trial)
        if isinstance(event, Measured):
            result, earlier = event.measurement, self.records.get(name)
            if earlier is not None and isinstance(earlier.result, Measurement):
                result = settled(earlier.result, result)
        else:
            result = Failure(reason=event.reason, failed_at=utc_now())
        self.records[name] = Record(result=result, took_s=took_s)


@dataclass(kw_only=True)
class Replaying:
    """Answers every trial from the record of its whole curve."""

    records: Mapping[str, Record]
    now_s: float = 0.0
    told: list = field(default_factory=list)
    took: dict[str, Timed] = field(default_factory=dict)

    def devices(self):
        return ()

    def cores(self, device):
        return 2

    def device_of(self, slot):
        return LOCAL

    def environment(self, device=LOCAL):
        return {"processor": "recorded"}

    def open(self):
        return (SLOT,)

    def close(self):
        self.told.clear()

    def at_s(self):
        return self.now_s

    def wait(self, *, timeout_s):
        events, self.told = self.told, []
        return events

    def execute(self, instruction):
        match instruction:
            case StartSlot(slot=slot, generation=generation):
                self.told.append(SlotReady(slot=slot, generation=generation, at_s=self.now_s))  # fmt: skip
            case RunTrial(slot=slot, generation=generation, trial=trial):
                self.told.append(self._answer(trial, slot=slot, generation=generation))

    def _answer(self, trial, **at):
        name = name_of(trial)
        record = self.records[name]
        if isinstance(record.result, Failure):
            self.now_s += record.took_s
            return Refused(reason=record.result.reason, at_s=self.now_s, **at)
        if trial.curve is None:
            self.now_s += record.took_s
            return Measured(measurement=record.result, at_s=self.now_s, **at)
        part = self._part(trial, name, record)
        return Measured(measurement=part, at_s=self.now_s, **at)

    def _part(self, trial, name, record):
        """As the process that has the variant loaded goes on."""
        whole, earlier, asked = record.result, self.took.get(name), set()
        points = {p.batch: p for p in whole.points}

        def measured(batches):
            asked.update(batches)
            return tuple(
                Timing(point=points[b], error_frac=whole.error_frac) for b in batches
            )

        timings = part(measured, trial.batches, earlier)
        self.took[name] = Timed(
            timings=timings, error_frac=whole.error_frac, rested_s=0.0
        )
        self.now_s += record.loading_s if earlier is None else 0.0
        if asked:
            timing_s = sum(record.timing_s[b] for b in asked)
            self.now_s += max(timing_s, DEFAULT_RULE.min_window_s)
        return replace(whole, points=tuple(t.point for t in timings))
