"""Long traces, cut to the hours that try a plan hardest.

A trial is repeated for every cut and every bisection, so traces with more than
MOST_REQUESTS together are tried on the busiest consecutive whole hours, as many as hold
no more than that: all of them on the same ones, counted from where each begins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from planner.domain.workloads import Workload
from planner.pipeline.rehearsing.replay_traffic import cost
from planner.simulate.arrays import Floats
from planner.specs.traces import Trace
from planner.units import S_PER_H

# As many as a second or two of one core simulates (2026-11).
MOST_REQUESTS: Final = 1_000_000


def busiest(
    traces: Mapping[str, Trace],
    workloads: Sequence[Workload],
    *,
    most_requests: int = MOST_REQUESTS,
) -> dict[str, Trace]:
    """The traces, or their busiest hours where they are too long to be tried whole."""
    costs = {w.name: cost(w) for w in workloads}
    sent = _by_hour({n: (t, costs[n]) for n, t in traces.items()})
    if sent.sum() <= most_requests:
        return dict(traces)
    so_far = np.concatenate(([0.0], np.cumsum(sent)))
    # The longer a stretch, the more the busiest one holds: one hour at the least.
    most = [_most(so_far, h) for h in range(2, sent.size + 1)]
    hours = 1 + int(np.searchsorted(most, most_requests, side="right"))
    first = int(np.argmax(so_far[hours:] - so_far[:-hours]))
    found = {}
    for name, trace in traces.items():
        part = trace.between(S_PER_H * first, S_PER_H * (first + hours))
        if part.at_s.size:
            words = f"{trace.name} (its busiest {hours} h)"
            found[name] = replace(part, name=words)
    return found


def _most(so_far: Floats, hours: int) -> float:
    return float((so_far[hours:] - so_far[:-hours]).max())


def _by_hour(traces: Mapping[str, tuple[Trace, float]]) -> Floats:
    """What the requests of each hour since the beginning cost to simulate."""
    longest_s = max((t.span_s for t, _ in traces.values()), default=0.0)
    total = np.zeros(int(longest_s // S_PER_H) + 1)
    for trace, each in traces.values():
        weights = None if trace.counts is None else trace.counts
        hour = (trace.at_s // S_PER_H).astype(np.int64)
        total += each * np.bincount(hour, weights, minlength=total.size)
    return total
