"""One of many questions about a document, small enough to be sent to another process.

A scenario says how the document, and then its problem, differ from the base: the
answer needs nothing else that whoever answers it did not have before. So the base
travels once, scenarios and answers travel often.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from planner.domain.placement import NoPlan, Solution
from planner.errors import SolverTimeoutError
from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.asking.knowledge import Knowledge
from planner.pipeline.asking.question import Question, Twist, ask
from planner.pipeline.exploring.kinds import aims
from planner.pipeline.solving.answered import Answered, answered
from planner.reference.catalog import Catalog
from planner.specs.deployment import Deployment
from planner.specs.edit import with_values
from planner.specs.ways_out import Setting

Changes = Mapping[str, Setting]
# Searches turn one thing at a time: who asks for a document asks for it again soon.
KEPT_QUESTIONS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The base document with some fields changed, and its problem twisted."""

    changes: Changes = field(default_factory=dict)
    twists: tuple[Twist, ...] = ()
    time_limit_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The plan of a scenario, with its value of every objective in order.

    `surer_frac` is what the question it answers asked of some workloads' profiles;
    `is_sure` that its promises hold as surely as asked, all profiles together.
    """

    solution: Solution
    aims: tuple[float, ...]
    surer_frac: Mapping[str, float]
    is_sure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """No plan; `is_proved` unless the time passed before either was known."""

    is_proved: bool


class Solver:
    """Answers scenarios of one base question; what it learns on the way stays here.

    Every search begins with the base question's plan, where that is known: with the
    same one whoever answers, so that all answer the same.
    """

    def __init__(self, base: Question, plan: Solution | None = None) -> None:
        self._base = base
        self._plan = plan
        self._asked: OrderedDict[str, Question] = OrderedDict()

    def __reduce__(self) -> tuple[object, ...]:
        """Only what cannot be derived again travels."""
        b = self._base
        return _rebuilt, (b.spec, b.catalog, b.knowledge, b.twists, self._plan)

    def question(self, changes: Changes) -> Question:
        """The changed document as an optimizer's problem.

        Raises:
            SpecMistakesError: It is not a valid document.
        """
        if not changes:
            return self._base
        key = repr(sorted(changes.items()))
        known = self._asked.pop(key, None)
        if known is None:
            b = self._base
            spec = with_values(b.spec, changes)
            known = ask(spec, b.catalog, b.knowledge, b.capacities)
            for twist in b.twists:
                known = known.twisted(twist)
        self._asked[key] = known
        if len(self._asked) > KEPT_QUESTIONS:
            self._asked.popitem(last=False)
        return known

    def __call__(self, scenario: Scenario) -> Trial | Nothing:
        """The plan, or that there is none.

        Raises:
            SpecMistakesError: The changed document is not a valid one.
        """
        question = self.question(scenario.changes)
        for twist in scenario.twists:
            question = question.twisted(twist)
        try:
            found = answered(
                question, time_limit_s=scenario.time_limit_s, start=self._plan
            )
        except SolverTimeoutError:
            return Nothing(is_proved=False)
        if isinstance(found, NoPlan):
            return Nothing(is_proved=True)
        return trial_of(found)


def trial_of(found: Answered) -> Trial:
    """What others need to know of an answer."""
    return Trial(
        solution=found.solution,
        aims=aims(found.question.problem, found.solution),
        surer_frac=found.question.surer_frac,
        is_sure=found.is_sure,
    )


def _rebuilt(
    spec: Deployment,
    catalog: Catalog,
    knowledge: Knowledge,
    twists: tuple[Twist, ...],
    plan: Solution | None,
) -> Solver:
    base = ask(spec, catalog, knowledge, Capacities())
    for twist in twists:
        base = base.twisted(twist)
    return Solver(base, plan)
