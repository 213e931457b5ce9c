"""What the planner asks of the world; profilers and cloud adapters answer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from planner.domain.profiles import BatchProfile, ProfileKey
from planner.domain.profiling import (
    ProfilingJob,
    ProfilingOutcome,
    ProfilingProgress,
)
from planner.domain.quotes import PriceSnapshot

Problem = TypeVar("Problem")
Answer = TypeVar("Answer")
# The largest batch that the best plan uses of each profile that it uses.
Planned = Callable[[ProfilingOutcome], Mapping[ProfileKey, int]]


class Profiler(Protocol):
    """Measures variants of a user's own model."""

    def reachable_devices(self) -> Sequence[str]:
        """Catalogue names of the devices it can measure or emulate."""
        ...

    def references(self) -> Sequence[BatchProfile]:
        """Published models as they were timed on this machine; none before that."""
        ...

    def profile(
        self,
        jobs: Sequence[ProfilingJob],
        *,
        on_progress: Callable[[ProfilingProgress], None],
        planned: Planned | None = None,
    ) -> ProfilingOutcome:
        """Profiles of every variant of every job; what is stored is not measured again.

        Where there is a `planned`, it is asked again and again about profiles that hold
        every batch size not timed at its fastest, and what no plan uses is not timed.

        Raises:
            ProfilingError: Nothing can be measured here at all.
        """
        ...


class PriceSource(Protocol):
    """A provider that can be asked for its prices."""

    def fetch(
        self, regions: Sequence[str], *, on_progress: Callable[[str], None]
    ) -> PriceSnapshot:
        """Prices and shapes of every instance type of the regions, now.

        Raises:
            CloudError: No credentials, no network, throttled, or nonsense prices.
        """
        ...


class Scenarios(Protocol):
    """Answers problems that do not depend on each other, on this processor or others."""

    @property
    def n_at_once(self) -> int:
        """How many answers are worked at side by side."""
        ...

    def answer(self, solver: Callable[[Problem], Answer], problem: Problem) -> Answer:
        """What `solver(problem)` gives, wherever that is; several threads may ask.

        Solver, problem and answer must survive pickling; the solver travels once and
        may keep what it learns. What is lost on the way is answered here.
        """
        ...

    def close(self) -> None:
        """Give back what was taken to answer."""
        ...


class OneByOne:
    """Every problem is answered here, one after the other."""

    n_at_once = 1

    def answer(self, solver: Callable[[Problem], Answer], problem: Problem) -> Answer:
        """Answered at once."""
        return solver(problem)

    def close(self) -> None:
        """Nothing was taken."""


class Observer(Protocol):
    """Someone who watches the main job at work."""

    def stage(self, name: str) -> None:
        """A new stage begins."""
        ...

    def profiling(self, progress: ProfilingProgress) -> None:
        """Profiling went on."""
        ...


class Unobserved:
    """Nobody watches."""

    def stage(self, name: str) -> None:
        """Nothing is shown."""

    def profiling(self, progress: ProfilingProgress) -> None:
        """Nothing is shown."""
