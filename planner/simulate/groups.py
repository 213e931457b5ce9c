"""A group of machines at work: its placements' requests merged, served, handed back.

Ways to the same answer: replicas one by one where nothing ties them together
(`planner.simulate.replicas`), all events in order where they share a queue, look at
each other, fail or scale (`planner.simulate.batch_fleet`), engines that batch token by token
(`planner.simulate.by_token`), and what is paid by request (`planner.simulate.by_request`).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from planner.domain.placement import BatchPolicy
from planner.simulate.arrays import Floats
from planner.simulate.batch_fleet import work
from planner.simulate.by_request import by_request
from planner.simulate.by_token import by_token
from planner.simulate.fleet import fleet_of
from planner.simulate.replicas import serve_alone
from planner.simulate.requests import Requests
from planner.simulate.scenario import (
    Batches,
    Called,
    Engine,
    Group,
    OneAtATime,
    Routing,
    Scenario,
)
from planner.simulate.shifts import (
    Work,
    changes_of,
    is_tied,
    replica_by_share,
    scaling_of,
    worked_by_calendar,
    worked_in_fleet,
)
from planner.simulate.shop import (
    AT_S,
    BUSY_S,
    DONE_S,
    HANDED_ON,
    LEAST_OUTSTANDING,
    NOBODY,
    ROUTING_DRAW,
    SCALE,
    SERVICE_DRAW,
    SHARE,
    SHARED_QUEUE,
    START_S,
    Jobs,
    Rules,
    Shop,
    empty_floor,
)
from planner.simulate.visits import Visit, visits

ONE_BY_ONE: Final = BatchPolicy(max_batch=1, max_wait_s=0.0)
ROUTING: Final[dict[Routing, int]] = {
    Routing.SHARE: SHARE,
    Routing.LEAST_OUTSTANDING: LEAST_OUTSTANDING,
    Routing.SHARED_QUEUE: SHARED_QUEUE,
}


def at_machines(
    scenario: Scenario,
    number: int,
    streams: Sequence[Requests],
    rng: np.random.Generator,
) -> Work:
    """Serve a group's requests; what became of them is written into `streams`."""
    group = scenario.groups[number]
    visit = visits(scenario, number, streams)
    if isinstance(group.placements[0].service, Called):
        done, start_s, left_s, first_s = by_request(group, visit, rng)
    elif any(isinstance(p.service, Engine) for p in group.placements):
        done, start_s, left_s, first_s = by_token(scenario, group, visit, rng)
    else:
        jobs = _jobs(group, visit, rng)
        if is_tied(group):
            done, times = _together(scenario, group, jobs, rng)
        else:
            done, times = _alone(scenario, group, jobs)
        start_s, left_s = times[:, START_S], times[:, DONE_S]
        first_s = start_s + _prefill_s(group, visit)
    per_token_s = (left_s - first_s) / np.maximum(_further_tokens(group, visit), 1)
    for i, stream in enumerate(streams):
        for column, into in (
            (start_s, stream.start_s),
            (left_s, stream.left_s),
            (first_s - visit.at_s, stream.first_token_s),
            (per_token_s, stream.per_token_s),
        ):
            mine, values = visit.rows(column, i)
            into[mine] = values
    return done


def _jobs(group: Group, visit: Visit, rng: np.random.Generator) -> Jobs:
    times = np.ones((visit.at_s.size, 4))
    times[:, AT_S] = visit.at_s
    for p, placed in enumerate(group.placements):
        service = placed.service
        if isinstance(service, OneAtATime):
            mine = visit.placement == p
            times[mine, SCALE] = (
                visit.prompt[mine] * service.prefill_s_per_token
                + visit.output[mine] * service.decode_s_per_token
            )
    draws = rng.random((visit.at_s.size, 2))
    times[:, SERVICE_DRAW], times[:, ROUTING_DRAW] = draws[:, 0], draws[:, 1]
    return Jobs(times=times, model=visit.placement)


def _prefill_s(group: Group, visit: Visit) -> Floats:
    """From the start of service to the first token; NaN where there are no tokens."""
    takes_s = np.full(visit.at_s.size, np.nan)
    for p, placed in enumerate(group.placements):
        if isinstance(placed.service, OneAtATime):
            mine = visit.placement == p
            takes_s[mine] = visit.prompt[mine] * placed.service.prefill_s_per_token
    return takes_s


def _further_tokens(group: Group, visit: Visit) -> Floats:
    """Tokens that the time after the first one is spread over.

    An engine's first token ends the prompt; one request at a time, published token
    rates count every token alike.
    """
    counted_all = [isinstance(p.service, OneAtATime) for p in group.placements]
    return visit.output - np.where(np.array(counted_all)[visit.placement], 0, 1)


def _rules(scenario: Scenario, group: Group) -> Rules:
    services = [p.service for p in group.placements]
    batches = [s for s in services if isinstance(s, Batches)]
    strata = batches[0].strata if batches else np.array([0.0, 1.0])
    most = max((s.policy.max_batch for s in batches), default=1)
    knots_s = np.ones((len(services), most, strata.size))
    for i, service in enumerate(services):
        if isinstance(service, Batches):
            knots_s[i, : service.knots_s.shape[0]] = service.knots_s
    policies = [s.policy if isinstance(s, Batches) else ONE_BY_ONE for s in services]
    return Rules(
        strata=strata,
        knots_s=knots_s,
        rested_s=np.array(
            [s.rested_s if isinstance(s, Batches) else 0.0 for s in services]
        ),
        max_batch=np.array([p.max_batch for p in policies]),
        max_wait_s=np.array(
            [p.max_wait_s if p.max_batch > 1 else 0.0 for p in policies]
        ),
        timeout_s=scenario.timeout_s,
        routing=ROUTING[group.routing],
        replicas_per_machine=group.replicas_per_machine,
    )


def _alone(scenario: Scenario, group: Group, jobs: Jobs) -> tuple[Work, Floats]:
    n, n_replicas = jobs.model.size, max(group.machines_on) * group.replicas_per_machine
    at_s, draw = jobs.times[:, AT_S], jobs.times[:, ROUTING_DRAW]
    replica = replica_by_share(scenario, group, at_s, draw)
    order = np.argsort(replica, kind="stable")
    ends = np.cumsum(np.bincount(replica, minlength=n_replicas))
    times = np.full((n, 2), np.nan)
    marks = np.full((n, 3), NOBODY)
    busy_s = np.zeros(n_replicas)
    serve_alone(jobs, _rules(scenario, group), order, ends, (times, marks, busy_s))
    return worked_by_calendar(scenario, group, float(busy_s.sum())), times


def _together(
    scenario: Scenario, group: Group, jobs: Jobs, rng: np.random.Generator
) -> tuple[Work, Floats]:
    scaling = group.scaling
    most = max(group.machines_on) if scaling is None else scaling.most
    shop = Shop(
        jobs=jobs,
        rules=_rules(scenario, group),
        floor=empty_floor(
            jobs.model.size,
            most * group.replicas_per_machine,
            is_one_queue=group.routing is Routing.SHARED_QUEUE,
        ),
    )
    fleet = fleet_of(changes_of(scenario, group, most, rng), scaling_of(group), most)
    work(shop, fleet)
    busy_s = float(shop.floor.worked[:, BUSY_S].sum())
    handed_on = int(shop.floor.counts[HANDED_ON])
    done = worked_in_fleet(scenario, fleet, busy_s, handed_on)
    return done, shop.floor.times
