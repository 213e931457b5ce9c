"""Language engines on machines that come and go: the loop over all their events.

A machine that is drained finishes what it holds; one that is taken away hands on its
queue and all that it runs, whose answers begin anew: its cache is lost with it. While
no machine is there, requests wait in a queue of their own, the last row of the engines'
replicas, and are routed when one comes up. When machines come and go, and what they
are paid for: `planner.simulate.fleet`.
"""

from typing import NamedTuple

import numpy as np

from planner.simulate import engine
from planner.simulate.arrays import Floats, Ints
from planner.simulate.compiled import compiled
from planner.simulate.engine import AFTER, NOBODY, Engines
from planner.simulate.fleet import (
    ARRIVED,
    COME_UP,
    HAND_ON,
    NO_ORDER,
    Fleet,
    next_order,
    next_s,
)
from planner.simulate.shop import (
    DOWN,
    DRAINING,
    HANDED_ON,
    LEFT,
    N_COUNTS,
    UP,
)


class EngineFleet(NamedTuple):
    """Engines on machines, and who takes a request.

    `draw` routes a request among the replicas that are up, where `by_share` is 1; else
    it goes to the one with the fewest at hand. `mode` is by replica; of `counts`, as in
    `planner.simulate.shop`, LEFT and HANDED_ON are kept.
    """

    engines: Engines
    draw: Floats
    by_share: int
    replicas_per_machine: int
    mode: Ints
    counts: Ints


def engine_fleet(
    engines: Engines,
    *,
    draw: Floats,
    is_by_share: bool,
    replicas_per_machine: int,
) -> EngineFleet:
    """Nobody served; the engines have one row more than there are replicas."""
    counts = np.zeros(N_COUNTS, np.int64)
    counts[LEFT] = engines.prompts.at_s.size
    return EngineFleet(
        engines=engines,
        draw=draw,
        by_share=int(is_by_share),
        replicas_per_machine=replicas_per_machine,
        mode=np.full(engines.replicas.shape[0] - 1, DOWN),
        counts=counts,
    )


@compiled
def serve_in_fleet(site: EngineFleet, fleet: Fleet) -> None:
    """Every event until the last request is done, or none can be any more."""
    all_of, counts = site.engines, site.counts
    at_s, clocks = all_of.prompts.at_s, all_of.clocks
    request, order_s = 0, next_s(fleet)
    while counts[LEFT] > 0:
        replica = _next_step(site)
        step_s = clocks[replica, engine.STEP_END_S]
        arrival_s = at_s[request] if request < at_s.size else np.inf
        if order_s <= min(step_s, arrival_s):
            if order_s == np.inf:
                break
            _carry_out(site, fleet, order_s)
            order_s = next_s(fleet)
        elif step_s <= arrival_s:
            counts[LEFT] -= engine.end_step(all_of, replica, step_s)
            counts[LEFT] -= engine.begin_step(all_of, replica, step_s)
        else:
            fleet.counts[ARRIVED] += 1
            _arrive(site, request, arrival_s)
            request += 1


@compiled
def _next_step(site: EngineFleet) -> int:
    clocks, chosen = site.engines.clocks, 0
    for r in range(1, site.mode.size):
        if clocks[r, engine.STEP_END_S] < clocks[chosen, engine.STEP_END_S]:
            chosen = r
    return chosen


@compiled
def _arrive(site: EngineFleet, request: int, now_s: float) -> None:
    all_of, counts = site.engines, site.counts
    replica = _route(site, request)
    engine.wait_last(all_of, replica, request)
    is_idle = all_of.clocks[replica, engine.STEP_END_S] == np.inf
    if replica < site.mode.size and is_idle:
        counts[LEFT] -= engine.begin_step(all_of, replica, now_s)


@compiled
def _route(site: EngineFleet, request: int) -> int:
    """A replica that is up; the row behind the last one where none is."""
    mode, replicas = site.mode, site.engines.replicas
    n_up = 0
    for r in range(mode.size):
        n_up += mode[r] == UP
    if n_up == 0:
        return int(mode.size)
    # The draw also says where the search for the fewest starts: ties are fair.
    start = min(int(site.draw[request] * n_up), n_up - 1)
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
        if fewer and site.by_share == 0:
            chosen = r
    return int(chosen)


@compiled
def _carry_out(site: EngineFleet, fleet: Fleet, now_s: float) -> None:
    """Every order by now."""
    order, machine = next_order(fleet, now_s)
    while order != NO_ORDER:
        if order == COME_UP:
            _come_up(site, machine, now_s)
        else:
            _drain(site, machine)
        if order == HAND_ON:
            _hand_on(site, machine, now_s)
        order, machine = next_order(fleet, now_s)


@compiled
def _come_up(site: EngineFleet, machine: int, now_s: float) -> None:
    start = machine * site.replicas_per_machine
    for r in range(start, start + site.replicas_per_machine):
        site.mode[r] = UP
    _hand_on_queue(site, site.mode.size, now_s)


@compiled
def _drain(site: EngineFleet, machine: int) -> None:
    """No more requests; what the machine holds is finished."""
    start = machine * site.replicas_per_machine
    for r in range(start, start + site.replicas_per_machine):
        if site.mode[r] == UP:
            site.mode[r] = DRAINING


@compiled
def _hand_on(site: EngineFleet, machine: int, now_s: float) -> None:
    """What a lost machine holds is routed again and served from its beginning."""
    all_of, clocks = site.engines, site.engines.clocks
    start = machine * site.replicas_per_machine
    for r in range(start, start + site.replicas_per_machine):
        site.mode[r] = DOWN
        if clocks[r, engine.STEP_END_S] < np.inf:
            clocks[r, engine.BUSY_S] += now_s - clocks[r, engine.STEP_START_S]
            clocks[r, engine.STEP_END_S] = np.inf
        for k in range(all_of.replicas[r, engine.RUNNING] - 1, -1, -1):
            engine.wait_first(all_of, r, all_of.running[r, k])
        all_of.replicas[r, engine.RUNNING] = 0
        all_of.replicas[r, engine.HELD] = 0
        _hand_on_queue(site, r, now_s)


@compiled
def _hand_on_queue(site: EngineFleet, replica: int, now_s: float) -> None:
    all_of = site.engines
    request = all_of.replicas[replica, engine.HEAD]
    all_of.replicas[replica, engine.HEAD] = NOBODY
    all_of.replicas[replica, engine.TAIL] = NOBODY
    all_of.replicas[replica, engine.OUTSTANDING] = 0
    while request != NOBODY:
        following = all_of.tokens[request, AFTER]
        if replica < site.mode.size:
            site.counts[HANDED_ON] += 1
            _forget(all_of, request)
        _arrive(site, request, now_s)
        request = following


@compiled
def _forget(all_of: Engines, request: int) -> None:
    """Nothing of it is computed, and nobody has seen a token."""
    for column in (engine.GENERATED, engine.PREFILLED, engine.CHUNK):
        all_of.tokens[request, column] = 0
    for column in (engine.START_S, engine.DONE_S, engine.FIRST_TOKEN_S):
        all_of.times[request, column] = np.nan
