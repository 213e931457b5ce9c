"""`planner simulate`: a plan that was written down, tried on traffic."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from planner.domain.workloads import Workload
from planner.errors import Mistake, SpecMistakesError
from planner.pipeline.asking.demands import demands
from planner.pipeline.asking.knowledge import learn
from planner.pipeline.asking.references import check_references
from planner.pipeline.exploring.explain import spec_of
from planner.pipeline.recommend import World
from planner.pipeline.rehearsing.parts import parts_of_plan
from planner.pipeline.rehearsing.replay_traffic import Wish, section, sending
from planner.pipeline.rehearsing.staging import Conditions, scenario
from planner.pipeline.rehearsing.uplinks_out import owed
from planner.simulate.fit import fitted
from planner.simulate.measure import measured
from planner.simulate.run import run
from planner.simulate.scenario import Engine, Scenario
from planner.specs.plan import PlanDocument
from planner.specs.simulation import FittedTraffic, SimulationDocument
from planner.units import milliseconds

MOST_REQUESTS: Final = 1_000_000


def replay(
    plan: PlanDocument,
    world: World,
    *,
    wish: Wish,
    conditions: Conditions,
    seed: int,
    rising: Sequence[str] = (),
    most_requests: int = MOST_REQUESTS,
) -> SimulationDocument:
    """What the plan does to that traffic under those conditions.

    Of the `rising` workloads, those without a trace send as much more as the document
    fears of them.

    Raises:
        SpecError: The plan carries no document, or its profiles are not known here.
        SpecMistakesError: A trace, a rise or an outage of what the plan has not.
        ProfilingError: The user's own models cannot be measured here at all.
    """
    spec = spec_of(plan)
    check_references(spec, world.catalog)
    asked = demands(spec)
    _check(
        "--trace", "workload", wish.traces, [w.name for w in asked.workloads], plan.name
    )
    _check(
        "--rise",
        "workload that may rise",
        rising,
        [w.name for w in asked.workloads if w.rise_frac > 0],
        plan.name,
    )
    sites = [s.name for s in spec.edge_sites()]
    _check("--outage", "site", (o.line for o in conditions.outages), sites, plan.name)
    world.observer.stage("profiles")
    known = learn(
        spec,
        world.catalog,
        world.models,
        world.profiler,
        on_progress=world.observer.profiling,
        planned=None if plan.points is None else world.used(spec),
    )
    world.observer.stage("simulating")
    parts = parts_of_plan(plan, spec, world.catalog, known.profiles)
    sent = sending(
        spec,
        [_risen(w, rising) for w in asked.workloads],
        asked.block_of_hour,
        wish=wish,
        most_requests=most_requests,
        seed=seed,
    )
    stage = scenario(parts, sent, asked.block_of_hour, world.catalog, conditions)
    document = measured(
        run(stage, seed=seed),
        name=plan.name,
        spec_sha256=plan.spec_sha256,
        traffic=sent.words,
        assumptions=[
            *(_rise_words(w) for w in asked.workloads if w.name in rising),
            *_assumptions(stage, conditions),
        ],
    )
    traffic = {name: fitted(trace) for name, trace in sorted(wish.traces.items())}
    return owed(document, plan, conditions).model_copy(
        update={
            "fitted": tuple(
                FittedTraffic(workload=w, rate_rps=t.rate_rps, traffic=section(t))
                for w, t in traffic.items()
            )
        }
    )


def _risen(w: Workload, rising: Sequence[str]) -> Workload:
    """The workload with its rates as high as they may rise."""
    if w.name not in rising:
        return w
    return replace(w, rates_rps=tuple(r * (1.0 + w.rise_frac) for r in w.rates_rps))


def _rise_words(w: Workload) -> str:
    return f"{w.name} asks for {w.rise_frac:.0%} more than planned."


def _check(
    option: str, what: str, names: Iterable[str], known: list[str], plan: str
) -> None:
    mistakes = tuple(
        Mistake(
            path=f"{option} {name}",
            problem=f"the plan has no such {what}",
            way_out=f"it has: {', '.join(known) or 'none'}",
        )
        for name in names
        if name not in known
    )
    if mistakes:
        raise SpecMistakesError(plan, mistakes)


def _assumptions(stage: Scenario, conditions: Conditions) -> Iterable[str]:
    """What a reader must know that the figures rest on."""
    yield (
        "Service times as the profiles state them"
        if conditions.confidence_frac == 0.5
        else f"Service times at the profiles' {conditions.confidence_frac:.0%} bound"
    ) + ("; spare machines stand still." if conditions.are_spares_idle else ".")
    if conditions.jitter_s > 0:
        yield (
            f"Every way takes {milliseconds(conditions.jitter_s):g} ms more on average, "
            "exponentially spread, half of it in each direction."
        )
    services = [p.service for g in stage.groups for p in g.placements]
    if any(isinstance(s, Engine) for s in services):
        yield (
            "Language engines are calibrated to their published load curves; no more "
            "requests run at once than were seen to, the rest wait."
        )
    if conditions.autoscales or conditions.are_interrupted:
        lags = sorted({f"{g.replacement_s:g} s" for g in stage.groups})
        yield (
            f"A new machine serves after {', '.join(lags)}: the provider's median boot "
            "time (Spare Cores, CC BY-SA 4.0) and the cold start that was given."
        )
    if conditions.are_interrupted and not any(
        g.interruptions_per_h for g in stage.groups
    ):
        yield "No offer of this plan states how often it is interrupted: none were."
