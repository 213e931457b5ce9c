"""Machines that work in batches and come and go: the loop over all their events.

One that drains finishes its queue; one that is taken away hands on what it holds.
While no machine is there, requests wait in a queue of their own, the last one, and are
routed when one comes up. When machines come and go: `planner.simulate.fleet`.
"""

import numpy as np

from planner.simulate.agenda import HEAP, set_alarm
from planner.simulate.compiled import compiled
from planner.simulate.fleet import (
    ARRIVED,
    COME_UP,
    HAND_ON,
    NO_ORDER,
    Fleet,
    next_order,
    next_s,
)
from planner.simulate.machines import advance, arrive, finish
from planner.simulate.shop import (
    ACCEPTING,
    AFTER,
    AT_S,
    BUSY_S,
    DONE_S,
    DOWN,
    DRAINING,
    FIRST,
    HANDED_ON,
    HEAD,
    IDLE,
    LEFT,
    MODE,
    N_ACCEPTING,
    N_IDLE,
    NOBODY,
    OUTSTANDING,
    RUNNING,
    SHARED_QUEUE,
    START_S,
    STARTED_S,
    UP,
    WAITING,
    Shop,
)


@compiled
def work(shop: Shop, fleet: Fleet) -> None:
    """Every event until the last request is done, or none can be any more."""
    floor = shop.floor
    n, n_replicas = shop.jobs.model.size, floor.replicas.shape[0]
    request = 0
    order_s = next_s(fleet)
    while floor.counts[LEFT] > 0:
        slot = floor.alarms.order[0, HEAP]
        event_s = floor.alarms.at_s[slot]
        arrival_s = shop.jobs.times[request, AT_S] if request < n else np.inf
        if order_s <= min(event_s, arrival_s):
            if order_s == np.inf:
                break
            _carry_out(shop, fleet, order_s)
            order_s = next_s(fleet)
        elif event_s <= arrival_s:
            queue = slot - n_replicas
            if slot < n_replicas:
                queue = finish(shop, slot, event_s)
            advance(shop, queue, event_s)
        else:
            arrive(shop, request, arrival_s)
            fleet.counts[ARRIVED] += 1
            request += 1


@compiled
def _carry_out(shop: Shop, fleet: Fleet, now_s: float) -> None:
    """Every order by now."""
    order, machine = next_order(fleet, now_s)
    while order != NO_ORDER:
        if order == COME_UP:
            _come_up(shop, machine, now_s)
        else:
            _drain(shop, machine)
        if order == HAND_ON:
            _hand_on(shop, machine, now_s)
        order, machine = next_order(fleet, now_s)


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
def _drain(shop: Shop, machine: int) -> None:
    """No more requests; what the machine holds is finished."""
    rules, floor = shop.rules, shop.floor
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
