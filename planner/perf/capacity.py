"""The largest rate at which one replica keeps a latency promise, for many at once.

    capacity = max { λ < saturation :  P(latency ≤ limit) ≥ percentile }

and 0 where even requests that come alone miss the limit: they spend the network's
delay, what the server takes of each, the batch wait (nobody else comes to fill the
batch) and a batch of one. The share in time is `planner.perf.latency`'s on a coarser lattice; the root is
bracketed between idle and saturation and found by Chandrupatla's method (1997),
inverse quadratic steps kept in the bracket by bisection. The answer is the
bracket's safe end. Queues of similar size are solved together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.domain.hardware import NetworkPath
from planner.domain.placement import BatchPolicy
from planner.domain.profiles import BatchProfile
from planner.perf.lattice import Ints, Queues, saturation_rps
from planner.perf.network import delays_s
from planner.perf.service import (
    Floats,
    beside_s,
    rested_s,
    service_knots,
    share_within,
)
from planner.perf.sojourn import share_answered_within
from planner.perf.solving import solved_together

# Bracket width, as a share of the saturation rate, at which the search ends.
_LOAD_ACCURACY: Final = 5e-4
_MOST_STEPS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityQuery:
    """One replica and the promise it has to keep."""

    profile: BatchProfile
    policy: BatchPolicy
    path: NetworkPath
    percentile_frac: float
    limit_s: float
    error_factor: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Promises:
    """Queries as arrays: time left at the server for each network delay."""

    queues: Queues
    left_s: Floats
    delay_mass: Floats
    percentile_frac: Floats
    saturation_rps: Floats

    def take(self, index: Ints) -> "_Promises":
        return _Promises(
            queues=self.queues.take(index),
            left_s=self.left_s[index],
            delay_mass=self.delay_mass[index],
            percentile_frac=self.percentile_frac[index],
            saturation_rps=self.saturation_rps[index],
        )


def capacities_rps(queries: Sequence[CapacityQuery]) -> Floats:
    """Largest Poisson rate of each query; 0 where an idle replica misses the limit.

    Raises:
        OutsideProfileError: A policy's batch is larger than any measured one.
    """
    answer = np.zeros(len(queries))
    for index in _alike(queries):
        chosen = [queries[i] for i in index]
        answer[index] = _search(_promises(chosen))
    return answer


def _alike(queries: Sequence[CapacityQuery]) -> list[Ints]:
    """Indices of queries with the same batch limit and number of network delays."""
    groups: dict[tuple[int, int], list[int]] = {}
    for i, query in enumerate(queries):
        key = (query.policy.max_batch, len(delays_s(query.path)[0]))
        groups.setdefault(key, []).append(i)
    return [np.array(index) for index in groups.values()]


def _promises(queries: Sequence[CapacityQuery]) -> _Promises:
    knots = [
        service_knots(q.profile, q.policy.max_batch, error_factor=q.error_factor)
        for q in queries
    ]
    delays = [delays_s(q.path) for q in queries]
    limit = np.array(
        [q.limit_s - beside_s(q.profile, error_factor=q.error_factor) for q in queries]
    )
    queues = Queues(
        rate_rps=np.ones(len(queries)),
        max_batch=np.array([q.policy.max_batch for q in queries]),
        max_wait_s=np.array(
            [q.policy.max_wait_s if q.policy.max_batch > 1 else 0.0 for q in queries]
        ),
        knots_s=np.stack(knots),
        rested_s=np.array(
            [rested_s(q.profile, error_factor=q.error_factor) for q in queries]
        ),
    )
    return _Promises(
        queues=queues,
        left_s=limit[:, None] - np.stack([d for d, _ in delays]),
        delay_mass=np.stack([m for _, m in delays]),
        percentile_frac=np.array([q.percentile_frac for q in queries]),
        saturation_rps=saturation_rps(queues),
    )


def _idle_share(promises: _Promises) -> Floats:
    """Share in time of requests that come alone."""
    queues = promises.queues
    left = promises.left_s - queues.max_wait_s[:, None]
    alone = share_within(queues.rested_knots_s[:, :1, :], left)
    return np.asarray((alone * promises.delay_mass).sum(axis=1))


def _share(promises: _Promises, load_frac: Floats) -> Floats:
    """Share in time at these loads, in parts of the saturation rate."""
    queues = promises.queues.at_rate(load_frac * promises.saturation_rps)
    share = np.zeros(len(load_frac))
    for index, waits in solved_together(queues):
        within = share_answered_within(waits, promises.left_s[index])
        share[index] = (within * promises.delay_mass[index]).sum(axis=1)
    return share


def _search(promises: _Promises) -> Floats:
    idle_excess = _idle_share(promises) - promises.percentile_frac
    load = np.zeros(len(idle_excess))
    keeps = np.flatnonzero(idle_excess >= 0)
    if keeps.size:
        load[keeps] = _root(promises.take(keeps), idle_excess[keeps])
    return load * promises.saturation_rps


def _root(promises: _Promises, idle_excess: Floats) -> Floats:
    """The load at which the share in time sinks to the percentile."""
    bracket = _Bracket(idle_excess, -promises.percentile_frac)
    for _ in range(_MOST_STEPS):
        index = bracket.unsettled()
        if not index.size:
            break
        at = bracket.next_loads()[index]
        share = _share(promises.take(index), at)
        bracket.narrow(index, at, share - promises.percentile_frac[index])
    return bracket.safe_loads()


class _Bracket:
    """Chandrupatla's brackets, all queries in step.

    `new` is the latest load looked at, `opposite` has the other sign, `old` was
    replaced last; rows are the load and the excess there.
    """

    def __init__(self, idle_excess: Floats, full_excess: Floats) -> None:
        self.new = np.stack((np.zeros_like(idle_excess), idle_excess))
        self.opposite = np.stack((np.ones_like(idle_excess), full_excess))
        self.old = self.opposite.copy()

    def unsettled(self) -> Ints:
        """Queries whose bracket is still too wide."""
        return np.flatnonzero(np.abs(self.new[0] - self.opposite[0]) > _LOAD_ACCURACY)

    def safe_loads(self) -> Floats:
        """The ends at which the promise holds."""
        return np.asarray(np.where(self.new[1] >= 0, self.new[0], self.opposite[0]))

    def next_loads(self) -> Floats:
        """Inverse quadratic interpolation where it can be trusted, else the middle."""
        (a, fa), (b, fb), (c, fc) = self.new, self.opposite, self.old
        with np.errstate(divide="ignore", invalid="ignore"):
            xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
            step = fa / (fb - fa) * fc / (fb - fc)
            step += (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
            trusted = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi) & np.isfinite(step)
            least = np.minimum(_LOAD_ACCURACY * 0.9 / np.abs(b - a), 0.5)
        step = np.clip(np.where(trusted, step, 0.5), least, 1 - least)
        return np.asarray(a + step * (b - a))

    def narrow(self, index: Ints, loads: Floats, excess: Floats) -> None:
        """Take in what was found at `loads` for the queries of `index`."""
        same = (excess >= 0) == (self.new[1, index] >= 0)
        kept, crossed = index[same], index[~same]
        self.old[:, kept] = self.new[:, kept]
        self.old[:, crossed] = self.opposite[:, crossed]
        self.opposite[:, crossed] = self.new[:, crossed]
        self.new[:, index] = loads, excess
