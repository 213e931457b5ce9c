"""Machines that work in batches, event by event: queues, timers, routing.

A group of machines runs the same models on `replicas_per_machine` replicas each.
A request joins one queue: that of the replica it is routed to, or the only one
that all replicas share. A replica that is free looks at its queue's head:

    a batch is the run of requests for the head's model, at most its max_batch
    it starts when it is full, or the head has waited max_wait, or another model's
    request stands behind it (waiting longer would not make it larger)
    a head that has waited longer than the timeout is dropped

so several models on a machine are served first come, first served. A batch takes
what the model's quantiles for its size give for a uniform draw of its head, times
the largest `scale` in it. Numbers are drawn beforehand, one a request: the loop is
a pure function of its arrays.

Replicas come and go (`planner.simulate.batch_fleet`): DRAINING ones finish their queue,
LOST ones hand on what they hold, which is then served from its beginning.
"""

import numpy as np

from planner.simulate.agenda import set_alarm
from planner.simulate.arrays import Floats
from planner.simulate.compiled import compiled
from planner.simulate.shop import (
    ACCEPTING,
    AFTER,
    AT_S,
    BATCH,
    BUSY_S,
    DONE_S,
    DOWN,
    DROPPED,
    FIRST,
    FREED_S,
    HEAD,
    IDLE,
    LEAST_OUTSTANDING,
    LEFT,
    MODE,
    N_ACCEPTING,
    N_IDLE,
    NOBODY,
    OUTSTANDING,
    REPLICA,
    ROUTING_DRAW,
    RUNNING,
    SCALE,
    SERVICE_DRAW,
    SHARED_QUEUE,
    START_S,
    STARTED_S,
    TAIL,
    UP,
    WAITING,
    Shop,
)


@compiled
def arrive(shop: Shop, request: int, now_s: float) -> None:
    """A request reaches the group: to a queue, and on to a replica that is free."""
    floor = shop.floor
    queue = _route(shop, request)
    queues = floor.queues
    if queues[queue, WAITING] == 0:
        queues[queue, HEAD] = request
    else:
        floor.marks[queues[queue, TAIL], AFTER] = request
    queues[queue, TAIL] = request
    floor.marks[request, AFTER] = NOBODY
    queues[queue, WAITING] += 1
    if queue < queues.shape[0] - 1:
        advance(shop, queue, now_s)


@compiled
def _route(shop: Shop, request: int) -> int:
    jobs, rules, floor = shop.jobs, shop.rules, shop.floor
    replicas = floor.replicas
    if rules.routing == SHARED_QUEUE:
        return 0
    n_up = floor.counts[N_ACCEPTING]
    if n_up == 0:
        return int(floor.queues.shape[0]) - 1
    # The draw also says where the search for the shortest queue starts: ties are fair.
    start = min(int(jobs.times[request, ROUTING_DRAW] * n_up), n_up - 1)
    chosen = replicas[start, ACCEPTING]
    if rules.routing == LEAST_OUTSTANDING:
        for k in range(1, n_up):
            other = replicas[(start + k) % n_up, ACCEPTING]
            if replicas[other, OUTSTANDING] < replicas[chosen, OUTSTANDING]:
                chosen = other
    replicas[chosen, OUTSTANDING] += 1
    return int(chosen)


@compiled
def advance(shop: Shop, queue: int, now_s: float) -> None:
    """Start every batch that may start from a queue now, and set its timer."""
    jobs, rules, floor = shop.jobs, shop.rules, shop.floor
    queues = floor.queues
    timer = floor.replicas.shape[0] + queue
    while queues[queue, WAITING] > 0:
        replica = _free_replica(shop, queue)
        if replica == NOBODY:
            break
        head = queues[queue, HEAD]
        if now_s - jobs.times[head, AT_S] > rules.timeout_s:
            _drop(shop, queue)
            continue
        model = jobs.model[head]
        run = _run(shop, queue, model)
        is_closed = run < queues[queue, WAITING]
        due_s = jobs.times[head, AT_S] + rules.max_wait_s[model]
        if run < rules.max_batch[model] and not is_closed and now_s < due_s:
            set_alarm(floor.alarms, timer, due_s)
            return
        _start(shop, queue, replica, run, now_s)
    if floor.alarms.at_s[timer] < np.inf:
        set_alarm(floor.alarms, timer, np.inf)


