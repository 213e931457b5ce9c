"""Waits where every request is served alone: M/G/1, the first after a rest slower.

A request that finds the server idle is served in S_0, others in S (Welch 1964). With
ρ = λ E[S] and ρ_0 = λ E[S_0], the server is idle for a share p_0 of them, and where
r and r_0 are the densities of the services' residuals, P(S > x) / E[S], the others wait
by the density

    v = p_0 ρ_0 r_0 + ρ r * v,    p_0 = (1-ρ) / (1 - ρ + ρ_0)

With S_0 = S that is Pollaczek's and Khinchine's law. On a lattice of hats (mass and mean
of r are kept, hence the mean wait is exact) v follows by Panjer's recursion (1981):

    v_k = (p_0 ρ_0 r_0k + ρ Σ_{j=1..k} r_j v_{k-j}) / (1 - ρ r_0)

taken in blocks: what earlier blocks give is one product, and within a block the
recursion is the power series 1 / (1 - ρ r), which all blocks share.

It is what `planner.perf.batching` gives for B = 1, two orders of magnitude faster;
beyond the lattice the same exponential tail follows.
"""

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from planner.perf.lattice import Queues, decay_rate, lattice_step_s, toeplitz
from planner.perf.service import Floats, mean_s, shortfall_s
from planner.perf.waits import TIMER_CELLS, Waits

# Near the root of the points of one prediction: as many blocks as steps within one.
_BLOCK: Final = 16


def solve_single(queues: Queues, *, n_points: int) -> Waits:
    """Stationary law of waits of queues whose `max_batch` is 1."""
    step_s = lattice_step_s(queues, n_points, overflows=True)
    knots_s, rested_knots_s = queues.knots_s[:, 0], queues.rested_knots_s[:, 0]
    load, rested_load = (queues.rate_rps * mean_s(k) for k in (knots_s, rested_knots_s))
    idle = (1 - load) / (1 - load + rested_load)
    first = _residual(rested_knots_s, step_s, n_points)
    points = _compound(
        (idle * rested_load)[:, None] * first,
        load[:, None] * _residual(knots_s, step_s, n_points),
    )
    cells = (points[:, :-1] + points[:, 1:]) / 2
    cells[:, 0] += points[:, 0] / 2
    nothing = np.zeros((len(load), 1))
    return Waits(
        queues=queues,
        step_s=step_s,
        cells=cells[:, None, :],
        tail=np.maximum(1 - idle - cells.sum(axis=1), 0.0),
        decay_per_s=decay_rate(queues),
        at_timer=nothing,
        under_timer=nothing,
        filling=np.zeros((len(load), TIMER_CELLS)),
        at_once=idle,
        mean_batch=np.ones(len(load)),
        batch_share=np.ones((len(load), 1)),
    )


def _residual(knots_s: Floats, step_s: Floats, n_points: int) -> Floats:
    """Hat masses of the residual service time."""
    half = step_s[:, None] / 2 * np.arange(2 * n_points + 1)
    share = (half - shortfall_s(knots_s[:, None, :], half)) / mean_s(knots_s)[:, None]
    # Simpson's rule is exact where the distribution function is quadratic.
    area = (share[:, :-2:2] + 4 * share[:, 1:-1:2] + share[:, 2::2]) / 6
    return np.asarray(np.diff(area, axis=1, prepend=0.0))


def _compound(first: Floats, further: Floats) -> Floats:
    """V = first + further * v, block by block: each from those before it."""
    n_queues, n = first.shape
    backwards = np.concatenate((further[:, ::-1], np.zeros((n_queues, n))), axis=1)
    # Row k holds further_{k-j} at j < k; a view, of which no copy is taken.
    rows = sliding_window_view(backwards, n, axis=1)[:, n - 1 :: -1]
    own = toeplitz(_reciprocal(further[:, :_BLOCK]), upward=False)
    found = np.zeros_like(first)
    for start in range(0, n, _BLOCK):
        end = min(start + _BLOCK, n)
        before = np.einsum("qkj,qj->qk", rows[:, start:end, :start], found[:, :start])
        known = first[:, start:end] + before
        size = end - start
        found[:, start:end] = np.einsum("qkj,qj->qk", own[:, :size, :size], known)
    return found


def _reciprocal(further: Floats) -> Floats:
    """What 1 / (1 - further) is as a power series, so far as it is given."""
    scale = 1 / (1 - further[:, 0])
    series = np.zeros_like(further)
    series[:, 0] = scale
    for k in range(1, further.shape[1]):
        known = np.einsum("qj,qj->q", further[:, k:0:-1], series[:, :k])
        series[:, k] = known * scale
    return series
