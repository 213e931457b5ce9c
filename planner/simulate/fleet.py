"""Machines that come and go while a group works, and what they are paid for.

    calendar        machines switched on and off at set times: the plan's hour blocks
    interruption    a machine is taken away at a set time (spot); what it holds is
                    handed on, and another takes its place after `lag_s`
    autoscaling     every `interval_s` the arrivals since the last look are counted;
                    wanted = ceil(arrivals / interval / target rate), between least and
                    most; machines missing are started and serve after `lag_s`
                    (provisioning and cold start), machines too many are drained once
                    they were too many `patience` looks in a row

A machine is paid for from the moment it is asked for, also while it starts. What its
replicas do when it comes up, drains or is lost is their loop's: of batches in
`planner.simulate.batch_fleet`, of tokens in `planner.simulate.engine_fleet`.
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
    TAKE_AWAY,
    Changes,
    Scaling,
)

# No kind of `Changes.what`: there is none any more.
NO_CHANGE: Final = 3

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
N_COUNTS: Final = 6


class Fleet(NamedTuple):
    """What happens to a group's machines, and how they stand.

    `machines` (machine, READY_S PAID_FROM_S PAID_S): when it will be ready, since when
    it is paid for (NaN: it is off), and how long it was paid for before. `counts`:
    requests that ARRIVED since the last look, looks in a row that saw TOO_MANY
    machines, machines TAKEN away, on now (N_ON) and at most (MOST_ON), and the
    NEXT_CHANGE of the calendar.
    """

    changes: Changes
    scaling: Scaling
    machines: Floats
    counts: Ints


def fleet_of(changes: Changes, scaling: Scaling, n_machines: int) -> Fleet:
    """Every machine off, nothing done."""
    return Fleet(
        changes=changes,
        scaling=scaling,
        machines=np.tile((np.inf, np.nan, 0.0), (n_machines, 1)),
        counts=np.zeros(N_COUNTS, np.int64),
    )


@compiled
def next_s(fleet: Fleet) -> float:
    """When the calendar has its next change, or a machine that starts is ready."""
    machines = fleet.machines
    first_s = _next_change_s(fleet)
    for machine in range(machines.shape[0]):
        first_s = min(first_s, machines[machine, READY_S])
    return first_s


@compiled
def becomes_ready(fleet: Fleet, machine: int, now_s: float) -> bool:
    """Whether a machine that started is ready by now, which is said once."""
    is_ready = fleet.machines[machine, READY_S] <= now_s
    if is_ready:
        fleet.machines[machine, READY_S] = np.inf
    return bool(is_ready)


@compiled
def change(fleet: Fleet, now_s: float) -> tuple[int, int]:
    """The calendar's next change by now that takes effect: its kind, and the machine.

    NO_CHANGE once there is none. A machine that is taken away is replaced.
    """
    machines, changes, counts = fleet.machines, fleet.changes, fleet.counts
    while _next_change_s(fleet) <= now_s:
        i = counts[NEXT_CHANGE]
        counts[NEXT_CHANGE] += 1
        machine, kind = changes.what[i, MACHINE], changes.what[i, KIND]
        is_off = np.isnan(machines[machine, PAID_FROM_S])
        if kind == SWITCH_ON:
            if is_off:
                _ask_for(fleet, machine, now_s, np.inf)
                return SWITCH_ON, machine
        elif kind == SWITCH_OFF:
            if not is_off:
                _release(fleet, machine, now_s)
                return SWITCH_OFF, machine
        elif not is_off and machines[machine, READY_S] == np.inf:
            counts[TAKEN] += 1
            _release(fleet, machine, now_s)
            _ask_for(fleet, machine, now_s, now_s + fleet.scaling.lag_s)
            return TAKE_AWAY, machine
    return NO_CHANGE, 0


@compiled
def _next_change_s(fleet: Fleet) -> float:
    i = fleet.counts[NEXT_CHANGE]
    at_s = fleet.changes.at_s
    return float(at_s[i]) if i < at_s.size else np.inf


@compiled
def look(fleet: Fleet, now_s: float) -> int:
    """The autoscaler's look: asks for what is missing; gives how many are to go."""
    scaling, counts = fleet.scaling, fleet.counts
    rate_rps = counts[ARRIVED] / scaling.interval_s
    counts[ARRIVED] = 0
    wanted = int(np.ceil(rate_rps / scaling.target_rps))
    wanted = min(max(wanted, scaling.least), scaling.most)
    counts[TOO_MANY] = counts[TOO_MANY] + 1 if wanted < counts[N_ON] else 0
    if counts[TOO_MANY] > scaling.patience:
        counts[TOO_MANY] = 0
        return int(counts[N_ON] - wanted)
    for machine in range(fleet.machines.shape[0]):
        is_off = np.isnan(fleet.machines[machine, PAID_FROM_S])
        if counts[N_ON] < wanted and is_off:
            _ask_for(fleet, machine, now_s, now_s + scaling.lag_s)
    return 0


@compiled
def release_last(fleet: Fleet, now_s: float) -> int:
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
