"""The document asked and solved again with some fields changed, within a time."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from planner.domain.placement import PlacementProblem, Solution
from planner.errors import SolverTimeoutError, SpecMistakesError
from planner.optimize.placement import place
from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.asking.question import Question, ask
from planner.specs.edit import with_values
from planner.specs.plan import Setting

Changes = Mapping[str, Setting]


class SearchCutShortError(Exception):
    """The time for a search has passed; what was found until then stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a changed document asks, and the plan that answers it."""

    question: Question
    solution: Solution


class Trials:
    """Solves each changed document once, however often it is asked for.

    A deadline bounds the whole search; a single solve takes at most
    `time_limit_s` of it. `n_solves` counts what was solved, `n_undecided` the
    solves that ended without a plan and without a proof: they count as none.
    """

    def __init__(
        self,
        question: Question,
        capacities: Capacities,
        *,
        time_limit_s: float,
        search_s: float,
        clock_s: Callable[[], float],
    ) -> None:
        self.question = question
        self.n_solves = 0
        self.n_undecided = 0
        self._capacities = capacities
        self._time_limit_s = time_limit_s
        self._clock_s = clock_s
        self._ends_s = clock_s() + search_s
        self._known: dict[str, Trial | None] = {}

    def allows(self, changes: Changes) -> bool:
        """Whether the changed document is a valid one."""
        try:
            with_values(self.question.spec, changes)
        except SpecMistakesError:
            return False
        return True

    def ask(self, changes: Changes) -> Question:
        """The changed document as an optimizer's problem.

        Raises:
            SpecMistakesError: It is not a valid document.
        """
        spec = with_values(self.question.spec, changes)
        known = self.question
        return ask(spec, known.catalog, known.knowledge, self._capacities)

    def solve(self, changes: Changes) -> Trial | None:
        """The changed document's plan, None where there is none.

        Raises:
            SearchCutShortError: No time is left.
        """
        key = json.dumps(changes, sort_keys=True)
        if key not in self._known:
            self.check_time()
            self._known[key] = self._solve(changes)
        return self._known[key]

    def _solve(self, changes: Changes) -> Trial | None:
        try:
            question = self.ask(changes) if changes else self.question
        except SpecMistakesError:
            # A turn that no valid document reaches is not offered.
            return None
        solution = self.place(question.problem)
        if solution is None:
            return None
        return Trial(question=question, solution=solution)

    def place(self, problem: PlacementProblem) -> Solution | None:
        """The plan of a changed problem, None where there is none.

        Raises:
            SearchCutShortError: No time is left.
        """
        left_s = self.check_time()
        self.n_solves += 1
        try:
            answer = place(problem, time_limit_s=min(self._time_limit_s, left_s))
        except SolverTimeoutError:
            self.n_undecided += 1
            self.check_time()
            return None
        return answer if isinstance(answer, Solution) else None

    def check_time(self) -> float:
        """Seconds that are left.

        Raises:
            SearchCutShortError: None are.
        """
        left_s = self._ends_s - self._clock_s()
        if left_s <= 0:
            raise SearchCutShortError
        return left_s
