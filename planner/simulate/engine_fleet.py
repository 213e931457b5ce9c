"""Language engines on machines that come and go: the loop over all their events.

The same rules as `planner.simulate.fleet` has for batches: a calendar, interruptions,
an autoscaler, machines that are paid for from the moment they are asked for and serve
after a lag (provisioning, and the cold start in which weights are loaded). A machine
that is drained finishes what it holds; one that is taken away hands on its queue and
all that it runs, whose answers begin anew: its cache is lost with it.

While no machine is there, requests wait in a queue of their own, the last row of the
engines' replicas, and are routed when one comes up.
"""

from typing import NamedTuple

import numpy as np

from planner.simulate import engine
from planner.simulate.arrays import Floats, Ints
from planner.simulate.compiled import compiled
from planner.simulate.engine import AFTER, NOBODY, Engines
from planner.simulate.shop import (
    ARRIVED,
    DOWN,
    DRAINING,
    HANDED_ON,
    KIND,
    LEFT,
    MACHINE,
    MOST_ON,
    N_COUNTS,
    N_ON,
    NEXT_CHANGE,
    PAID_FROM_S,
    PAID_S,
    READY_S,
    SWITCH_OFF,
    SWITCH_ON,
    TAKE_AWAY,
    TAKEN,
    TOO_MANY,
    UP,
    Changes,
    Scaling,
    empty_fleet,
)


class EngineFleet(NamedTuple):
    """Engines, their machines, and what happens to those.

    `draw` routes a request among the replicas that are up, where `by_share` is 1; else
    it goes to the one with the fewest at hand. `mode` is by replica, `machines` and
    `counts` as in `planner.simulate.shop`.
    """

    engines: Engines
    changes: Changes
    scaling: Scaling
    draw: Floats
    by_share: int
    replicas_per_machine: int
    mode: Ints
    machines: Floats
    counts: Ints


