"""Time grids and Poisson tables of many queues at once, for `planner.perf.batching`.

A law on the lattice is a sum of hat functions: a mass between two points is split
between them so that mass and mean are kept; what is lost is of the order of the step
squared. Quantities that theory gives in closed form (Poisson, Erlang) are exact.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from planner.perf.service import MASSES, Floats, mean_s, shortfall_s

Ints = npt.NDArray[np.int64]

# Arrival counts and weights are tabulated to this many lattice lengths.
_REACH: Final = 3
# Beyond the longest service the lattice covers so many mean full-batch services
# where batches overflow: the second-slowest mode of the random walk is gone by then.
_ROOM_SERVICES: Final = 2.0
_SETTLING_STEPS: Final = 40
# Log of the chance per batch below which a longer lattice would not pay.
_LOG_RARE: Final = math.log(1e-3)
_NEWTON_STEPS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """Many queues side by side; knots are (queue, batch, stratum) of service times.

    `rested_s` (queue,) is what a batch takes longer when its server was idle before.
    """

    rate_rps: Floats
    max_batch: Ints
    max_wait_s: Floats
    knots_s: Floats
    rested_s: Floats

    @property
    def rested_knots_s(self) -> Floats:
        """Quantiles of the service of batches that find the server idle."""
        return np.asarray(self.knots_s + self.rested_s[:, None, None])

    def at_rate(self, rate_rps: Floats) -> "Queues":
        """The same queues at other arrival rates."""
        return replace(self, rate_rps=rate_rps)

    def take(self, index: Ints, n_batches: int | None = None) -> "Queues":
        """These queues, in this order; with fewer batch sizes if so told."""
        size = self.knots_s.shape[1] if n_batches is None else n_batches
        return Queues(
            rate_rps=self.rate_rps[index],
            max_batch=np.minimum(self.max_batch[index], size),
            max_wait_s=self.max_wait_s[index],
            knots_s=self.knots_s[index, :size],
            rested_s=self.rested_s[index],
        )


def bounded_waits(queues: Queues) -> Queues:
    """Timers no longer than what fills a batch but once in some 10,000 times."""
    others = queues.max_batch - 1
    surely_full = (others + 4.5 * np.sqrt(others) + 5) / queues.rate_rps
    return replace(queues, max_wait_s=np.minimum(queues.max_wait_s, surely_full))


def saturation_rps(queues: Queues) -> Floats:
    """The rate at which full batches, one after the other, just keep up."""
    full = _at_full_batch(queues)
    return np.asarray(queues.max_batch / mean_s(full))


def plausible_batch(queues: Queues) -> Ints:
    """A batch size that is hardly ever exceeded, or max_batch.

    A batch of m is followed by one of 1 + λ E[S_m] on average: the fixed point of
    that, and its spread as of an autoregression whose noise is that of the arrivals.
    """
    rate, most = queues.rate_rps, queues.max_batch
    mean_s_of, longest_s_of = mean_s(queues.knots_s), queues.knots_s[:, :, -1]
    here, largest = np.arange(len(rate)), queues.knots_s.shape[1]
    size = np.ones(len(rate))
    at, slope = np.zeros(len(rate), dtype=np.int64), np.zeros(len(rate))
    for _ in range(_SETTLING_STEPS):
        at = size.astype(np.int64) - 1
        above = np.minimum(at + 1, largest - 1)
        slope = mean_s_of[here, above] - mean_s_of[here, at]
        service_s = mean_s_of[here, at] + (size - 1 - at) * slope
        size = np.minimum(1 + rate * np.maximum(service_s, queues.max_wait_s), most)
    # A noisy profile may say that a larger batch is faster: no memory then.
    memory = np.clip(rate * slope, 0.0, 0.95)
    longest = rate * np.maximum(longest_s_of[here, at], queues.max_wait_s)
    spread = np.sqrt(size / (1 - memory**2))
    size = np.maximum(size + 4.5 * spread, longest + 3 * np.sqrt(longest))
    return np.asarray(np.minimum(np.ceil(size + 3), most), dtype=np.int64)


def may_overflow(queues: Queues) -> npt.NDArray[np.bool_]:
    """Whether batches may leave requests behind, by Chernoff's bound on arrivals."""
    longest_s = _at_full_batch(queues)[:, -1]
    mean, batch = queues.rate_rps * longest_s, queues.max_batch
    bound = batch - mean + batch * np.log(mean / batch)
    return np.asarray((mean >= batch) | (bound > _LOG_RARE))


def decay_rate(queues: Queues) -> Floats:
    """The θ > 0 with E[e^{θS_B}] (λ/(λ+θ))^B = 1; queues must be stable."""
    full = _at_full_batch(queues)
    rate, batch = queues.rate_rps, queues.max_batch

    high, width = full[:, 1:], np.diff(full, axis=1)

    def excess(theta: Floats) -> tuple[Floats, Floats]:
        z = np.maximum(theta[:, None] * width, 1e-9)
        inside = -np.expm1(-z) / z
        exponent = theta[:, None] * high
        peak = exponent.max(axis=1)
        terms = MASSES * inside * np.exp(exponent - peak[:, None])
        total = terms.sum(axis=1)
        value = np.log(total) + peak - batch * np.log1p(theta / rate)
        # 1/(e^z - 1) - 1/z, whose difference cancels for small z.
        pull = np.where(z < 1e-4, -0.5, np.exp(-z) / -np.expm1(-z) - 1 / z)
        slope = (terms * (high + width * pull)).sum(axis=1) / total
        return value, slope - batch / (rate + theta)

    # The mean of S_B alone (Jensen), with ln(1+y) ≤ y/√(1+y), bounds the root from
    # above; the function is convex, so Newton comes down onto the root.
    load = rate * mean_s(full) / batch
    theta = rate * (1 / load**2 - 1)
    for _ in range(_NEWTON_STEPS):
        value, slope = excess(theta)
        step = np.where(slope > 0, value / slope, 0.0)
        theta = np.maximum(theta - step, theta * 0.1)
        if np.all(np.abs(step) < 1e-9 * theta):
            break
    return theta


