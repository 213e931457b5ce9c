"""Which hours a plan is tried on: those of its traces, and those that are left.

A trial is repeated for every cut and every bisection, so where the traces' time holds
more than MOST_REQUESTS, the plan is tried on the busiest consecutive whole hours of it,
counted from its beginning, as many as hold no more than that. Every other hour of the
day or week in which anything is sent is tried at the plan's own rates
(`planner.pipeline.rehearsing.trial_run`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from planner.domain.workloads import Workload
from planner.pipeline.rehearsing.replay_traffic import (
    Stamps,
    Wish,
    cost,
    stamped,
    times_counted,
)
from planner.simulate.arrays import Floats
from planner.specs.deployment import Deployment
from planner.specs.traces import Trace
from planner.units import S_PER_H

# As many as a second or two of one core simulates (2026-11).
MOST_REQUESTS: Final = 1_000_000
# An hour of which less was tried than this is not yet tried.
LEAST_TRIED_S: Final = 600.0


def busiest(
    traces: Mapping[str, Trace],
    spec: Deployment,
    workloads: Sequence[Workload],
    block_of_hour: Sequence[int],
    *,
    most_requests: int = MOST_REQUESTS,
) -> dict[str, Trace]:
    """The traces, or the busiest hours of their time where that is too long."""
    if not traces:
        return {}
    times = times_counted(spec, Wish(traces=traces))
    traces = _all_dated(traces, len(block_of_hour))
    stamps = stamped(traces, len(block_of_hour))
    sent = np.sum(
        [
            cost(w) * _by_hour(w, traces.get(w.name), times, stamps, block_of_hour)
            for w in workloads
        ],
        axis=0,
    )
    if sent.sum() <= most_requests:
        return dict(traces)
    so_far = np.concatenate(([0.0], np.cumsum(sent)))
    # The longer a stretch, the more the busiest one holds: one hour at the least.
    most = [_most(so_far, h) for h in range(2, sent.size + 1)]
    hours = 1 + int(np.searchsorted(most, most_requests, side="right"))
    first = int(np.argmax(so_far[hours:] - so_far[:-hours]))
    return _between(traces, stamps, first, hours)


def hours_left(
    traces: Mapping[str, Trace],
    workloads: Sequence[Workload],
    block_of_hour: Sequence[int],
) -> tuple[int, ...]:
    """Hours of the day or week that are not those of the traces, and have requests."""
    cycle_h = len(block_of_hour)
    stamps = stamped(traces, cycle_h)
    begins_s = S_PER_H * stamps.first_hour + stamps.into_s
    ends_s = begins_s + stamps.span_s
    tried_s = np.zeros(cycle_h)
    for hour in range(stamps.first_hour, math.ceil(ends_s / S_PER_H)):
        from_s = max(begins_s, S_PER_H * hour)
        tried_s[hour % cycle_h] += min(ends_s, S_PER_H * (hour + 1)) - from_s
    return tuple(
        hour
        for hour, block in enumerate(block_of_hour)
        if tried_s[hour] < LEAST_TRIED_S and any(w.rates_rps[block] for w in workloads)
    )


def _all_dated(traces: Mapping[str, Trace], cycle_h: int) -> Mapping[str, Trace]:
    """Those without a date begin with the first of those that have one."""
    begins_s = stamped(traces, cycle_h).begins_s
    dates = [t.starts_at for n, t in traces.items() if t.starts_at and not begins_s[n]]
    first_at = next(iter(dates), None)
    return {
        name: trace if trace.starts_at else replace(trace, starts_at=first_at)
        for name, trace in traces.items()
    }


def _between(
    traces: Mapping[str, Trace], stamps: Stamps, first: int, hours: int
) -> dict[str, Trace]:
    """What of each trace lies in those hours, counted from where all of it begins."""
    found = {}
    for name, trace in traces.items():
        from_s = max(S_PER_H * first - stamps.begins_s[name], 0.0)
        until_s = S_PER_H * (first + hours) - stamps.begins_s[name]
        if from_s < min(until_s, trace.span_s):
            words = f"{trace.name} (its busiest {hours} h)"
            found[name] = replace(trace.between(from_s, until_s), name=words)
    return found


def _most(so_far: Floats, hours: int) -> float:
    return float((so_far[hours:] - so_far[:-hours]).max())


def _by_hour(
    workload: Workload,
    trace: Trace | None,
    times: Mapping[str, float],
    stamps: Stamps,
    block_of_hour: Sequence[int],
) -> Floats:
    """Requests of each hour since the traces begin: the trace's, elsewhere the plan's."""
    n_hours = math.ceil(stamps.span_s / S_PER_H)
    edges_s = S_PER_H * np.arange(n_hours + 1)
    cycle = (stamps.first_hour + np.arange(n_hours)) % len(block_of_hour)
    rates_rps = np.array([workload.rates_rps[block_of_hour[h]] for h in cycle.tolist()])
    if trace is None:
        return np.asarray(rates_rps * S_PER_H)
    begins_s = stamps.begins_s[workload.name]
    sent, _ = np.histogram(begins_s + trace.at_s, edges_s, weights=trace.counts)
    inside_s = np.clip(edges_s, begins_s, begins_s + trace.span_s)
    outside_s = S_PER_H - np.diff(inside_s)
    return np.asarray(sent * times[workload.name] + rates_rps * outside_s)
