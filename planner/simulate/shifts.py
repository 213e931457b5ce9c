"""When a group's machines are on, who takes a request, and what they are paid for."""

import math
from dataclasses import dataclass

import numpy as np

from planner.simulate.arrays import Floats, Ints
from planner.simulate.fleet import MOST_ON, PAID_FROM_S, PAID_S, TAKEN, Fleet
from planner.simulate.requests import block_at
from planner.simulate.scenario import (
    Group,
    Routing,
    Scenario,
)
from planner.simulate.shop import SWITCH_OFF, SWITCH_ON, TAKE_AWAY, Changes, Scaling
from planner.units import S_PER_H


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a group's machines did over the run; counts are of machines and requests.

    `machines` is how many there ever were, `most_on` the most at once;
    `paid_machine_s` is what they were paid for, all together.
    """

    busy_replica_s: float
    paid_machine_s: float
    machines: int
    most_on: int
    interruptions: int = 0
    handed_on: int = 0
    preemptions: int = 0


def is_tied(group: Group) -> bool:
    """Whether a replica's work depends on what happens at others."""
    return (
        group.routing is not Routing.SHARE
        or group.scaling is not None
        or group.interruptions_per_h > 0
    )


def replica_by_share(
    scenario: Scenario, group: Group, at_s: Floats, draw: Floats
) -> Ints:
    """A replica of those on at each instant, each with the same probability."""
    on = np.asarray(group.machines_on)[block_at(scenario, at_s)]
    # What comes after the last machine was switched off waits for the first one.
    replicas = np.maximum(on, 1) * group.replicas_per_machine
    chosen = np.minimum((draw * replicas).astype(np.int64), replicas - 1)
    return np.asarray(chosen, dtype=np.int64)


def worked_by_calendar(scenario: Scenario, group: Group, busy_s: float) -> Work:
    """What machines did that are on by the plan's hours, and paid for in them."""
    on = [(group.machines_on[h.block], h.until_s - h.from_s) for h in scenario.hours]
    return Work(
        busy_replica_s=busy_s,
        paid_machine_s=sum(machines * lasts_s for machines, lasts_s in on),
        machines=max(group.machines_on),
        most_on=max(machines for machines, _ in on),
    )


def scaling_of(group: Group) -> Scaling:
    """The group's rule of scaling; where it has none, one that never looks."""
    rule = group.scaling
    if rule is None:
        return Scaling(
            interval_s=math.inf,
            target_rps=1.0,
            least=0,
            most=0,
            patience=0,
            lag_s=group.replacement_s,
        )
    return Scaling(
        interval_s=rule.interval_s,
        target_rps=rule.target_rps,
        least=rule.least,
        most=rule.most,
        patience=rule.patience,
        lag_s=rule.lag_s,
    )


def changes_of(
    scenario: Scenario, group: Group, most: int, rng: np.random.Generator
) -> Changes:
    """The calendar's switches, and each machine's interruptions."""
    hours = scenario.hours
    on = [group.machines_on[h.block] for h in hours]
    rows = [(0.0, m, SWITCH_ON) for m in range(on[0])]
    if group.scaling is None:
        for h in range(1, len(on)):
            at_s = hours[h].from_s
            rows += [(at_s, m, SWITCH_ON) for m in range(on[h - 1], on[h])]
            rows += [(at_s, m, SWITCH_OFF) for m in range(on[h], on[h - 1])]
    if group.interruptions_per_h > 0:
        per_span = group.interruptions_per_h * scenario.span_s / S_PER_H
        for machine in range(most):
            taken_s = rng.random(rng.poisson(per_span)) * scenario.span_s
            rows += [(float(t), machine, TAKE_AWAY) for t in taken_s]
    rows.sort()
    return Changes(
        at_s=np.array([r[0] for r in rows]),
        what=np.array([r[1:] for r in rows], dtype=np.int64).reshape(-1, 2),
    )


def worked_in_fleet(
    scenario: Scenario, fleet: Fleet, busy_s: float, handed_on: int
) -> Work:
    """What machines that come and go did; those still on are paid for to the end."""
    machines, counts = fleet.machines, fleet.counts
    paid_until_s = np.fmax(scenario.span_s - machines[:, PAID_FROM_S], 0.0)
    return Work(
        busy_replica_s=busy_s,
        paid_machine_s=float(machines[:, PAID_S].sum() + np.nansum(paid_until_s)),
        machines=machines.shape[0],
        most_on=int(counts[MOST_ON]),
        interruptions=int(counts[TAKEN]),
        handed_on=handed_on,
    )
