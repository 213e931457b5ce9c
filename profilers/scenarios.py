"""Problems that do not depend on each other, answered by actors of a Ray cluster.

An actor answers one problem at a time and keeps the solver that it was given, so the
solver travels once a worker. Where an actor or its node is lost, what it was
answering is answered by this process, and another actor takes its place.
"""

import itertools
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from profilers.cluster import connect, disconnect

if TYPE_CHECKING:
    from planner.ports import Scenarios

# More workers than this only wait for the one process that asks them.
MOST_WORKERS = 64

Problem = TypeVar("Problem")
Answer = TypeVar("Answer")


class _Worker:
    """The actor: answers with the solver of that number, which it fetches once."""

    def __init__(self) -> None:
        self._number = -1
        self._solver: Callable[[Any], Any] | None = None

    def answer(self, number: int, solver: list[Any], problem: Any) -> Any:  # noqa: ANN401  # whatever is asked
        """What the solver says; it comes in a list so that Ray does not fetch it again."""
        if self._solver is None or number != self._number:
            self._solver, self._number = ray.get(solver[0]), number
        return self._solver(problem)


class RayScenarios:
    """Actors of the cluster at `address`, one a processor, at most `n_workers`."""

    def __init__(
        self, *, address: str | None = None, n_workers: int = MOST_WORKERS
    ) -> None:
        self._address = address
        self._most = n_workers
        self._n_at_once = 0
        self._is_ours = False
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._numbers = itertools.count()
        self._solver: Callable[[Any], Any] | None = None
        self._sent: tuple[int, list[Any]] = (-1, [])
        self._setting_up = threading.Lock()
        self._here = threading.Lock()

    @property
    def n_at_once(self) -> int:
        """As many as the cluster has processors.

        Raises:
            DeviceUnavailableError: No cluster at the address.
        """
        with self._setting_up:
            if not self._n_at_once:
                self._open()
        return self._n_at_once

    def answer(self, solver: Callable[[Problem], Answer], problem: Problem) -> Answer:
        """What the solver says, from a worker; from this process if that is lost.

        Raises:
            DeviceUnavailableError: No cluster at the address.
        """
        if self.n_at_once == 1:
            return solver(problem)
        number, sent = self._travelled(solver)
        worker = self._idle.get()
        try:
            found: Answer = ray.get(worker.answer.remote(number, sent, problem))
        except RayTaskError as error:
            self._idle.put(worker)
            # What the solver itself raised, as if it had been called here.
            raise error.cause from error
        except RayError:
            self._idle.put(_new_worker())
            with self._here:
                return solver(problem)
        except BaseException:
            self._idle.put(worker)
            raise
        self._idle.put(worker)
        return found

    def close(self) -> None:
        """Kill the actors, and end the connection if it is ours."""
        while not self._idle.empty():
            ray.kill(self._idle.get())
        self._n_at_once = 0
        if self._is_ours:
            disconnect()
            self._is_ours = False

    def _open(self) -> None:
        instead = "solve on this machine: --workers"
        self._is_ours = connect(self._address, n_cpus=self._most, instead=instead)
        n_cpus = int(ray.cluster_resources().get("CPU", 1))  # type: ignore[no-untyped-call]  # Ray's own
        self._n_at_once = max(1, min(self._most, n_cpus))
        for _ in range(self._n_at_once if self._n_at_once > 1 else 0):
            self._idle.put(_new_worker())

    def _travelled(self, solver: Callable[[Any], Any]) -> tuple[int, list[Any]]:
        """The solver's number and where workers fetch it."""
        with self._setting_up:
            if solver is not self._solver:
                self._solver = solver
                self._sent = (next(self._numbers), [ray.put(solver)])
            return self._sent


def _new_worker() -> Any:  # noqa: ANN401  # Ray states no type for it
    return ray.remote(_Worker).options(num_cpus=1, max_restarts=0).remote()


if TYPE_CHECKING:
    _: Scenarios = RayScenarios()