def lattice_step_s(queues: Queues, n_points: int, *, overflows: bool) -> Floats:
    """Spacing of a lattice that covers what a head may have to wait for."""
    longest_s = queues.knots_s[:, :, -1].max(axis=1) + queues.rested_s
    room_s = _ROOM_SERVICES * mean_s(_at_full_batch(queues)) if overflows else 0.0
    return np.asarray((longest_s + room_s) / (n_points - 2))


def _at_full_batch(queues: Queues) -> Floats:
    index = queues.max_batch[:, None, None] - 1
    return np.take_along_axis(queues.knots_s, index, axis=1)[:, 0]


class Lattice:
    """The time grid of many queues, and the Poisson tables on it."""

    def __init__(self, queues: Queues, n_points: int, *, overflows: bool) -> None:
        self.queues = queues
        self.n = n_points
        self.step_s = lattice_step_s(queues, n_points, overflows=overflows)
        self.theta = decay_rate(queues)
        self.ratio = np.exp(-self.theta * self.step_s)
        reach = np.arange(_REACH * n_points + 1)
        mean = queues.rate_rps[:, None] * self.step_s[:, None] * reach
        self.pmf = poisson_table(mean, int(queues.max_batch.max()) + 1)
        self.cdf = np.cumsum(self.pmf, axis=1)
        self.x_s = self.step_s[:, None] * reach

    def at_most(self, count: Ints) -> Floats:
        """P(N(x) ≤ count) over the reach, with a count for each queue."""
        return pick(self.cdf, count)

    def fold(self, values: Floats) -> Floats:
        """Values at lattice points, the last one summed over the geometric tail."""
        ahead = values.shape[-1] - (self.n - 1)
        weight = self.ratio[:, None] ** np.arange(ahead)
        # Beyond the reach, values are taken to stay as they are at its end.
        weight[:, -1] /= 1 - self.ratio
        folded = values[..., : self.n].copy()
        shape = (len(weight),) + (1,) * (values.ndim - 2) + (ahead,)
        folded[..., -1] = (values[..., self.n - 1 :] * weight.reshape(shape)).sum(-1)
        return np.asarray(folded)

    def split(self, order: Ints) -> tuple[Floats, Floats]:
        """Masses of Erlang(order, λ) in cells, and their parts for the upper end."""
        below = 1 - self.at_most(order - 1)
        moment = 1 - self.at_most(order)
        mass = np.diff(below, axis=1)
        per_step = order / (self.queues.rate_rps * self.step_s)
        upper = per_step[:, None] * np.diff(moment, axis=1)
        upper -= mass * np.arange(mass.shape[1])
        return mass, np.clip(upper, 0.0, np.maximum(mass, 0.0))

    def remaining(
        self,
        order: Ints,
        *,
        closed: bool,
    ) -> Floats:
        """Matrix (queue, y, x): law of y = x - Erlang(order) on y ≥ 0 for each x."""
        mass, upper = self.split(order)
        gone = mass - upper
        gone[:, 1:] += upper[:, :-1]
        matrix = toeplitz(gone[:, : self.n], upward=True)
        matrix[:, 0, 0] = 0.0
        matrix[:, 0, 1:] = upper[:, : self.n - 1]
        if closed:
            weight = self.ratio[:, None] ** np.arange(mass.shape[1] - self.n)
            for_y = sliding_window_view(gone, weight.shape[1], axis=1)[:, : self.n]
            matrix[:, ::-1, -1] = np.einsum("qyk,qk->qy", for_y, weight)
            matrix[:, 0, -1] = np.einsum(
                "qk,qk->q",
                upper[:, self.n - 2 : self.n - 2 + weight.shape[1]],
                weight,
            )
        return matrix

    def hats(self, knots_s: Floats) -> Floats:
        """Hat masses (queue, batch, point) of times with these quantiles."""
        at = self.step_s[:, None, None] * np.arange(-1, self.n + 1)
        area = shortfall_s(knots_s[:, :, None, :], at)
        return np.asarray(np.diff(area, n=2, axis=-1) / self.step_s[:, None, None])


def poisson_table(mean: Floats, largest: int) -> Floats:
    """P(Pois(mean) = k) as (queue, k, ...) for k = 0 .. largest."""
    table = np.empty((mean.shape[0], largest + 1, *mean.shape[1:]))
    table[:, 0] = np.exp(-mean)
    for k in range(1, largest + 1):
        np.multiply(table[:, k - 1], mean / k, out=table[:, k])
    return table


def pick(table: Floats, index: Ints) -> Floats:
    """Rows of a (queue, k, x) table, a k for each queue; zero where k < 0."""
    chosen = table[np.arange(len(index)), np.maximum(index, 0)]
    return np.asarray(np.where(index[:, None] < 0, 0.0, chosen))


def toeplitz(values: Floats, *, upward: bool) -> Floats:
    """Matrices T[i, j] = values[j - i] (upward) or values[i - j], zero elsewhere."""
    n = values.shape[1]
    zeros = np.zeros_like(values)
    halves = (zeros, values) if upward else (values[:, ::-1], zeros)
    windows = sliding_window_view(np.concatenate(halves, axis=1), n, axis=1)
    rows = windows[:, n:0:-1] if upward else windows[:, n - 1 :: -1]
    # A copy: BLAS does not take the overlapping rows of the view.
    return np.ascontiguousarray(rows)
