"""A scenario run once: who waited where, and when every answer was back.

Ways and machines are passed one after the other, each by all requests in order of
time, for nothing flows back:

    sent → routed to a placement → line up → machines → line down → answered

Every stream, way and group draws from a generator of its own, all spawned from one
seed: the same seed gives the same run.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import SpecError
from planner.simulate.requests import Requests, sent
from planner.simulate.scenario import Scenario

if TYPE_CHECKING:
    from planner.simulate.shifts import Work


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """What happened: requests by stream, work by group, in the scenario's order."""

    scenario: Scenario
    seed: int
    requests: tuple[Requests, ...]
    work: tuple["Work", ...]


def run(scenario: Scenario, *, seed: int) -> Run:
    """Simulate a scenario.

    Raises:
        SpecError: A stream that no placement serves.
    """
    # The compiled loops, which only a simulation pays for.
    from planner.simulate.groups import at_machines  # noqa: PLC0415
    from planner.simulate.travel import travel_down, travel_up  # noqa: PLC0415

    for stream in scenario.streams:
        if not scenario.placed(stream.workload):
            raise SpecError(
                f"workload '{stream.workload}' has traffic and no placement serves it; "
                "name the plan's own workloads"
            )
    n = len(scenario.streams)
    seeds = np.random.SeedSequence(seed).spawn(3 * n + len(scenario.groups))
    rngs = [np.random.default_rng(s) for s in seeds]
    streams = [sent(scenario, s, rngs[i]) for i, s in enumerate(scenario.streams)]
    travel_up(scenario, streams, rngs[n : 2 * n])
    work = tuple(
        at_machines(scenario, g, streams, rngs[3 * n + g])
        for g in range(len(scenario.groups))
    )
    travel_down(scenario, streams, rngs[2 * n : 3 * n])
    for seen in streams:
        # What the way adds belongs to the first token as much as to the whole answer.
        seen.first_token_s[:] += (
            seen.reached_s - seen.sent_s + seen.answered_s - seen.left_s
        )
    return Run(scenario=scenario, seed=seed, requests=tuple(streams), work=work)
