"""From the law of waits to the share of requests answered within a time.

A request's time at the server is its wait plus the service of its own batch. Waits
that are spread over an interval meet service times through the integral of the
service's distribution function, which `shortfall_s` gives in closed form.
"""

from typing import Final

import numpy as np

from planner.perf.service import MASSES, Floats, mean_s, share_within, shortfall_s
from planner.perf.waits import TIMER_CELLS, Waits

# Many times of one queue are looked up in blocks of about so many numbers.
_BLOCK_FLOATS: Final = 1_000_000


def share_answered_within(waits: Waits, within_s: Floats) -> Floats:
    """P(wait + service ≤ t) of every queue; `within_s` is (queue, time)."""
    n_queues, n_times = within_s.shape
    if n_times == 1:
        return _one(waits, within_s[:, 0])[:, None]
    per_block = max(1, _BLOCK_FLOATS // waits.cells[0].size)
    owner = np.repeat(np.arange(n_queues), n_times)
    flat = within_s.ravel()
    parts = [
        _one(waits.take(owner[i : i + per_block]), flat[i : i + per_block])
        for i in range(0, flat.size, per_block)
    ]
    return np.concatenate(parts).reshape(within_s.shape)


def mean_wait_s(waits: Waits) -> Floats:
    """Mean of the wait of every queue."""
    queues = waits.queues
    cell = waits.cells.sum(axis=1)
    middle = np.arange(cell.shape[1]) + 0.5
    mean = (cell @ middle) * waits.step_s
    mean += waits.tail * (waits.start_s + 1 / waits.decay_per_s)
    timed = waits.at_timer.sum(axis=1) + waits.under_timer.sum(axis=1) / 2
    mean += timed * queues.max_wait_s
    part = (np.arange(TIMER_CELLS) + 0.5) / TIMER_CELLS
    return np.asarray(mean + waits.filling @ part * queues.max_wait_s)


def mean_service_s(waits: Waits, knots_s: Floats) -> Floats:
    """Mean time by these knots (queue, batch, stratum) of a request's own batch."""
    n_batches = waits.batch_share.shape[1]
    size = np.arange(1, n_batches + 1)
    by_request = waits.batch_share * size / waits.mean_batch[:, None]
    return np.asarray((by_request * mean_s(knots_s[:, :n_batches])).sum(axis=1))


def busy_frac(waits: Waits) -> Floats:
    """Share of time that the server works."""
    queues = waits.queues
    per_batch = (waits.batch_share * mean_s(queues.knots_s)).sum(axis=1)
    per_request = per_batch / waits.mean_batch + waits.rested_batches * queues.rested_s
    return np.asarray(queues.rate_rps * per_request)


def _one(waits: Waits, within_s: Floats) -> Floats:
    queues = waits.queues
    here = np.arange(len(within_s))
    full = queues.knots_s[here, queues.max_batch - 1]
    edge = waits.step_s[:, None] * np.arange(waits.cells.shape[-1] + 1)
    at = within_s[:, None] - edge
    area = shortfall_s(queues.knots_s[:, :, None, :], at[:, None, :])
    spread = -np.diff(area, axis=-1) / waits.step_s[:, None, None]
    share = np.einsum("qbk,qbk->q", waits.cells, spread)
    share += waits.tail * _tail_within(full, waits, within_s - waits.start_s)
    rested_full = full + queues.rested_s[:, None]
    share += waits.at_once * share_within(rested_full, within_s)
    share += _timed_within(waits, rested_full, within_s)
    return np.asarray(np.clip(share, 0.0, 1.0))


def _timed_within(waits: Waits, full: Floats, within_s: Floats) -> Floats:
    queues = waits.queues
    knots, wait_s = queues.rested_knots_s, queues.max_wait_s
    left_s = (within_s - wait_s)[:, None]
    share = (waits.at_timer * share_within(knots, left_s)).sum(axis=1)
    if not wait_s.any():
        return np.asarray(share)
    width = np.where(wait_s > 0, wait_s, 1.0)
    under = shortfall_s(knots, within_s[:, None]) - shortfall_s(knots, left_s)
    share += (waits.under_timer * under).sum(axis=1) / width
    edge = wait_s[:, None] * np.linspace(0.0, 1.0, TIMER_CELLS + 1)
    area = shortfall_s(full[:, None, :], within_s[:, None] - edge)
    spread = -np.diff(area, axis=1) / (width[:, None] / TIMER_CELLS)
    return np.asarray(share + (waits.filling * spread).sum(axis=1))


def _tail_within(full: Floats, waits: Waits, left_s: Floats) -> Floats:
    """P(Exp(θ) + S_B ≤ t), piece by piece of the service's quantile function."""
    share = np.zeros_like(left_s)
    theta = waits.decay_per_s
    for i, mass in enumerate(MASSES):
        low, high = full[:, i], full[:, i + 1]
        reached = np.clip(left_s, low, high)
        lost = np.exp(-theta * np.maximum(left_s - reached, 0.0))
        lost -= np.exp(-theta * np.maximum(left_s - low, 0.0))
        part = (reached - low - lost / theta) / (high - low)
        share += mass * np.where(left_s > low, part, 0.0)
    return share
