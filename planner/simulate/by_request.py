"""What is paid by request at work: no machine waits, and none is on."""

import numpy as np

from planner.simulate.arrays import Floats
from planner.simulate.called import Calls, answer
from planner.simulate.scenario import (
    Called,
    Group,
)
from planner.simulate.shifts import (
    Work,
)
from planner.simulate.visits import Visit


def by_request(
    group: Group, visit: Visit, rng: np.random.Generator
) -> tuple[Work, Floats, Floats, Floats]:
    """What was done; when each request was begun, left, and had its first token."""
    services = [p.service for p in group.placements if isinstance(p.service, Called)]
    calls = Calls(
        at_s=visit.at_s,
        placement=visit.placement,
        prompt=visit.prompt,
        output=visit.output,
    )
    left_s, first_s = answer(calls, services, rng)
    start_s = np.where(np.isnan(left_s), np.nan, visit.at_s)
    busy_s = float(np.nansum(left_s - start_s))
    done = Work(busy_replica_s=busy_s, paid_machine_s=0.0, machines=0, most_on=0)
    return done, start_s, left_s, first_s
