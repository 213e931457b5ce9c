"""Columns that no optimum needs are left out before the model is built.

A column is dominated by another of the same workload, offer and pool that is no
worse in capacity, cost per request, latency, quality, memory and what it sends
over the uplink. Replacing the dominated one's traffic and machines one for one
by its better's keeps every row and raises no objective, so an optimum without
it exists. With limits on the variety of configurations a column only gives way
to one of its own configuration.
"""

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.domain.placement import Candidate, PlacementProblem
from planner.optimize.rows import configuration

if TYPE_CHECKING:
    from collections.abc import Hashable


def undominated(problem: PlacementProblem) -> tuple[Candidate, ...]:
    """The columns that are left, in their own order."""
    by_variety = problem.limits.most_configurations is not None
    groups: dict[Hashable, list[Candidate]] = defaultdict(list)
    for c in problem.candidates:
        kind = configuration(c) if by_variety else ""
        key = (c.workload, c.offer.name, c.pool, c.uplink, kind)
        groups[key].append(c)
    kept = {c.name for group in groups.values() for c in _front(group)}
    return tuple(c for c in problem.candidates if c.name in kept)


def _front(group: list[Candidate]) -> list[Candidate]:
    if len(group) == 1:
        return group
    front: list[Candidate] = []
    for c in sorted(group, key=_rank):
        if not any(_no_worse(b, c) for b in front):
            front.append(c)
    return front


def _rank(c: Candidate) -> tuple[float, ...]:
    return (-c.capacity_rps, *_losses(c))


def _losses(c: Candidate) -> tuple[float, ...]:
    """What is better the smaller it is."""
    return (
        c.usd_per_request,
        c.latency_s,
        c.network_s,
        -(c.quality_frac or 0.0),
        c.memory_bytes,
        c.uplink_bytes_per_request,
    )


def _no_worse(one: Candidate, other: Candidate) -> bool:
    return one.capacity_rps >= other.capacity_rps and all(
        a <= b for a, b in zip(_losses(one), _losses(other), strict=True)
    )
