"""Replicas that nothing ties together: each one's requests, in one pass over them.

Where requests are routed by share and machines neither fail nor scale, a replica is
a queue of its own, and its batches follow one from another without an agenda: with
h the head and t the time at which the replica is free,

    limit  = max(t, arrival(h), arrival(h) + max_wait)
    batch  = h and those for its model that follow it before `limit`, up to max_batch
    start  = the last one's arrival (full) | that of the first for another model
             (closed) | limit,  but not before max(t, arrival(h))

`planner.simulate.machines` gives the same times, event by event and in general.
"""

import numpy as np

from planner.simulate.arrays import Floats, Ints
from planner.simulate.compiled import compiled
from planner.simulate.machines import quantile_s
from planner.simulate.shop import (
    AT_S,
    BATCH,
    DONE_S,
    REPLICA,
    SCALE,
    SERVICE_DRAW,
    START_S,
    Jobs,
    Rules,
)


@compiled
def serve_alone(
    jobs: Jobs, rules: Rules, order: Ints, ends: Ints, seen: tuple[Floats, Ints, Floats]
) -> None:
    """Serve each replica's requests.

    `order` has them replica by replica, each by arrival, and `ends` where each
    replica's end; `seen` takes times and marks as in `Floor`, and busy seconds.
    """
    times, marks, busy_s = seen
    first = 0
    for replica in range(ends.size):
        free_s = -np.inf
        while first < ends[replica]:
            start_s, size = _batch(jobs, rules, order[first : ends[replica]], free_s)
            if start_s - jobs.times[order[first], AT_S] > rules.timeout_s:
                first += 1
                continue
            batch = order[first : first + size]
            took_s = _took_s(jobs, rules, batch)
            if start_s > free_s:
                took_s += rules.rested_s[jobs.model[batch[0]]]
            for i in range(size):
                times[batch[i], START_S] = start_s
                times[batch[i], DONE_S] = start_s + took_s
                marks[batch[i], BATCH] = size
                marks[batch[i], REPLICA] = replica
            busy_s[replica] += took_s
            free_s = start_s + took_s
            first += size


@compiled
def _batch(jobs: Jobs, rules: Rules, queue: Ints, free_s: float) -> tuple[float, int]:
    """When the queue's first batch starts, and how many requests it takes."""
    model, arrived_s = jobs.model[queue[0]], jobs.times[queue[0], AT_S]
    may_start_s = max(free_s, arrived_s)
    limit_s = max(may_start_s, arrived_s + rules.max_wait_s[model])
    size, most = 1, min(rules.max_batch[model], queue.size)
    while size < most and jobs.model[queue[size]] == model:
        if jobs.times[queue[size], AT_S] >= limit_s:
            return limit_s, size
        size += 1
    if size == rules.max_batch[model]:
        return max(may_start_s, jobs.times[queue[size - 1], AT_S]), size
    if size < queue.size and jobs.times[queue[size], AT_S] < limit_s:
        return max(may_start_s, jobs.times[queue[size], AT_S]), size
    return limit_s, size


@compiled
def _took_s(jobs: Jobs, rules: Rules, batch: Ints) -> float:
    scale = jobs.times[batch[0], SCALE]
    for i in range(1, batch.size):
        scale = max(scale, jobs.times[batch[i], SCALE])
    knots_s = rules.knots_s[jobs.model[batch[0]], batch.size - 1]
    return float(scale) * quantile_s(
        rules.strata, knots_s, jobs.times[batch[0], SERVICE_DRAW]
    )
