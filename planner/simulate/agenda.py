"""What happens next: the earliest of a fixed number of alarms, each set and reset.

A binary heap of slots that knows where each slot stands, so that an alarm can be
moved. An alarm at infinity is one that is not set. Ties go to the heap's order,
which depends on nothing but what was set before: runs repeat exactly.
"""

from typing import Final, NamedTuple

import numpy as np

from planner.simulate.arrays import Floats, Ints
from planner.simulate.compiled import compiled

HEAP: Final = 0
PLACE: Final = 1


class Agenda(NamedTuple):
    """Alarm times by slot; `order` has the HEAP of slots and each slot's PLACE in it."""

    at_s: Floats
    order: Ints


def agenda(n_slots: int) -> Agenda:
    """No alarm set."""
    return Agenda(
        at_s=np.full(n_slots, np.inf),
        order=np.stack((np.arange(n_slots), np.arange(n_slots)), axis=1),
    )


@compiled
def set_alarm(agenda: Agenda, slot: int, at_s: float) -> None:
    """Move a slot's alarm; infinity takes it off."""
    before_s = agenda.at_s[slot]
    agenda.at_s[slot] = at_s
    if at_s < before_s:
        _towards_root(agenda, slot)
    elif at_s > before_s:
        _towards_leaves(agenda, slot)


@compiled
def _towards_root(agenda: Agenda, slot: int) -> None:
    at_s, order = agenda
    here, mine = order[slot, PLACE], at_s[slot]
    while here > 0:
        parent = (here - 1) >> 1
        above = order[parent, HEAP]
        if at_s[above] <= mine:
            break
        order[here, HEAP] = above
        order[above, PLACE] = here
        here = parent
    order[here, HEAP] = slot
    order[slot, PLACE] = here


@compiled
def _towards_leaves(agenda: Agenda, slot: int) -> None:
    at_s, order = agenda
    here, mine, n = order[slot, PLACE], at_s[slot], at_s.size
    child = 2 * here + 1
    while child < n:
        if child + 1 < n and at_s[order[child + 1, HEAP]] < at_s[order[child, HEAP]]:
            child += 1
        below = order[child, HEAP]
        if mine <= at_s[below]:
            break
        order[here, HEAP] = below
        order[below, PLACE] = here
        here, child = child, 2 * child + 1
    order[here, HEAP] = slot
    order[slot, PLACE] = here
