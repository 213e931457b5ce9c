"""A group of machines at work: its placements' requests merged, served, handed back.

Three ways to the same answer: replicas one by one where nothing ties them together
(`planner.simulate.replicas`), all events in order where they share a queue, look at
each other, fail or scale (`planner.simulate.fleet`), and engines that batch token
by token (`planner.simulate.engine`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from planner.domain.placement import BatchPolicy
from planner.simulate import engine as engine_columns
from planner.simulate.arrays import Floats, Ints
from planner.simulate.called import Calls, answer
from planner.simulate.engine import (
    Engines,
    Limits,
    Prompts,
    engines,
    serve_tokens,
)
from planner.simulate.engine_fleet import engine_fleet, serve_in_fleet
from planner.simulate.fleet import work
from planner.simulate.replicas import serve_alone
from planner.simulate.requests import Requests, block_at
from planner.simulate.scenario import (
    Batches,
    Called,
    Engine,
    Group,
    OneAtATime,
    Routing,
    Scenario,
)
from planner.simulate.shop import (
    AT_S,
    BUSY_S,
    DONE_S,
    HANDED_ON,
    LEAST_OUTSTANDING,
    MOST_ON,
    NOBODY,
    PAID_FROM_S,
    PAID_S,
    ROUTING_DRAW,
    SCALE,
    SERVICE_DRAW,
    SHARE,
    SHARED_QUEUE,
    START_S,
    SWITCH_OFF,
    SWITCH_ON,
    TAKE_AWAY,
    TAKEN,
    Changes,
    Jobs,
    Rules,
    Scaling,
    Shop,
    empty_fleet,
    empty_floor,
)
from planner.units import S_PER_H

ONE_BY_ONE: Final = BatchPolicy(max_batch=1, max_wait_s=0.0)
ROUTING: Final[dict[Routing, int]] = {
    Routing.SHARE: SHARE,
    Routing.LEAST_OUTSTANDING: LEAST_OUTSTANDING,
    Routing.SHARED_QUEUE: SHARED_QUEUE,
}


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Visit:
    """All requests that reach a group, in order, and where each came from."""

    stream: Ints
    request: Ints
    placement: Ints
    at_s: Floats
    prompt: Floats
    output: Floats

    def rows(self, column: Floats, stream: int) -> tuple[Ints, Floats]:
        """One stream's request numbers, and a column's values for them."""
        mine = self.stream == stream
        return self.request[mine], column[mine]


def at_machines(
    scenario: Scenario,
    number: int,
    streams: Sequence[Requests],
    rng: np.random.Generator,
) -> Work:
    """Serve a group's requests; what became of them is written into `streams`."""
    group = scenario.groups[number]
    visit = _visit(scenario, number, streams)
    if isinstance(group.placements[0].service, Called):
        done, start_s, left_s, first_s = _by_request(group, visit, rng)
    elif any(isinstance(p.service, Engine) for p in group.placements):
        done, start_s, left_s, first_s = _by_token(scenario, group, visit, rng)
    else:
        jobs = _jobs(group, visit, rng)
        if _is_tied(group):
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


def _is_tied(group: Group) -> bool:
    """Whether a replica's work depends on what happens at others."""
    return (
        group.routing is not Routing.SHARE
        or group.scaling is not None
        or group.interruptions_per_h > 0
    )


def _visit(scenario: Scenario, number: int, streams: Sequence[Requests]) -> _Visit:
    columns: list[tuple[Ints, Ints, Ints, Floats, Floats, Floats]] = []
    for p, placed in enumerate(scenario.groups[number].placements):
        for i, stream in enumerate(scenario.streams):
            if stream.workload != placed.workload:
                continue
            mine = streams[i].served_by(number, p)
            prompt, output = stream.tokens()
            columns.append(
                (
                    np.full(mine.size, i),
                    mine,
                    np.full(mine.size, p),
                    streams[i].reached_s[mine],
                    prompt[mine],
                    output[mine],
                )
            )
    stream_of, request, placement, at_s, prompts, outputs = (
        np.concatenate(column) for column in zip(*columns, strict=True)
    )
    order = np.argsort(at_s, kind="stable")
    return _Visit(
        stream=stream_of[order],
        request=request[order],
        placement=placement[order],
        at_s=at_s[order],
        prompt=prompts[order],
        output=outputs[order],
    )


def _jobs(group: Group, visit: _Visit, rng: np.random.Generator) -> Jobs:
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


def _prefill_s(group: Group, visit: _Visit) -> Floats:
    """From the start of service to the first token; NaN where there are no tokens."""
    takes_s = np.full(visit.at_s.size, np.nan)
    for p, placed in enumerate(group.placements):
        if isinstance(placed.service, OneAtATime):
            mine = visit.placement == p
            takes_s[mine] = visit.prompt[mine] * placed.service.prefill_s_per_token
    return takes_s


def _further_tokens(group: Group, visit: _Visit) -> Floats:
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
    replica = _by_share(scenario, group, at_s, draw)
    order = np.argsort(replica, kind="stable")
    ends = np.cumsum(np.bincount(replica, minlength=n_replicas))
    times = np.full((n, 2), np.nan)
    marks = np.full((n, 3), NOBODY)
    busy_s = np.zeros(n_replicas)
    serve_alone(jobs, _rules(scenario, group), order, ends, (times, marks, busy_s))
    return _by_calendar(scenario, group, float(busy_s.sum())), times


