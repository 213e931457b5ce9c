"""How long requests wait for a server that works in batches, exactly but for a time grid.

One replica, Poisson arrivals of rate λ. A batch starts when the server is free and
either B requests wait or the oldest has waited W. The service time S_b depends on
the batch's size b (bulk service: Neuts 1967, with a timer).

Follow the *head* of each batch, its first request. Let x be the time from the head's
arrival until the server is free (0: it is idle), N the Poisson arrivals counted from
the head's arrival, E_i the time of the i-th of them. The batch starts at

    D = max(x, min(W, E_{B-1}))     with     b = min(B, 1 + N(max(x, W)))   requests,

and the next batch's head is

    overflow   N(x) ≥ B:   the B-th arrival;  x' = x - E_B + S_B
    afresh     otherwise:  Exp(λ) after D;    x' = (S_b - Exp(λ))+

where S_b is longer by what a rest costs if the server was idle before D, x < D.

so x alone is a Markov chain, for timers too. Its stationary law u (with an atom a at
x = 0) is solved on a lattice of hat functions, which keeps masses and means:

    u = K u + Σ_b v_b α_b,    α_b = ∫ P(b, afresh | x) u(dx)

Beyond the lattice u falls as e^{-θx} with E[e^{θS_B}] (λ/(λ+θ))^B = 1 (the chain is
there the random walk of the queue E_B/G/1), which closes the last column.

A head waits D, the request that came at E_i waits D - E_i. Given x, per head:

    timer      x < W, N(W) < B-1: heads wait W, others are uniform on (0, W)
    filled     x < W, x < E_{B-1} ≤ W: head E_{B-1}, the last 0, others uniform between
    released   x ≥ W, N(x) = b-1 < B-1: head x, others with density λ Pois(b-2; λx)
    full       N(x) ≥ B-1: head x; others at t after it with density
               λ [P(Pois(λt) ≤ B-2) - P(Pois(λx) ≤ B-3)]

With B = 1 the chain is Lindley's recursion and the result that of M/G/1, which
`planner.perf.single` has in a faster form. All arrays have a leading axis over
queues: one call solves many.
"""

from dataclasses import dataclass

import numpy as np

from planner.perf.lattice import (
    Ints,
    Lattice,
    Queues,
    bounded_waits,
    pick,
    poisson_table,
    toeplitz,
)
from planner.perf.service import Floats
from planner.perf.waits import TIMER_CELLS, Waits


def solve_batching(queues: Queues, *, n_points: int, overflows: bool) -> Waits:
    """Stationary law of waits; every queue must be stable.

    `overflows` says whether batches may leave requests behind: without, a shorter
    and therefore finer lattice serves.
    """
    lattice = Lattice(bounded_waits(queues), n_points, overflows=overflows)
    timed = _Timed.of(lattice)
    released, rested = _afresh(lattice, timed)
    idle, heads = _stationary(lattice, timed, released, rested)
    return _waits(lattice, timed, released + rested, idle, heads)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Timed:
    """What the timer changes: arrivals within W, and the share of each hat below W."""

    pmf: Floats  # (queue, k): P(N(W) = k)
    fills: Floats  # (queue,): P(N(W) ≥ B-1)
    below: Floats  # (queue, x): share of x's hat below W

    @classmethod
    def of(cls, lattice: Lattice) -> "_Timed":
        queues = lattice.queues
        pmf = poisson_table(
            (queues.rate_rps * queues.max_wait_s)[:, None], lattice.pmf.shape[1] - 1
        )[:, :, 0]
        short = (np.arange(pmf.shape[1])[None] < queues.max_batch[:, None] - 1) * pmf
        offset = (queues.max_wait_s[:, None] - lattice.x_s) / lattice.step_s[:, None]
        at = np.clip(offset, -1.0, 1.0)
        share = np.where(at < 0, (1 + at) ** 2 / 2, 1 - (1 - at) ** 2 / 2)
        # Only the upper half of the first hat exists.
        share[:, 0] = np.where(at[:, 0] > 0, 2 * share[:, 0] - 1, 0.0)
        return cls(pmf=pmf, fills=1 - short.sum(axis=1), below=share)


