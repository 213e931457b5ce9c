"""Requests on their way through a scenario, stream by stream."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.simulate.arrays import Flags, Floats, Ints
from planner.simulate.scenario import Outage, Placed, Scenario, Stream

NOBODY: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Requests:
    """One stream's requests, by order of sending; NaN where one was given up.

    `group` (NOBODY: it never gets there) and `placement` say by whom each is served: it reaches the machines,
    service starts, it leaves them, and the answer is back. `first_token_s` is how
    long after sending the first token is back, `per_token_s` the time for each
    further one; both are NaN but for language models.
    """

    sent_s: Floats
    group: Ints
    placement: Ints
    reached_s: Floats
    start_s: Floats
    left_s: Floats
    answered_s: Floats
    first_token_s: Floats
    per_token_s: Floats

    @property
    def latency_s(self) -> Floats:
        """From sending a request to having the answer."""
        return self.answered_s - self.sent_s

    def served_by(self, group: int, placement: int) -> Ints:
        """Numbers of the requests that one placement serves."""
        mine = (self.group == group) & (self.placement == placement)
        return np.flatnonzero(mine)


def sent(scenario: Scenario, stream: Stream, rng: np.random.Generator) -> Requests:
    """A stream's requests, each routed to a placement by its block's shares."""
    at_s = stream.arrivals.at_s
    number = _routed(scenario, stream, rng)
    placed = np.array(scenario.placed(stream.workload), dtype=np.int64).reshape(-1, 2)
    blank = {
        name: np.full(at_s.size, np.nan)
        for name in ("reached_s", "start_s", "left_s", "answered_s")
    }
    return Requests(
        sent_s=at_s,
        group=placed[number, 0],
        placement=placed[number, 1],
        **blank,
        first_token_s=np.full(at_s.size, np.nan),
        per_token_s=np.full(at_s.size, np.nan),
    )


def block_at(scenario: Scenario, at_s: Floats) -> Ints:
    """The hour block of each instant."""
    calendar = scenario.calendar
    hour = ((at_s + calendar.into_s) / calendar.hour_s).astype(np.int64)
    blocks = np.asarray(calendar.block_of_hour, dtype=np.int64)
    return np.asarray(blocks[hour % blocks.size])


def _routed(scenario: Scenario, stream: Stream, rng: np.random.Generator) -> Ints:
    """Each request's number among the placements of its workload."""
    places = [
        scenario.groups[g].placements[p] for g, p in scenario.placed(stream.workload)
    ]
    at_s = stream.arrivals.at_s
    weight = np.array([p.rates_rps for p in places])[:, block_at(scenario, at_s)]
    if scenario.fails_over:
        out = np.array([_is_out(scenario.outages_of(p.way.line), at_s) for p in places])
        if any(p.offline_rates_rps for p in places):
            weight = _as_planned_offline(scenario, places, at_s, weight, out)
        else:
            weight = np.where(out, 0.0, weight)
            # Who stands by takes over where all that is planned for the hour is out.
            standing_by = ~out & (weight.sum(axis=0) == 0)
            weight = np.where(standing_by, 1.0, weight)
    usual = np.array([max(p.rates_rps) for p in places])
    weight = np.where(weight.sum(axis=0) > 0, weight, usual[:, None])
    up_to = np.cumsum(weight, axis=0)
    draw = rng.random(at_s.size) * up_to[-1]
    number = np.minimum((draw >= up_to).sum(axis=0), len(places) - 1)
    return np.asarray(number, dtype=np.int64)


def _as_planned_offline(
    scenario: Scenario,
    places: Sequence[Placed],
    at_s: Floats,
    weight: Floats,
    out: Flags,
) -> Floats:
    """While a line is out, the plan's part goes to who does without; the rest waits."""
    block = block_at(scenario, at_s)
    idle = (0.0,) * len(places[0].rates_rps)
    offline = np.array([p.offline_rates_rps or idle for p in places])[:, block]
    waiting = np.maximum(weight.sum(axis=0) - offline.sum(axis=0), 0.0)
    waits = np.where(out, waiting / np.maximum(out.sum(axis=0), 1), offline)
    return np.where(out.any(axis=0), waits, weight)


def _is_out(outages: tuple[Outage, ...], at_s: Floats) -> Flags:
    out = np.zeros(at_s.size, dtype=np.bool_)
    for outage in outages:
        out |= (at_s >= outage.from_s) & (at_s < outage.until_s)
    return out
