"""Everything about a group of machines at work, as arrays that compiled loops share."""

from typing import Final, NamedTuple

import numpy as np

from planner.simulate.agenda import Agenda, agenda
from planner.simulate.arrays import Floats, Ints

SHARE: Final = 0
LEAST_OUTSTANDING: Final = 1
SHARED_QUEUE: Final = 2

DOWN: Final = 0
UP: Final = 1
DRAINING: Final = 2

NOBODY: Final = -1


# Columns of `Jobs.times` and of `Floor`'s arrays.
AT_S: Final = 0
SCALE: Final = 1
SERVICE_DRAW: Final = 2
ROUTING_DRAW: Final = 3

MODE: Final = 0
RUNNING: Final = 1
OUTSTANDING: Final = 2
FIRST: Final = 3
ACCEPTING: Final = 4
IDLE: Final = 5

STARTED_S: Final = 0
BUSY_S: Final = 1
FREED_S: Final = 2

HEAD: Final = 0
TAIL: Final = 1
WAITING: Final = 2

START_S: Final = 0
DONE_S: Final = 1

BATCH: Final = 0
REPLICA: Final = 1
AFTER: Final = 2

LEFT: Final = 0
DROPPED: Final = 1
HANDED_ON: Final = 2
N_ACCEPTING: Final = 3
N_IDLE: Final = 4
N_COUNTS: Final = 5


class Jobs(NamedTuple):
    """Requests in the order in which they reach the group.

    `times` (request, AT_S SCALE SERVICE_DRAW ROUTING_DRAW); `model` its number.
    """

    times: Floats
    model: Ints


class Rules(NamedTuple):
    """How the group serves; `knots_s` is (model, batch - 1, stratum).

    `rested_s` (model,) is what a batch takes longer on a replica that was idle before.
    """

    strata: Floats
    knots_s: Floats
    rested_s: Floats
    max_batch: Ints
    max_wait_s: Floats
    timeout_s: float
    routing: int
    replicas_per_machine: int


class Floor(NamedTuple):
    """All that changes while a group works; few arrays, for they cost compile time.

    `alarms` rings when a replica's batch is done, or a queue's timer (those follow).
    `replicas` (replica, MODE RUNNING OUTSTANDING FIRST): DOWN, UP or DRAINING; requests
    in its batch; those and its queue's; the batch's head, its others linked by AFTER.
    Its columns ACCEPTING and IDLE list the replicas that take requests, and those of
    a shared queue with nothing to do. `worked` (replica, STARTED_S BUSY_S FREED_S). `queues`
    (queue, HEAD TAIL WAITING); the last holds requests that no replica accepts.
    `times` (request, START_S DONE_S) stays NaN where a request is never served;
    `marks` (request, BATCH REPLICA AFTER); `counts` are named above.
    """

    alarms: Agenda
    replicas: Ints
    worked: Floats
    queues: Ints
    times: Floats
    marks: Ints
    counts: Ints


# Columns of `Changes.what`, and the kinds of a change.
MACHINE: Final = 0
KIND: Final = 1

SWITCH_ON: Final = 0
SWITCH_OFF: Final = 1
TAKE_AWAY: Final = 2


class Changes(NamedTuple):
    """Ascending times, and (change, MACHINE KIND): switched on, off, or taken away."""

    at_s: Floats
    what: Ints


class Scaling(NamedTuple):
    """The autoscaler's settings; an infinite interval is none.

    `lag_s` also delays the machine that replaces one that was taken away.
    """

    interval_s: float
    target_rps: float
    least: int
    most: int
    patience: int
    lag_s: float


class Shop(NamedTuple):
    """A group at work: who comes, how they are served, where everything stands."""

    jobs: Jobs
    rules: Rules
    floor: Floor


def empty_floor(n_requests: int, n_replicas: int, *, is_one_queue: bool) -> Floor:
    """Nobody there, nothing done; every replica down."""
    n_queues = 1 if is_one_queue else n_replicas
    replicas = np.zeros((n_replicas, 6), np.int64)
    replicas[:, FIRST] = NOBODY
    queues = np.full((n_queues + 1, 3), NOBODY)
    queues[:, WAITING] = 0
    counts = np.zeros(N_COUNTS, np.int64)
    counts[LEFT] = n_requests
    worked = np.zeros((n_replicas, 3))
    worked[:, FREED_S] = -np.inf
    return Floor(
        alarms=agenda(n_replicas + n_queues),
        replicas=replicas,
        worked=worked,
        queues=queues,
        times=np.full((n_requests, 2), np.nan),
        marks=np.full((n_requests, 3), NOBODY),
        counts=counts,
    )
