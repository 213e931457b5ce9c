"""A curve timed in parts: what is known stays, as long as the machine is what it was."""

from dataclasses import replace
from pathlib import Path

import pytest

from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from profilers.measuring.timing import timed
from profilers.measuring.watch import Watch
from profilers.trials import Envelope, Trial

TRIAL = Trial(
    model=TorchModel(name="m", directory=Path(), factory="m:build"),
    variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH),
    envelope=Envelope(),
    batches=(1,),
)
GRID = (1, 2, 4, 8, 16)


class Machine:
    """Takes a fixed cost a batch and one a request, at a speed that may change."""

    def __init__(self):
        self.now_s = 0.0
        self.slowdown_ratio = 1.0
        self.n_runs = dict.fromkeys(GRID, 0)

    def run(self, batch):
        self.n_runs[batch] += 1
        self.now_s += self.slowdown_ratio * (0.1 + 0.01 * batch)

    def part(self, *batches, earlier=None):
        self.n_runs = dict.fromkeys(GRID, 0)
        return timed(
            self.run,
            replace(TRIAL, batches=batches),
            clock=lambda: self.now_s,
            watch=Watch(root=Path("nowhere")),
            earlier=earlier,
        )

    @property
    def ran(self):
        return {batch for batch, n in self.n_runs.items() if n}


def medians_s(took):
    return {t.point.batch: t.point.p50_s for t in took.timings}


def test_a_machine_is_heated_once_however_many_steps_follow():
    machine = Machine()
    hot = replace(
        TRIAL, batches=GRID, fewer_points=True, envelope=Envelope(soak_s=1000.0)
    )

    took = timed(
        machine.run,
        hot,
        clock=lambda: machine.now_s,
        watch=Watch(root=Path("nowhere")),
    )

    assert len(took.timings) > 2, "more than one step"
    assert 1000.0 < machine.now_s < 2000.0


def test_a_further_part_times_what_is_new_and_the_smallest_beside_it():
    machine = Machine()
    first = machine.part(1, 16)

    second = machine.part(1, 4, 16, earlier=first)

    assert machine.ran == {1, 4}
    assert medians_s(second) == pytest.approx({1: 0.11, 4: 0.14, 16: 0.26})
    assert second.timings[-1] == first.timings[-1]


def test_a_machine_that_is_slower_by_then_is_timed_anew():
    machine = Machine()
    first = machine.part(1, 16)
    machine.slowdown_ratio = 1.2

    second = machine.part(1, 4, 16, earlier=first)

    assert machine.ran == {1, 4, 16}
    assert medians_s(second) == pytest.approx({1: 0.132, 4: 0.168, 16: 0.312})


def test_nothing_is_timed_where_all_is_known():
    machine = Machine()
    first = machine.part(*GRID)

    second = machine.part(*GRID, earlier=first)

    assert machine.ran == set()
    assert second == first


def test_what_was_noisy_is_timed_again():
    machine = Machine()
    first = machine.part(1, 16)
    noisy = replace(
        first.timings[1], point=replace(first.timings[1].point, is_noisy=True)
    )

    machine.part(1, 16, earlier=replace(first, timings=(first.timings[0], noisy)))

    assert machine.ran == {1, 16}
