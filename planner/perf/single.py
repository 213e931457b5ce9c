"""Waits where every request is served alone: M/G/1 by Pollaczek and Khinchine.

    wait = R_1 + … + R_K,   P(K = k) = (1-ρ) ρ^k,
    R ~ the service's residual, with density P(S > x) / E[S]

On a lattice of hats (mass and mean of R are kept, hence the mean wait is exact) the
compound geometric law follows from Panjer's recursion (1981):

    w_0 = (1-ρ) / (1 - ρ r_0),    w_k = ρ / (1 - ρ r_0) Σ_{j=1..k} r_j w_{k-j}

It is what `planner.perf.batching` gives for B = 1, two orders of magnitude faster;
beyond the lattice the same exponential tail follows.
"""

import numpy as np

from planner.perf.lattice import Queues, decay_rate, lattice_step_s
from planner.perf.service import Floats, mean_s, shortfall_s
from planner.perf.waits import TIMER_CELLS, Waits


def solve_single(queues: Queues, *, n_points: int) -> Waits:
    """Stationary law of waits of queues whose `max_batch` is 1."""
    step_s = lattice_step_s(queues, n_points, overflows=True)
    load = queues.rate_rps * mean_s(queues.knots_s[:, 0])
    points = _compound(_residual(queues.knots_s[:, 0], step_s, n_points), load)
    points[:, 0] -= 1 - load
    cells = (points[:, :-1] + points[:, 1:]) / 2
    cells[:, 0] += points[:, 0] / 2
    nothing = np.zeros((len(load), 1))
    return Waits(
        queues=queues,
        step_s=step_s,
        cells=cells[:, None, :],
        tail=np.maximum(load - cells.sum(axis=1), 0.0),
        decay_per_s=decay_rate(queues),
        at_timer=nothing,
        under_timer=nothing,
        filling=np.zeros((len(load), TIMER_CELLS)),
        at_once=1 - load,
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


def _compound(residual: Floats, load: Floats) -> Floats:
    scale = 1 / (1 - load * residual[:, 0])
    backwards = residual[:, ::-1] * (load * scale)[:, None]
    n = residual.shape[1]
    wait = np.zeros_like(residual)
    wait[:, 0] = (1 - load) * scale
    for k in range(1, n):
        wait[:, k] = np.einsum("qj,qj->q", backwards[:, n - 1 - k : n - 1], wait[:, :k])
    return wait