def _afresh(lattice: Lattice, timed: _Timed) -> tuple[Floats, Floats]:
    """P(batch b, next head afresh | x) as (queue, b, x) over the reach.

    Apart: batches that start when the server is free, and those that it waits for.
    """
    batch = lattice.queues.max_batch
    n_batches = lattice.queues.knots_s.shape[1]
    below = timed.below[:, None, :]
    short = (np.arange(n_batches)[None] < batch[:, None] - 1)[:, :, None]
    released = (1 - below) * lattice.pmf[:, :n_batches] * short
    rested = below * timed.pmf[:, :n_batches, None] * short
    here = np.arange(len(batch))
    released[here, batch - 1] = (1 - timed.below) * lattice.pmf[here, batch - 1]
    in_time = timed.fills[:, None] - (1 - lattice.at_most(batch - 1))
    rested[here, batch - 1] = timed.below * np.maximum(in_time, 0.0)
    return released, rested


def _idle_batches(timed: _Timed, batch: Ints, n_batches: int) -> Floats:
    """P(batch b | the head finds the server idle)."""
    shares = timed.pmf[:, :n_batches].copy()
    shares *= np.arange(n_batches)[None] < batch[:, None] - 1
    shares[np.arange(len(batch)), batch - 1] = timed.fills
    return shares


def _stationary(
    lattice: Lattice, timed: _Timed, released: Floats, rested: Floats
) -> tuple[Floats, Floats]:
    """Atom at x = 0 and lattice masses of the heads' law; together they weigh one."""
    queues, n = lattice.queues, lattice.n
    batch = queues.max_batch
    here = np.arange(len(batch))
    one = np.ones_like(batch)
    service = lattice.hats(queues.knots_s)
    after = lattice.remaining(one, closed=False).swapaxes(1, 2)
    fresh = service @ after
    slower = lattice.hats(queues.rested_knots_s) @ after
    overflow = toeplitz(service[here, batch - 1], upward=False) @ lattice.remaining(
        batch, closed=True
    )
    system = np.zeros((len(batch), n + 1, n + 1))
    system[:, 0, 0] = 1.0
    system[:, 0, 1:] = lattice.fold(np.ones_like(lattice.x_s))
    system[:, 1:, 1:] = np.eye(n) - overflow
    system[:, 1:, 1:] -= fresh.swapaxes(1, 2) @ lattice.fold(released)
    system[:, 1:, 1:] -= slower.swapaxes(1, 2) @ lattice.fold(rested)
    idle_batches = _idle_batches(timed, batch, fresh.shape[1])
    system[:, 1:, 0] = -np.einsum("qbx,qb->qx", slower, idle_batches)
    right = np.zeros((len(batch), n + 1, 1))
    right[:, 0] = 1.0
    solution = np.maximum(np.linalg.solve(system, right)[..., 0], 0.0)
    return solution[:, 0], solution[:, 1:]


def _waits(
    lattice: Lattice, timed: _Timed, afresh: Floats, idle: Floats, heads: Floats
) -> Waits:
    """The waits of heads and of those who follow them, summed over the heads' law."""
    queues = lattice.queues
    batch = queues.max_batch
    here = np.arange(len(batch))
    n_batches = queues.knots_s.shape[1]
    short = np.arange(n_batches)[None] < batch[:, None] - 1

    share = np.einsum("qbx,qx->qb", lattice.fold(afresh), heads)
    share += idle[:, None] * _idle_batches(timed, batch, n_batches)
    overflow = 1 - lattice.at_most(batch - 1)
    share[here, batch - 1] += (lattice.fold(overflow) * heads).sum(axis=1)
    mean_batch = share @ np.arange(1, n_batches + 1) / share.sum(axis=1)
    total = share @ np.arange(1, n_batches + 1)

    cells = _released(lattice, timed, heads) * short[:, :, None]
    cells[here, batch - 1] = _full(lattice, heads)

    early = idle + (lattice.fold(timed.below) * heads).sum(axis=1)
    at_timer = early[:, None] * timed.pmf[:, :n_batches] * short
    under_timer = at_timer * np.arange(n_batches)
    filling, at_once = _filled(lattice, idle, heads)
    at_once += np.where(batch == 1, idle, 0.0)

    known = cells.sum(axis=(1, 2)) + at_timer.sum(axis=1) + under_timer.sum(axis=1)
    known += filling.sum(axis=1) + at_once
    scale = 1 / np.maximum(total, known)
    return Waits(
        queues=queues,
        step_s=lattice.step_s,
        cells=cells * scale[:, None, None],
        tail=np.maximum(total - known, 0.0) * scale,
        decay_per_s=lattice.theta,
        at_timer=at_timer * scale[:, None],
        under_timer=under_timer * scale[:, None],
        filling=filling * scale[:, None],
        at_once=at_once * scale,
        mean_batch=mean_batch,
        batch_share=share / share.sum(axis=1, keepdims=True),
    )


