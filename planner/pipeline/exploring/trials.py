"""The document asked and solved again with something changed, within a time.

Searches that do not depend on each other run side by side where several answers can
be had at once: each in a thread of its own, which only waits. What a search finds
depends on its own answers alone, so the findings are those of one search after the
other, in the same order.
"""

import json
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

from planner.domain.placement import Solution
from planner.errors import SpecMistakesError
from planner.pipeline.asking.question import Question, Twist
from planner.pipeline.solving.scenarios import Changes, Nothing, Scenario, Solver, Trial
from planner.ports import OneByOne, Scenarios
from planner.specs.edit import with_values
from planner.specs.ways_out import Setting

Item = TypeVar("Item")
Found = TypeVar("Found")


class Limit(Protocol):
    """Something of the document whose turns only add plans."""

    @property
    def current(self) -> Setting:
        """What the document says."""
        ...

    def reaches(self, one: Setting, other: Setting) -> bool:
        """Whether one value is turned as far as the other at least."""
        ...


class SearchCutShortError(Exception):
    """The time for a search has passed; what was found until then stands."""


class Trials:
    """Solves each changed document once, however often it is asked for.

    A deadline bounds the whole search; a single solve takes at most
    `time_limit_s` of it. `n_solves` counts what was solved, `n_undecided` the
    solves that ended without a plan and without a proof: they count as none. So do
    plans whose profiles do not hold together as surely as asked, unless
    `accepts_unsure`: where the plan itself is one, those near it are. Searches begin
    with the question's `plan`, where it is known. `limits` are those, by field, whose
    turns a search compares.
    """

    def __init__(
        self,
        question: Question,
        *,
        time_limit_s: float,
        search_s: float,
        clock_s: Callable[[], float],
        scenarios: Scenarios | None = None,
        accepts_unsure: bool = False,
        plan: Solution | None = None,
    ) -> None:
        self.question = question
        self.limits: Mapping[str, Limit] = {}
        self.n_solves = 0
        self.n_undecided = 0
        self._solver = Solver(question, plan)
        self._time_limit_s = time_limit_s
        self._clock_s = clock_s
        self._ends_s = clock_s() + search_s
        self._scenarios = scenarios or OneByOne()
        self._accepts_unsure = accepts_unsure
        self._known: dict[str, Future[Trial | None]] = {}
        # Changed documents that have a plan, and that are proved to have none.
        self._fit: list[Changes] = []
        self._out: list[Changes] = []
        self._lock = threading.Lock()

    def allows(self, changes: Changes) -> bool:
        """Whether the changed document is a valid one."""
        try:
            with_values(self.question.spec, changes)
        except SpecMistakesError:
            return False
        return True

    def question_of(self, changes: Changes, trial: Trial) -> Question:
        """What the plan of a changed document answers, as it was solved.

        Raises:
            SpecMistakesError: It is not a valid document.
        """
        asked = self._solver.question(changes)
        return asked.surer(trial.surer_frac) if trial.surer_frac else asked

    def solve(self, changes: Changes, *twists: Twist) -> Trial | None:
        """The plan of a changed document with its problem twisted, None where there is none.

        Raises:
            SearchCutShortError: No time is left.
        """
        if twists:
            return self._answer(changes, twists)
        key = _key(changes)
        with self._lock:
            known = self._known.get(key)
            future = self._known.setdefault(key, Future())
        if known is None:
            try:
                found = self._found(changes, ())
                trial = self._counted(found)
                if trial is not None:
                    self._fit.append(changes)
                elif isinstance(found, Nothing) and found.is_proved:
                    self._out.append(changes)
                future.set_result(trial)
            except BaseException as error:
                with self._lock:
                    del self._known[key]
                future.set_exception(error)
                raise
        return future.result()

    def suffices(self, changes: Changes) -> bool:
        """Whether the changed document has a plan; solved only where none before tells.

        Turns of the `limits` only add plans: what goes as far as one that has a plan has
        it, too, and what goes no farther than one proved to have none has none.

        Raises:
            SearchCutShortError: No time is left.
        """
        if _key(changes) not in self._known:
            if any(self._reaches(out, changes) for out in self._out):
                return False
            if any(self._reaches(changes, fit) for fit in self._fit):
                return self.allows(changes)
        return self.solve(changes) is not None

    def _reaches(self, one: Changes, other: Changes) -> bool:
        """Whether each limit of the one is turned as far as in the other at least."""
        if not one.keys() | other.keys() <= self.limits.keys():
            return False
        for field in one.keys() | other.keys():
            limit = self.limits[field]
            now = limit.current
            if not limit.reaches(one.get(field, now), other.get(field, now)):
                return False
        return True

    def is_impossible(self, changes: Changes) -> bool:
        """Whether it is proved that the changed document, a valid one, has no plan.

        Raises:
            SearchCutShortError: No time is left.
        """
        return self.solve(changes) is None and changes in self._out

    def each(
        self, of: Callable[[Item], Found], items: Iterable[Item]
    ) -> Iterator[Found]:
        """What each item leads to, in their order; several are at work at a time.

        Raises:
            SearchCutShortError: No time is left; what came before it was found.
        """
        if self._scenarios.n_at_once == 1:
            yield from map(of, items)
            return
        with ThreadPoolExecutor(self._scenarios.n_at_once) as threads:
            try:
                yield from threads.map(of, items)
            except (Exception, KeyboardInterrupt):
                # Whoever is still at work finds no time left at the next solve.
                self._ends_s = -math.inf
                raise

    def check_time(self) -> float:
        """Seconds that are left.

        Raises:
            SearchCutShortError: None are.
        """
        left_s = self._ends_s - self._clock_s()
        if left_s <= 0:
            raise SearchCutShortError
        return left_s

    def _answer(self, changes: Changes, twists: tuple[Twist, ...]) -> Trial | None:
        return self._counted(self._found(changes, twists))

    def _found(
        self, changes: Changes, twists: tuple[Twist, ...]
    ) -> Trial | Nothing | None:
        """What the solver says; None of what is no valid document."""
        left_s = self.check_time()
        scenario = Scenario(
            changes=changes,
            twists=twists,
            time_limit_s=min(self._time_limit_s, left_s),
        )
        try:
            return self._scenarios.answer(self._solver, scenario)
        except SpecMistakesError:
            # A turn that no valid document reaches is not offered.
            return None

    def _counted(self, found: Trial | Nothing | None) -> Trial | None:
        """The plan that counts as one."""
        if found is None:
            return None
        is_undecided = isinstance(found, Nothing) and not found.is_proved
        with self._lock:
            self.n_solves += 1
            self.n_undecided += is_undecided
        if is_undecided:
            self.check_time()
        if isinstance(found, Nothing) or not (found.is_sure or self._accepts_unsure):
            return None
        return found


def _key(changes: Changes) -> str:
    return json.dumps(changes, sort_keys=True)
