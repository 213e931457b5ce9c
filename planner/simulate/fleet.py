"""Machines that come and go while a group works, and what they are paid for.

    calendar        machines switched on and off at set times: the plan's hour blocks
    interruption    a machine is taken away at a set time (spot); what it holds is
                    handed on, and another takes its place after `lag_s`
    autoscaling     every `interval_s` the arrivals since the last look are counted;
                    wanted = ceil(arrivals / interval / target rate), between least and
                    most; machines missing are started and serve after `lag_s`
                    (provisioning and cold start), machines too many are drained once
                    they were too many `patience` looks in a row

A machine is paid for from the moment it is asked for, also while it starts. All that
reaches its replicas are orders, one machine at a time: to come up, to drain, to hand on
what it holds. How they do is their loop's: of batches in `planner.simulate.batch_fleet`,
of tokens in `planner.simulate.engine_fleet`.
"""

from typing import Final, NamedTuple

import numpy as np

from planner.simulate.arrays import Floats, Ints
from planner.simulate.compiled import compiled
from planner.simulate.shop import (
    KIND,
    MACHINE,
    SWITCH_OFF,
    SWITCH_ON,
    Changes,
    Scaling,
)

# Orders.
COME_UP: Final = 0
DRAIN: Final = 1
HAND_ON: Final = 2
NO_ORDER: Final = 3

# Columns of `Fleet.machines`.
READY_S: Final = 0
PAID_FROM_S: Final = 1
PAID_S: Final = 2

# Places in `Fleet.counts`.
ARRIVED: Final = 0
TOO_MANY: Final = 1
TAKEN: Final = 2
N_ON: Final = 3
MOST_ON: Final = 4
NEXT_CHANGE: Final = 5
TO_DRAIN: Final = 6
N_COUNTS: Final = 7


class Fleet(NamedTuple):
    """What happens to a group's machines, and how they stand.

    `machines` (machine, READY_S PAID_FROM_S PAID_S): when it will be ready, since when
    it is paid for (NaN: it is off), and how long it was paid for before. `counts`:
    requests that ARRIVED since the last look, looks in a row that saw TOO_MANY
    machines, machines TAKEN away, on now (N_ON) and at most (MOST_ON), the NEXT_CHANGE
    of the calendar, and how many are still TO_DRAIN since the last look. `look_s` (1,)
    is when the autoscaler looks next.
    """

    changes: Changes
    scaling: Scaling
    machines: Floats
    counts: Ints
    look_s: Floats


def fleet_of(changes: Changes, scaling: Scaling, n_machines: int) -> Fleet:
    """Every machine off, nothing done."""
    return Fleet(
        changes=changes,
        scaling=scaling,
        machines=np.tile((np.inf, np.nan, 0.0), (n_machines, 1)),
        counts=np.zeros(N_COUNTS, np.int64),
        look_s=np.full(1, scaling.interval_s),
    )


@compiled
def next_s(fleet: Fleet) -> float:
    """When there will be orders: a look, a change of the calendar, a machine ready."""
    machines = fleet.machines
    first_s = min(_next_change_s(fleet), fleet.look_s[0])
    for machine in range(machines.shape[0]):
        first_s = min(first_s, machines[machine, READY_S])
    return float(first_s)


@compiled
def next_order(fleet: Fleet, now_s: float) -> tuple[int, int]:
    """What a machine is to do by now, and which; NO_ORDER once there is nothing left."""
    machines, counts = fleet.machines, fleet.counts
    if fleet.look_s[0] <= now_s:
        fleet.look_s[0] += fleet.scaling.interval_s
        _look(fleet, now_s)
    if counts[TO_DRAIN] > 0:
        counts[TO_DRAIN] -= 1
        return DRAIN, _release_last(fleet, now_s)
    for machine in range(machines.shape[0]):
        if machines[machine, READY_S] <= now_s:
            machines[machine, READY_S] = np.inf
            return COME_UP, machine
    return _of_the_calendar(fleet, now_s)


@compiled
def _of_the_calendar(fleet: Fleet, now_s: float) -> tuple[int, int]:
    """Its next change by now that takes effect; a machine taken away is replaced."""
    machines, changes, counts = fleet.machines, fleet.changes, fleet.counts
    while _next_change_s(fleet) <= now_s:
        i = counts[NEXT_CHANGE]
        counts[NEXT_CHANGE] += 1
        machine, kind = changes.what[i, MACHINE], changes.what[i, KIND]
        is_off = np.isnan(machines[machine, PAID_FROM_S])
        if kind == SWITCH_ON:
            if is_off:
                _ask_for(fleet, machine, now_s, np.inf)
                return COME_UP, machine
        elif kind == SWITCH_OFF:
            if not is_off:
                _release(fleet, machine, now_s)
                return DRAIN, machine
        elif not is_off and machines[machine, READY_S] == np.inf:
            counts[TAKEN] += 1
            _release(fleet, machine, now_s)
            _ask_for(fleet, machine, now_s, now_s + fleet.scaling.lag_s)
            return HAND_ON, machine
    return NO_ORDER, 0


@compiled
def _next_change_s(fleet: Fleet) -> float:
    i = fleet.counts[NEXT_CHANGE]
    at_s = fleet.changes.at_s
    return float(at_s[i]) if i < at_s.size else np.inf


@compiled
def _look(fleet: Fleet, now_s: float) -> None:
    """The autoscaler's: asks for what is missing, or says how many are TO_DRAIN."""
    scaling, counts = fleet.scaling, fleet.counts
    rate_rps = counts[ARRIVED] / scaling.interval_s
    counts[ARRIVED] = 0
    wanted = int(np.ceil(rate_rps / scaling.target_rps))
    wanted = min(max(wanted, scaling.least), scaling.most)
    counts[TOO_MANY] = counts[TOO_MANY] + 1 if wanted < counts[N_ON] else 0
    if counts[TOO_MANY] > scaling.patience:
        counts[TOO_MANY] = 0
        counts[TO_DRAIN] = counts[N_ON] - wanted
        return
    for machine in range(fleet.machines.shape[0]):
        is_off = np.isnan(fleet.machines[machine, PAID_FROM_S])
        if counts[N_ON] < wanted and is_off:
            _ask_for(fleet, machine, now_s, now_s + scaling.lag_s)


@compiled
def _release_last(fleet: Fleet, now_s: float) -> int:
    """The last machine that is on is paid for no longer; gives which it is."""
    machine = int(fleet.machines.shape[0]) - 1
    while np.isnan(fleet.machines[machine, PAID_FROM_S]):
        machine -= 1
    _release(fleet, machine, now_s)
    return machine


@compiled
def _ask_for(fleet: Fleet, machine: int, now_s: float, ready_s: float) -> None:
    counts = fleet.counts
    fleet.machines[machine, PAID_FROM_S] = now_s
    fleet.machines[machine, READY_S] = ready_s
    counts[N_ON] += 1
    counts[MOST_ON] = max(counts[MOST_ON], counts[N_ON])


@compiled
def _release(fleet: Fleet, machine: int, now_s: float) -> None:
    machines = fleet.machines
    machines[machine, PAID_S] += now_s - machines[machine, PAID_FROM_S]
    machines[machine, PAID_FROM_S] = np.nan
    machines[machine, READY_S] = np.inf
    fleet.counts[N_ON] -= 1