def _in_cells(points: Floats) -> Floats:
    """Hat masses at points as masses of the cells between them."""
    cells = (points[..., :-1] + points[..., 1:]) / 2
    cells[..., 0] += points[..., 0] / 2
    return cells


def _at_and_above(values: Floats) -> Floats:
    """Sums over the points beyond each cell's lower end."""
    return values[..., ::-1].cumsum(axis=-1)[..., ::-1][..., 1:]


def _released(lattice: Lattice, timed: _Timed, heads: Floats) -> Floats:
    """Waits in batches that start, not full, as soon as the server is free."""
    n, n_batches = lattice.n, lattice.queues.knots_s.shape[1]
    late = heads * (1 - timed.below[:, :n])
    late[:, -1] = 0.0  # what lies beyond the lattice belongs to the tail
    arrivals = lattice.pmf[:, :n_batches, :n] * late[:, None, :]
    followers = np.zeros((len(heads), n_batches, n - 1))
    per_step = (lattice.queues.rate_rps * lattice.step_s)[:, None, None]
    followers[:, 1:] = per_step * _at_and_above(arrivals[:, :-1])
    return np.asarray(followers + _in_cells(arrivals))


def _full(lattice: Lattice, heads: Floats) -> Floats:
    """Waits in full batches that start as soon as the server is free."""
    n, batch = lattice.n, lattice.queues.max_batch
    reaches = 1 - lattice.at_most(batch - 2)
    late = reaches[:, :n] * heads
    late[:, -1] = 0.0  # waits beyond the lattice belong to the tail
    expected = np.cumsum(1 - lattice.cdf, axis=1)
    members = pick(expected, batch - 2)
    gained = np.diff(members, axis=1)
    ahead = np.zeros((len(heads), n - 1))
    reach = toeplitz(gained[:, : n - 1], upward=True)
    ahead += np.einsum("qkj,qj->qk", reach[:, :, : n - 1], heads[:, 1:])
    last = gained.shape[1] - n
    weight = lattice.ratio[:, None] ** np.arange(1, last)
    for_cell = np.lib.stride_tricks.sliding_window_view(gained, last - 1, axis=1)
    beyond = np.einsum("qkj,qj->qk", for_cell[:, 1:n], weight)[:, ::-1]
    ahead += beyond * heads[:, -1:]
    missed = (
        lattice.at_most(batch - 3) * (lattice.queues.rate_rps * lattice.step_s)[:, None]
    )
    ahead -= _at_and_above(lattice.fold(missed) * heads)
    return np.asarray(np.maximum(ahead, 0.0) + _in_cells(late))


def _filled(lattice: Lattice, idle: Floats, heads: Floats) -> tuple[Floats, Floats]:
    """Batches that fill while their timer runs: waits in (0, W), and who comes last."""
    queues, n = lattice.queues, lattice.n
    batch, wait_s = queues.max_batch, queues.max_wait_s
    edge = wait_s[:, None] * np.linspace(0.0, 1.0, TIMER_CELLS + 1)
    if not wait_s.any():
        return np.zeros((len(batch), TIMER_CELLS)), np.zeros(len(batch))
    pmf = poisson_table(queues.rate_rps[:, None] * edge, int(batch.max()))
    cdf = np.cumsum(pmf, axis=1)
    weight = lattice.fold(np.ones_like(lattice.x_s)) * heads
    middle = (edge[:, 1:] + edge[:, :-1]) / 2 / lattice.step_s[:, None]
    upto = np.cumsum(weight, axis=1) - weight / 2
    free = np.stack(
        [np.interp(m, np.arange(n), u) for m, u in zip(middle, upto, strict=True)]
    )
    free += idle[:, None]
    timed = (batch > 1)[:, None]
    filled = free * np.diff(1 - pick(cdf, batch - 2), axis=1) * timed
    per_cell = (queues.rate_rps * wait_s / TIMER_CELLS)[:, None]
    between = per_cell * free * np.diff(1 - pick(cdf, batch - 3), axis=1)
    between *= (batch > 2)[:, None]
    later = between[:, ::-1].cumsum(axis=1)[:, ::-1] - between / 2
    return filled + later, filled.sum(axis=1)
