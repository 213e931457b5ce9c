"""Machines that come and go while a group works, and the loop over all its events.

    calendar        machines switched on and off at set times: the plan's hour blocks
    interruption    a machine is taken away at a set time (spot); what it holds is
                    handed on, and another takes its place after `lag_s`
    autoscaling     every `interval_s` the arrivals since the last look are counted;
                    wanted = ceil(arrivals / interval / target rate), between least and
                    most; machines missing are started and serve after `lag_s`
                    (provisioning and cold start), machines too many are drained once
                    they were too many `patience` looks in a row

A machine is paid for from the moment it is asked for, also while it starts.
"""

import numpy as np

from planner.simulate.agenda import HEAP, set_alarm
from planner.simulate.compiled import compiled
from planner.simulate.machines import advance, arrive, finish
from planner.simulate.shop import (
    ACCEPTING,
    AFTER,
    ARRIVED,
    AT_S,
    BUSY_S,
    DONE_S,
    DOWN,
    DRAINING,
    FIRST,
    HANDED_ON,
    HEAD,
    IDLE,
    KIND,
    LEFT,
    MACHINE,
    MODE,
    MOST_ON,
    N_ACCEPTING,
    N_IDLE,
    N_ON,
    NEXT_CHANGE,
    NOBODY,
    OUTSTANDING,
    PAID_FROM_S,
    PAID_S,
    READY_S,
    RUNNING,
    SHARED_QUEUE,
    START_S,
    STARTED_S,
    SWITCH_OFF,
    SWITCH_ON,
    TAKE_AWAY,
    TAKEN,
    TOO_MANY,
    UP,
    WAITING,
    Shop,
)


@compiled
def work(shop: Shop) -> None:
    """Every event until the last request is done, or none can be any more."""
    scaling, floor = shop.scaling, shop.floor
    n, n_replicas = shop.jobs.model.size, floor.replicas.shape[0]
    request = 0
    look_s = scaling.interval_s
    ready_s = np.inf
    while floor.counts[LEFT] > 0:
        slot = floor.alarms.order[0, HEAP]
        event_s = floor.alarms.at_s[slot]
        arrival_s = shop.jobs.times[request, AT_S] if request < n else np.inf
        fleet_s = min(_next_change_s(shop), ready_s, look_s)
        if fleet_s <= min(event_s, arrival_s):
            if fleet_s == np.inf:
                break
            if fleet_s == look_s:
                _look(shop, fleet_s)
                look_s += scaling.interval_s
            else:
                _change(shop, fleet_s)
            ready_s = _first_ready_s(shop)
        elif event_s <= arrival_s:
            queue = slot - n_replicas
            if slot < n_replicas:
                queue = finish(shop, slot, event_s)
            advance(shop, queue, event_s)
        else:
            arrive(shop, request, arrival_s)
            floor.counts[ARRIVED] += 1
            request += 1


@compiled
def _next_change_s(shop: Shop) -> float:
    changes, floor = shop.changes, shop.floor
    i = floor.counts[NEXT_CHANGE]
    return float(changes.at_s[i]) if i < changes.at_s.size else np.inf


@compiled
def _first_ready_s(shop: Shop) -> float:
    fleet = shop.fleet
    first_s = np.inf
    for machine in range(fleet.shape[0]):
        first_s = min(first_s, fleet[machine, READY_S])
    return first_s


@compiled
def _change(shop: Shop, now_s: float) -> None:
    """Machines that are ready by now come up, then the calendar's changes of now."""
    rules, changes = shop.rules, shop.changes
    floor, fleet = shop.floor, shop.fleet
    for machine in range(fleet.shape[0]):
        if fleet[machine, READY_S] <= now_s:
            fleet[machine, READY_S] = np.inf
            _come_up(shop, machine, now_s)
    while _next_change_s(shop) <= now_s:
        i = floor.counts[NEXT_CHANGE]
        floor.counts[NEXT_CHANGE] += 1
        machine, kind = changes.what[i, MACHINE], changes.what[i, KIND]
        first = machine * rules.replicas_per_machine
        if kind == SWITCH_ON and np.isnan(fleet[machine, PAID_FROM_S]):
            _ask_for(shop, machine, now_s, np.inf)
            _come_up(shop, machine, now_s)
        elif kind == SWITCH_OFF:
            _switch_off(shop, machine, now_s)
        elif kind == TAKE_AWAY and floor.replicas[first, MODE] == UP:
            floor.counts[TAKEN] += 1
            _switch_off(shop, machine, now_s)
            _ask_for(shop, machine, now_s, now_s + shop.scaling.lag_s)
            _hand_on(shop, machine, now_s)


@compiled
def _ask_for(shop: Shop, machine: int, now_s: float, ready_s: float) -> None:
    floor, fleet = shop.floor, shop.fleet
    if np.isnan(fleet[machine, PAID_FROM_S]):
        fleet[machine, PAID_FROM_S] = now_s
        floor.counts[N_ON] += 1
        floor.counts[MOST_ON] = max(floor.counts[MOST_ON], floor.counts[N_ON])
        fleet[machine, READY_S] = ready_s


