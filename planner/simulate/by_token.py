"""A group of engines at work, which batch token by token."""

from dataclasses import replace

import numpy as np

from planner.simulate import engine as engine_columns
from planner.simulate.arrays import Floats
from planner.simulate.engine import (
    Engines,
    Limits,
    Prompts,
    engines,
    serve_tokens,
)
from planner.simulate.engine_fleet import engine_fleet, serve_in_fleet
from planner.simulate.fleet import fleet_of
from planner.simulate.scenario import (
    Engine,
    Group,
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
from planner.simulate.shop import HANDED_ON
from planner.simulate.visits import Visit


def by_token(
    scenario: Scenario, group: Group, visit: Visit, rng: np.random.Generator
) -> tuple[Work, Floats, Floats, Floats]:
    """What was done; when each request was begun, left, and had its first token."""
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
        replica=replica_by_share(scenario, group, visit.at_s, draw),
    )
    if is_tied(group):
        done, at_work = _engines_together(scenario, group, (prompts, limits, draw), rng)
    else:
        n_replicas = max(group.machines_on) * group.replicas_per_machine
        at_work = engines(prompts, limits, n_replicas)
        serve_tokens(at_work)
        busy_s = float(at_work.clocks[:, engine_columns.BUSY_S].sum())
        done = worked_by_calendar(scenario, group, busy_s)
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
    site = engine_fleet(
        at_work,
        draw=draw,
        is_by_share=group.routing is Routing.SHARE,
        replicas_per_machine=group.replicas_per_machine,
    )
    fleet = fleet_of(changes_of(scenario, group, most, rng), scaling_of(group), most)
    serve_in_fleet(site, fleet)
    busy_s = float(at_work.clocks[:, engine_columns.BUSY_S].sum())
    handed_on = int(site.counts[HANDED_ON])
    return worked_in_fleet(scenario, fleet, busy_s, handed_on), at_work