def _by_share(scenario: Scenario, group: Group, at_s: Floats, draw: Floats) -> Ints:
    """A replica of those on at each instant, each with the same probability."""
    on = np.asarray(group.machines_on)[block_at(scenario, at_s)]
    # What comes after the last machine was switched off waits for the first one.
    replicas = np.maximum(on, 1) * group.replicas_per_machine
    chosen = np.minimum((draw * replicas).astype(np.int64), replicas - 1)
    return np.asarray(chosen, dtype=np.int64)


def _by_calendar(scenario: Scenario, group: Group, busy_s: float) -> Work:
    on = [(group.machines_on[h.block], h.until_s - h.from_s) for h in scenario.hours]
    return Work(
        busy_replica_s=busy_s,
        paid_machine_s=sum(machines * lasts_s for machines, lasts_s in on),
        machines=max(group.machines_on),
        most_on=max(machines for machines, _ in on),
    )


def _together(
    scenario: Scenario, group: Group, jobs: Jobs, rng: np.random.Generator
) -> tuple[Work, Floats]:
    scaling = group.scaling
    most = max(group.machines_on) if scaling is None else scaling.most
    shop = Shop(
        jobs=jobs,
        rules=_rules(scenario, group),
        changes=_changes(scenario, group, most, rng),
        scaling=_scaling(group),
        floor=empty_floor(
            jobs.model.size,
            most * group.replicas_per_machine,
            is_one_queue=group.routing is Routing.SHARED_QUEUE,
        ),
        fleet=empty_fleet(most),
    )
    work(shop)
    busy_s = float(shop.floor.worked[:, BUSY_S].sum())
    done = _of_fleet(scenario, most, busy_s, (shop.fleet, shop.floor.counts))
    return done, shop.floor.times


def _scaling(group: Group) -> Scaling:
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


def _changes(
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


def _by_request(
    group: Group, visit: _Visit, rng: np.random.Generator
) -> tuple[Work, Floats, Floats, Floats]:
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


def _by_token(
    scenario: Scenario, group: Group, visit: _Visit, rng: np.random.Generator
) -> tuple[Work, Floats, Floats, Floats]:
    engine = group.placements[0].service
    if not isinstance(engine, Engine) or len(group.placements) > 1:
        raise AssertionError("an engine has its machines to itself")
    draw = rng.random(visit.at_s.size)
    limits = Limits(
        step_s=engine.step_s,
        prefill_s_per_token=engine.prefill_s_per_token,
        most_sequences=engine.most_sequences,
        step_tokens=engine.step_tokens,
        cache_tokens=engine.cache_tokens,
        timeout_s=scenario.timeout_s,
    )
    prompts = Prompts(
        at_s=visit.at_s,
        prompt=np.maximum(visit.prompt, 1).astype(np.int64),
        output=np.maximum(visit.output, 1).astype(np.int64),
        replica=_by_share(scenario, group, visit.at_s, draw),
    )
    if _is_tied(group):
        done, at_work = _engines_together(scenario, group, (prompts, limits, draw), rng)
    else:
        n_replicas = max(group.machines_on) * group.replicas_per_machine
        at_work = engines(prompts, limits, n_replicas)
        serve_tokens(at_work)
        busy_s = float(at_work.clocks[:, engine_columns.BUSY_S].sum())
        done = _by_calendar(scenario, group, busy_s)
    preemptions = int(at_work.replicas[:, engine_columns.PREEMPTED].sum())
    times = at_work.times
    return (
        replace(done, preemptions=preemptions),
        times[:, engine_columns.START_S],
        times[:, engine_columns.DONE_S] + engine.beside_s,
        times[:, engine_columns.FIRST_TOKEN_S] + engine.beside_s,
    )


def _engines_together(
    scenario: Scenario,
    group: Group,
    work_of: tuple[Prompts, Limits, Floats],
    rng: np.random.Generator,
) -> tuple[Work, Engines]:
    prompts, limits, draw = work_of
    scaling = group.scaling
    most = max(group.machines_on) if scaling is None else scaling.most
    # One row more: who comes while no machine is there waits in it.
    at_work = engines(prompts, limits, most * group.replicas_per_machine + 1)
    fleet = engine_fleet(
        at_work,
        _changes(scenario, group, most, rng),
        _scaling(group),
        draw=draw,
        is_by_share=group.routing is Routing.SHARE,
        replicas_per_machine=group.replicas_per_machine,
    )
    serve_in_fleet(fleet)
    busy_s = float(at_work.clocks[:, engine_columns.BUSY_S].sum())
    return _of_fleet(scenario, most, busy_s, (fleet.machines, fleet.counts)), at_work


def _of_fleet(
    scenario: Scenario, most: int, busy_s: float, seen: tuple[Floats, Ints]
) -> Work:
    """What machines that come and go did; those still on are paid for to the end."""
    machines, counts = seen
    paid_until_s = np.fmax(scenario.span_s - machines[:, PAID_FROM_S], 0.0)
    return Work(
        busy_replica_s=busy_s,
        paid_machine_s=float(machines[:, PAID_S].sum() + np.nansum(paid_until_s)),
        machines=most,
        most_on=int(counts[MOST_ON]),
        interruptions=int(counts[TAKEN]),
        handed_on=int(counts[HANDED_ON]),
    )
