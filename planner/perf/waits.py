"""The joint law of a request's wait and the size of its own batch."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.perf.lattice import Ints, Queues
from planner.perf.service import Floats

# Cells of (0, W) for batches that fill before their timer runs out.
TIMER_CELLS: Final = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Joint law of a request's wait and its own batch's size, in parts of mass.

    `cells` (queue, batch, cell) are uniform over cells of `step_s`; `tail` is the
    mass of full batches that wait `start_s` plus an exponential of rate `decay_per_s`;
    `at_timer` and `under_timer` (queue, batch) wait W, and uniformly less than W;
    `filling` (queue, cell) and `at_once` belong to full batches that beat the timer.
    """

    queues: Queues
    step_s: Floats
    cells: Floats
    tail: Floats
    decay_per_s: Floats
    at_timer: Floats
    under_timer: Floats
    filling: Floats
    at_once: Floats
    mean_batch: Floats
    batch_share: Floats

    @property
    def rested(self) -> Floats:
        """Share of requests whose batch finds the server idle."""
        timed = self.at_timer.sum(axis=1) + self.under_timer.sum(axis=1)
        return np.asarray(timed + self.filling.sum(axis=1) + self.at_once)

    @property
    def rested_batches(self) -> Floats:
        """Batches that find the server idle, per request: one head, one last request each."""
        return np.asarray(self.at_timer.sum(axis=1) + self.at_once)

    def take(self, index: Ints) -> "Waits":
        """The laws of these queues, in this order."""
        return Waits(
            queues=self.queues.take(index),
            step_s=self.step_s[index],
            cells=self.cells[index],
            tail=self.tail[index],
            decay_per_s=self.decay_per_s[index],
            at_timer=self.at_timer[index],
            under_timer=self.under_timer[index],
            filling=self.filling[index],
            at_once=self.at_once[index],
            mean_batch=self.mean_batch[index],
            batch_share=self.batch_share[index],
        )

    @property
    def start_s(self) -> Floats:
        """Where the lattice ends and the exponential tail begins."""
        return np.asarray(self.step_s * self.cells.shape[-1])
