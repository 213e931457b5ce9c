"""The main job: a checked document in, a certified plan or reasons out."""

import datetime as dt
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from planner.domain.placement import Candidate, NoPlan, Objective, Solution, Verdict
from planner.domain.profiling import UserModel
from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.asking.demands import demands
from planner.pipeline.asking.knowledge import Knowledge, learn
from planner.pipeline.asking.question import Question, ask
from planner.pipeline.asking.references import check_references
from planner.pipeline.checking.certify import Inputs, certified
from planner.pipeline.exploring.kinds import words
from planner.pipeline.exploring.reasons import reasons
from planner.pipeline.exploring.relaxations import ways_out
from planner.pipeline.exploring.trials import Trials
from planner.pipeline.informing.study import Means, Outcome, Study, studied
from planner.pipeline.solving.answered import Answered, answered
from planner.pipeline.solving.used import Used
from planner.pipeline.telling import answer
from planner.pipeline.telling.alternatives import runners_up
from planner.pipeline.telling.certainty import safety
from planner.pipeline.telling.ties import ties
from planner.pipeline.telling.timed import points
from planner.ports import Observer, OneByOne, Profiler, Scenarios
from planner.reference.catalog import Catalog
from planner.specs.assurance import PlanSimulation
from planner.specs.deployment import Deployment
from planner.specs.measuring import PlanMeasuring
from planner.specs.plan import PlanCost, PlanDocument
from planner.specs.traces import Trace
from planner.version import VERSION

DEFAULT_TIME_LIMIT_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a recommendation is made from, beside the document itself.

    `profiler` is only asked where the document has torch models; `now` gives
    aware UTC. `simulates` tries every plan on simulated traffic before it is shown, that
    of the `traces` by workload at their own stamps. `scenarios` answers what can be
    solved side by side. `study` says what measuring more may cost; None weighs nothing.
    With `fewer_points` batch sizes of the user's own models are timed only as far as the
    plan hangs on them.
    """

    catalog: Catalog
    models: Mapping[str, UserModel]
    profiler: Profiler | None
    observer: Observer
    now: Callable[[], dt.datetime]
    time_limit_s: float = DEFAULT_TIME_LIMIT_S
    simulates: bool = False
    traces: Mapping[str, Trace] = field(default_factory=dict)
    scenarios: Scenarios = field(default_factory=OneByOne)
    study: Study | None = None
    fewer_points: bool = False

    def used(self, spec: Deployment) -> Used:
        """Which batch sizes the document's best plan uses."""
        return Used(spec=spec, catalog=self.catalog, time_limit_s=self.time_limit_s)


def recommend(spec: Deployment, world: World) -> PlanDocument:
    """The plan, or why there is none and what would make one.

    Raises:
        SpecMistakesError: Names that the catalogue does not know.
        ProfilingError: Nothing can be measured here at all.
        SolverError: No verdict within the time limit, or a plan that fails its check.
    """
    check_references(spec, world.catalog)
    world.observer.stage("profiles")
    knowledge = learn(
        spec,
        world.catalog,
        world.models,
        world.profiler,
        on_progress=world.observer.profiling,
        planned=world.used(spec) if world.fewer_points else None,
    )
    return decide(spec, world, knowledge)


def decide(spec: Deployment, world: World, knowledge: Knowledge) -> PlanDocument:
    """The plan from what is known already."""
    world.observer.stage("capacities")
    question = ask(spec, world.catalog, knowledge, Capacities())
    world.observer.stage("optimizing")
    found = answered(question, time_limit_s=world.time_limit_s)
    studying = Outcome(found=found, question=question)
    if world.study is not None:
        world.observer.stage("weighing measurements")
        studying = studied(found, question, world.study, _means(world))
    if isinstance(studying.found, NoPlan):
        return _no_plan(studying, world)
    return _plan(studying.found, world, studying.measuring)


def _means(world: World) -> Means:
    return Means(
        models=world.models,
        profiler=world.profiler,
        scenarios=world.scenarios,
        time_limit_s=world.time_limit_s,
        on_progress=world.observer.profiling,
    )