def engine_fleet(
    engines: Engines,
    changes: Changes,
    scaling: Scaling,
    *,
    draw: Floats,
    is_by_share: bool,
    replicas_per_machine: int,
) -> EngineFleet:
    """All machines off; the engines have one row more than there are replicas."""
    n_replicas = engines.replicas.shape[0] - 1
    counts = np.zeros(N_COUNTS, np.int64)
    counts[LEFT] = engines.prompts.at_s.size
    return EngineFleet(
        engines=engines,
        changes=changes,
        scaling=scaling,
        draw=draw,
        by_share=int(is_by_share),
        replicas_per_machine=replicas_per_machine,
        mode=np.full(n_replicas, DOWN),
        machines=empty_fleet(n_replicas // replicas_per_machine),
        counts=counts,
    )


@compiled
def serve_in_fleet(fleet: EngineFleet) -> None:
    """Every event until the last request is done, or none can be any more."""
    all_of, counts = fleet.engines, fleet.counts
    at_s, clocks = all_of.prompts.at_s, all_of.clocks
    request, look_s = 0, fleet.scaling.interval_s
    while counts[LEFT] > 0:
        replica = _next_step(fleet)
        step_s = clocks[replica, engine.STEP_END_S]
        arrival_s = at_s[request] if request < at_s.size else np.inf
        fleet_s = min(_next_change_s(fleet), look_s)
        if fleet_s <= min(step_s, arrival_s):
            if fleet_s == np.inf:
                break
            if fleet_s == look_s:
                _look(fleet, fleet_s)
                look_s += fleet.scaling.interval_s
            else:
                _change(fleet, fleet_s)
        elif step_s <= arrival_s:
            counts[LEFT] -= engine.end_step(all_of, replica, step_s)
            counts[LEFT] -= engine.begin_step(all_of, replica, step_s)
        else:
            counts[ARRIVED] += 1
            _arrive(fleet, request, arrival_s)
            request += 1


@compiled
def _next_step(fleet: EngineFleet) -> int:
    clocks, chosen = fleet.engines.clocks, 0
    for r in range(1, fleet.mode.size):
        if clocks[r, engine.STEP_END_S] < clocks[chosen, engine.STEP_END_S]:
            chosen = r
    return chosen


@compiled
def _arrive(fleet: EngineFleet, request: int, now_s: float) -> None:
    all_of, counts = fleet.engines, fleet.counts
    replica = _route(fleet, request)
    engine.wait_last(all_of, replica, request)
    is_idle = all_of.clocks[replica, engine.STEP_END_S] == np.inf
    if replica < fleet.mode.size and is_idle:
        counts[LEFT] -= engine.begin_step(all_of, replica, now_s)


@compiled
def _route(fleet: EngineFleet, request: int) -> int:
    """A replica that is up; the row behind the last one where none is."""
    mode, replicas = fleet.mode, fleet.engines.replicas
    n_up = 0
    for r in range(mode.size):
        n_up += mode[r] == UP
    if n_up == 0:
        return int(mode.size)
    # The draw also says where the search for the fewest starts: ties are fair.
    start = min(int(fleet.draw[request] * n_up), n_up - 1)
    chosen, seen = NOBODY, 0
    for k in range(2 * mode.size):
        r = k % mode.size
        if mode[r] != UP:
            continue
        seen += 1
        if seen <= start:
            continue
        if chosen == NOBODY:
            chosen = r
        fewer = replicas[r, engine.OUTSTANDING] < replicas[chosen, engine.OUTSTANDING]
        if fewer and fleet.by_share == 0:
            chosen = r
    return int(chosen)


@compiled
def _next_change_s(fleet: EngineFleet) -> float:
    """The next change of the calendar, or machine to come up."""
    i = fleet.counts[NEXT_CHANGE]
    next_s = fleet.changes.at_s[i] if i < fleet.changes.at_s.size else np.inf
    for machine in range(fleet.machines.shape[0]):
        next_s = min(next_s, fleet.machines[machine, READY_S])
    return float(next_s)


@compiled
def _change(fleet: EngineFleet, now_s: float) -> None:
    machines, changes, counts = fleet.machines, fleet.changes, fleet.counts
    for machine in range(machines.shape[0]):
        if machines[machine, READY_S] <= now_s:
            machines[machine, READY_S] = np.inf
            _come_up(fleet, machine, now_s)
    while (
        counts[NEXT_CHANGE] < changes.at_s.size
        and changes.at_s[counts[NEXT_CHANGE]] <= now_s
    ):
        i = counts[NEXT_CHANGE]
        counts[NEXT_CHANGE] += 1
        machine, kind = changes.what[i, MACHINE], changes.what[i, KIND]
        is_up = fleet.mode[machine * fleet.replicas_per_machine] == UP
        if kind == SWITCH_ON and np.isnan(machines[machine, PAID_FROM_S]):
            _ask_for(fleet, machine, now_s, np.inf)
            _come_up(fleet, machine, now_s)
        elif kind == SWITCH_OFF:
            _switch_off(fleet, machine, now_s)
        elif kind == TAKE_AWAY and is_up:
            counts[TAKEN] += 1
            _switch_off(fleet, machine, now_s)
            _ask_for(fleet, machine, now_s, now_s + fleet.scaling.lag_s)
            _hand_on(fleet, machine, now_s)


@compiled
def _ask_for(fleet: EngineFleet, machine: int, now_s: float, ready_s: float) -> None:
    machines, counts = fleet.machines, fleet.counts
    if np.isnan(machines[machine, PAID_FROM_S]):
        machines[machine, PAID_FROM_S] = now_s
        machines[machine, READY_S] = ready_s
        counts[N_ON] += 1
        counts[MOST_ON] = max(counts[MOST_ON], counts[N_ON])


@compiled
def _come_up(fleet: EngineFleet, machine: int, now_s: float) -> None:
    start = machine * fleet.replicas_per_machine
    for r in range(start, start + fleet.replicas_per_machine):
        fleet.mode[r] = UP
    _hand_on_queue(fleet, fleet.mode.size, now_s)


@compiled
def _switch_off(fleet: EngineFleet, machine: int, now_s: float) -> None:
    """No more requests; what the machine holds is finished."""
    machines = fleet.machines
    if np.isnan(machines[machine, PAID_FROM_S]):
        return
    machines[machine, PAID_S] += now_s - machines[machine, PAID_FROM_S]
    machines[machine, PAID_FROM_S] = np.nan
    machines[machine, READY_S] = np.inf
    fleet.counts[N_ON] -= 1
    start = machine * fleet.replicas_per_machine
    for r in range(start, start + fleet.replicas_per_machine):
        if fleet.mode[r] == UP:
            fleet.mode[r] = DRAINING


@compiled
def _hand_on(fleet: EngineFleet, machine: int, now_s: float) -> None:
    """What a lost machine holds is routed again and served from its beginning."""
    all_of, clocks = fleet.engines, fleet.engines.clocks
    start = machine * fleet.replicas_per_machine
    for r in range(start, start + fleet.replicas_per_machine):
        fleet.mode[r] = DOWN
        if clocks[r, engine.STEP_END_S] < np.inf:
            clocks[r, engine.BUSY_S] += now_s - clocks[r, engine.STEP_START_S]
            clocks[r, engine.STEP_END_S] = np.inf
        for k in range(all_of.replicas[r, engine.RUNNING] - 1, -1, -1):
            engine.wait_first(all_of, r, all_of.running[r, k])
        all_of.replicas[r, engine.RUNNING] = 0
        all_of.replicas[r, engine.HELD] = 0
        _hand_on_queue(fleet, r, now_s)


@compiled
def _hand_on_queue(fleet: EngineFleet, replica: int, now_s: float) -> None:
    all_of = fleet.engines
    request = all_of.replicas[replica, engine.HEAD]
    all_of.replicas[replica, engine.HEAD] = NOBODY
    all_of.replicas[replica, engine.TAIL] = NOBODY
    all_of.replicas[replica, engine.OUTSTANDING] = 0
    while request != NOBODY:
        following = all_of.tokens[request, AFTER]
        if replica < fleet.mode.size:
            fleet.counts[HANDED_ON] += 1
            _forget(all_of, request)
        _arrive(fleet, request, now_s)
        request = following


@compiled
def _forget(all_of: Engines, request: int) -> None:
    """Nothing of it is computed, and nobody has seen a token."""
    for column in (engine.GENERATED, engine.PREFILLED, engine.CHUNK):
        all_of.tokens[request, column] = 0
    for column in (engine.START_S, engine.DONE_S, engine.FIRST_TOKEN_S):
        all_of.times[request, column] = np.nan


@compiled
def _look(fleet: EngineFleet, now_s: float) -> None:
    scaling, counts = fleet.scaling, fleet.counts
    rate_rps = counts[ARRIVED] / scaling.interval_s
    counts[ARRIVED] = 0
    wanted = int(np.ceil(rate_rps / scaling.target_rps))
    wanted = min(max(wanted, scaling.least), scaling.most)
    counts[TOO_MANY] = counts[TOO_MANY] + 1 if wanted < counts[N_ON] else 0
    n_machines = fleet.machines.shape[0]
    if counts[TOO_MANY] > scaling.patience:
        counts[TOO_MANY] = 0
        for machine in range(n_machines - 1, -1, -1):
            if counts[N_ON] > wanted:
                _switch_off(fleet, machine, now_s)
    for machine in range(n_machines):
        if counts[N_ON] < wanted:
            _ask_for(fleet, machine, now_s, now_s + scaling.lag_s)