@compiled
def _come_up(shop: Shop, machine: int, now_s: float) -> None:
    rules, floor = shop.rules, shop.floor
    replicas, queues = floor.replicas, floor.queues
    start = machine * rules.replicas_per_machine
    for replica in range(start, start + rules.replicas_per_machine):
        replicas[replica, MODE] = UP
        if rules.routing == SHARED_QUEUE and replicas[replica, RUNNING] == 0:
            replicas[floor.counts[N_IDLE], IDLE] = replica
            floor.counts[N_IDLE] += 1
    _list_up(shop)
    if rules.routing == SHARED_QUEUE:
        advance(shop, 0, now_s)
        return
    # Those whom nobody accepted are routed anew.
    nowhere = queues.shape[0] - 1
    request = queues[nowhere, HEAD]
    queues[nowhere, HEAD] = NOBODY
    queues[nowhere, WAITING] = 0
    while request != NOBODY:
        following = floor.marks[request, AFTER]
        arrive(shop, request, now_s)
        request = following


@compiled
def _list_up(shop: Shop) -> None:
    floor = shop.floor
    replicas = floor.replicas
    n_up = 0
    for replica in range(floor.replicas.shape[0]):
        if replicas[replica, MODE] == UP:
            replicas[n_up, ACCEPTING] = replica
            n_up += 1
    floor.counts[N_ACCEPTING] = n_up


@compiled
def _switch_off(shop: Shop, machine: int, now_s: float) -> None:
    """No more requests; what the machine holds is finished."""
    rules, floor, fleet = shop.rules, shop.floor, shop.fleet
    if np.isnan(fleet[machine, PAID_FROM_S]):
        return
    fleet[machine, PAID_S] += now_s - fleet[machine, PAID_FROM_S]
    fleet[machine, PAID_FROM_S] = np.nan
    fleet[machine, READY_S] = np.inf
    floor.counts[N_ON] -= 1
    start = machine * rules.replicas_per_machine
    for replica in range(start, start + rules.replicas_per_machine):
        floor.replicas[replica, MODE] = DRAINING
    if rules.routing == SHARED_QUEUE:
        _list_idle(shop)
    _list_up(shop)


@compiled
def _list_idle(shop: Shop) -> None:
    floor = shop.floor
    replicas = floor.replicas
    n_idle = 0
    for replica in range(floor.replicas.shape[0]):
        if replicas[replica, MODE] == UP and replicas[replica, RUNNING] == 0:
            replicas[n_idle, IDLE] = replica
            n_idle += 1
    floor.counts[N_IDLE] = n_idle


@compiled
def _hand_on(shop: Shop, machine: int, now_s: float) -> None:
    """What a lost machine holds is routed again and served from its beginning."""
    rules, floor = shop.rules, shop.floor
    replicas, queues = floor.replicas, floor.queues
    start = machine * rules.replicas_per_machine
    for replica in range(start, start + rules.replicas_per_machine):
        replicas[replica, MODE] = DOWN
        held = replicas[replica, FIRST]
        if held != NOBODY:
            floor.worked[replica, BUSY_S] += now_s - floor.worked[replica, STARTED_S]
        replicas[replica, FIRST] = NOBODY
        replicas[replica, RUNNING] = 0
        replicas[replica, OUTSTANDING] = 0
        set_alarm(floor.alarms, replica, np.inf)
        _route_again(shop, held, now_s)
        if rules.routing != SHARED_QUEUE:
            set_alarm(floor.alarms, floor.replicas.shape[0] + replica, np.inf)
            queued = queues[replica, HEAD] if queues[replica, WAITING] > 0 else NOBODY
            queues[replica, WAITING] = 0
            _route_again(shop, queued, now_s)


@compiled
def _route_again(shop: Shop, request: int, now_s: float) -> None:
    floor = shop.floor
    while request != NOBODY:
        following = floor.marks[request, AFTER]
        floor.times[request, START_S] = np.nan
        floor.times[request, DONE_S] = np.nan
        floor.counts[HANDED_ON] += 1
        arrive(shop, request, now_s)
        request = following


@compiled
def _look(shop: Shop, now_s: float) -> None:
    scaling, floor, fleet = shop.scaling, shop.floor, shop.fleet
    rate_rps = floor.counts[ARRIVED] / scaling.interval_s
    floor.counts[ARRIVED] = 0
    wanted = int(np.ceil(rate_rps / scaling.target_rps))
    wanted = min(max(wanted, scaling.least), scaling.most)
    if wanted < floor.counts[N_ON]:
        floor.counts[TOO_MANY] += 1
    else:
        floor.counts[TOO_MANY] = 0
    if floor.counts[TOO_MANY] > scaling.patience:
        floor.counts[TOO_MANY] = 0
        for machine in range(fleet.shape[0] - 1, -1, -1):
            if floor.counts[N_ON] > wanted:
                _switch_off(shop, machine, now_s)
    for machine in range(fleet.shape[0]):
        if floor.counts[N_ON] < wanted:
            _ask_for(shop, machine, now_s, now_s + scaling.lag_s)