def _plan(
    found: Answered, world: World, measuring: PlanMeasuring | None
) -> PlanDocument:
    record = None
    if world.simulates:
        world.observer.stage("simulating")
        found, record = _tried(found, world)
    world.observer.stage("comparing")
    question, solution = found.question, found.solution
    now, trials = world.now(), _trials(found, world)
    document = answer.plan_document(
        question,
        solution,
        now=now,
        why=_why(question, solution),
        runners_up=runners_up(trials, solution, [w.name for w in question.workloads]),
        safety=safety(
            question, solution, today=now.date(), time_limit_s=world.time_limit_s
        ),
        joint=found.joint,
        simulation=record,
        measuring=measuring,
        ties=tuple(ties(trials, solution)),
    )
    world.observer.stage("checking")
    inputs = Inputs(
        spec=question.spec,
        catalog=question.catalog,
        profiles=question.knowledge.profiles,
    )
    return certified(document, inputs)


def _tried(found: Answered, world: World) -> tuple[Answered, PlanSimulation]:
    """The plan that held on simulated traffic, with what was cut until it did."""
    # Machine code is loaded, and at first made: only where it is asked for.
    from planner.pipeline.rehearsing.replay_traffic import Wish  # noqa: PLC0415
    from planner.pipeline.rehearsing.stretches import busiest  # noqa: PLC0415
    from planner.pipeline.rehearsing.trial_run import try_out  # noqa: PLC0415

    question = found.question
    blocks = demands(question.spec).block_of_hour
    traces = busiest(world.traces, question.spec, question.workloads, blocks)
    wish = Wish(traces=traces)
    tried = try_out(found, time_limit_s=world.time_limit_s, wish=wish)
    return tried.answered, tried.record


def _trials(found: Answered, world: World) -> Trials:
    """What else could be planned, without a limit of time for all together."""
    return Trials(
        found.asked,
        time_limit_s=world.time_limit_s,
        search_s=math.inf,
        clock_s=time.monotonic,
        scenarios=world.scenarios,
        accepts_unsure=not found.is_sure,
        plan=found.solution,
    )


def _why(question: Question, solution: Solution) -> dict[str, str]:
    """One sentence a workload: among how many, and what it is best at."""
    best = {
        Objective.COST: "the cheapest",
        Objective.LATENCY: "the fastest",
        Objective.QUALITY: "the most accurate",
        Objective.CARBON: "the cleanest",
    }[question.spec.policy.objectives[0]]
    sentences = {}
    for w in question.workloads:
        ways = [c for c in question.problem.candidates if c.workload == w.name]
        kinds = _counted(ways)
        chosen = [a for a in solution.assignments if a.candidate.workload == w.name]
        sentences[w.name] = (
            f"{words(chosen)}: part of {best} plan among {len(ways)} ways on {kinds} that keep "
            "this promise"
        )
    return sentences


def _counted(ways: Sequence[Candidate]) -> str:
    """Kinds of machine, and services that are paid by request."""
    offers = {(c.offer.site, c.offer.instance_type): c.offer for c in ways}
    called = sum(o.tariff is not None for o in offers.values())
    machines = len(offers) - called
    words = [
        f"{n} {one if n == 1 else many}"
        for n, one, many in (
            (machines, "kind of machine", "kinds of machine"),
            (called, "service paid by request", "services paid by request"),
        )
        if n
    ]
    return " and ".join(words)


def _no_plan(studying: Outcome, world: World) -> PlanDocument:
    question = studying.question
    world.observer.stage("finding ways out")
    limit_s = world.time_limit_s
    found = ways_out(question, time_limit_s=limit_s, scenarios=world.scenarios)
    return PlanDocument(
        name=question.spec.name,
        status=Verdict.INFEASIBLE,
        created_at=world.now(),
        planner_version=VERSION,
        spec_sha256=answer.spec_sha256(question.spec),
        certificate=None,
        policy=answer.policy(question.spec),
        models=answer.models(question),
        cost=PlanCost(total_usd_per_month=0.0, lines=()),
        placements=(),
        workloads=(),
        evidence=(),
        warnings=tuple(question.knowledge.warnings),
        reasons=reasons(question, time_limit_s=limit_s),
        relaxations=found.relaxations,
        search_note=found.note,
        fitting=studying.fitting,
        points=points(question.knowledge),
        spec=answer.plain_spec(question.spec),
    )