@compiled
def _free_replica(shop: Shop, queue: int) -> int:
    rules, floor = shop.rules, shop.floor
    replicas = floor.replicas
    if rules.routing == SHARED_QUEUE:
        n_idle = floor.counts[N_IDLE]
        return int(replicas[n_idle - 1, IDLE]) if n_idle > 0 else NOBODY
    is_free = replicas[queue, MODE] != DOWN and replicas[queue, RUNNING] == 0
    return int(queue) if is_free else NOBODY


@compiled
def _run(shop: Shop, queue: int, model: int) -> int:
    """Requests for the head's model before any other's, no more than a batch takes."""
    jobs, rules, floor = shop.jobs, shop.rules, shop.floor
    queues = floor.queues
    most = min(rules.max_batch[model], queues[queue, WAITING])
    if rules.max_batch.size == 1:
        return int(most)
    run, request = 1, floor.marks[queues[queue, HEAD], AFTER]
    while run < most and jobs.model[request] == model:
        run += 1
        request = floor.marks[request, AFTER]
    return run


@compiled
def _drop(shop: Shop, queue: int) -> None:
    rules, floor = shop.rules, shop.floor
    queues = floor.queues
    queues[queue, HEAD] = floor.marks[queues[queue, HEAD], AFTER]
    queues[queue, WAITING] -= 1
    if rules.routing != SHARED_QUEUE:
        floor.replicas[queue, OUTSTANDING] -= 1
    floor.counts[LEFT] -= 1
    floor.counts[DROPPED] += 1


@compiled
def _start(shop: Shop, queue: int, replica: int, size: int, now_s: float) -> None:
    jobs, rules, floor = shop.jobs, shop.rules, shop.floor
    queues, replicas = floor.queues, floor.replicas
    head = queues[queue, HEAD]
    request, scale = head, jobs.times[head, SCALE]
    for _ in range(size - 1):
        request = floor.marks[request, AFTER]
        scale = max(scale, jobs.times[request, SCALE])
    knots_s = rules.knots_s[jobs.model[head], size - 1]
    took_s = scale * quantile_s(rules.strata, knots_s, jobs.times[head, SERVICE_DRAW])
    if now_s > floor.worked[replica, FREED_S]:
        took_s += rules.rested_s[jobs.model[head]]
    rest = floor.marks[request, AFTER]
    floor.marks[request, AFTER] = NOBODY
    queues[queue, HEAD] = rest
    queues[queue, WAITING] -= size
    request = head
    while request != NOBODY:
        floor.times[request, START_S] = now_s
        floor.times[request, DONE_S] = now_s + took_s
        floor.marks[request, BATCH] = size
        floor.marks[request, REPLICA] = replica
        request = floor.marks[request, AFTER]
    replicas[replica, FIRST] = head
    replicas[replica, RUNNING] = size
    floor.worked[replica, STARTED_S] = now_s
    if rules.routing == SHARED_QUEUE:
        replicas[replica, OUTSTANDING] = size
        floor.counts[N_IDLE] -= 1
    set_alarm(floor.alarms, replica, now_s + took_s)


@compiled
def quantile_s(strata: Floats, knots_s: Floats, draw: float) -> float:
    """A distribution's quantile at a draw between 0 and 1."""
    i = 1
    while i < strata.size - 1 and draw > strata[i]:
        i += 1
    part = (draw - strata[i - 1]) / (strata[i] - strata[i - 1])
    return float(knots_s[i - 1] + part * (knots_s[i] - knots_s[i - 1]))


@compiled
def finish(shop: Shop, replica: int, now_s: float) -> int:
    """A replica's batch is done; gives the queue it may take the next from."""
    rules, floor = shop.rules, shop.floor
    replicas = floor.replicas
    size = replicas[replica, RUNNING]
    floor.worked[replica, BUSY_S] += now_s - floor.worked[replica, STARTED_S]
    floor.worked[replica, FREED_S] = now_s
    replicas[replica, RUNNING] = 0
    replicas[replica, FIRST] = NOBODY
    replicas[replica, OUTSTANDING] -= size
    floor.counts[LEFT] -= size
    set_alarm(floor.alarms, replica, np.inf)
    if rules.routing != SHARED_QUEUE:
        return replica
    if replicas[replica, MODE] == UP:
        replicas[floor.counts[N_IDLE], IDLE] = replica
        floor.counts[N_IDLE] += 1
    return 0
