"""What the best plan costs in each world of a set of measurements, each solved for once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from planner.domain.profiles import ProfileKey
from planner.pipeline.informing.worlds import World
from planner.ports import Scenarios


class OutOfTimeError(Exception):
    """The time for weighing has passed; what was weighed until then stands."""


class Draws:
    """Costs in the drawn worlds and in the luckiest, with a set of profiles known.

    `now_s` is read before every solve; none is begun after `ends_s`.
    """

    def __init__(
        self,
        costs: Callable[[World], float],
        worlds: Sequence[World],
        lucky: World,
        *,
        scenarios: Scenarios,
        now_s: Callable[[], float],
        ends_s: float,
    ) -> None:
        self.n_solves = 0
        self._costs = costs
        self._worlds = worlds
        self._lucky = lucky
        self._scenarios = scenarios
        self._now_s = now_s
        self._ends_s = ends_s
        self._each: dict[frozenset[ProfileKey], tuple[float, ...]] = {}
        self._luckiest: dict[frozenset[ProfileKey], float] = {}

    def luckiest_usd_per_month(self, keys: frozenset[ProfileKey]) -> float:
        """In the world in which every profile of the set is at its quickest.

        Raises:
            OutOfTimeError: No time is left.
        """
        if keys not in self._luckiest:
            self._luckiest[keys] = self._cost(_of(self._lucky, keys))
        return self._luckiest[keys]

    def each_usd_per_month(self, keys: frozenset[ProfileKey]) -> tuple[float, ...]:
        """In every drawn world of the set.

        Raises:
            OutOfTimeError: No time is left.
        """
        if keys not in self._each:
            worlds = [_of(w, keys) for w in self._worlds]
            if self._scenarios.n_at_once == 1:
                costs = tuple(self._cost(w) for w in worlds)
            else:
                with ThreadPoolExecutor(self._scenarios.n_at_once) as threads:
                    costs = tuple(threads.map(self._cost, worlds))
            self._each[keys] = costs
        return self._each[keys]

    def _cost(self, world: World) -> float:
        if self._now_s() >= self._ends_s:
            raise OutOfTimeError
        self.n_solves += 1
        return self._scenarios.answer(self._costs, world)


def _of(world: World, keys: frozenset[ProfileKey]) -> World:
    return {k: ratio for k, ratio in world.items() if k in keys}
