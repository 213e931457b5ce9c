"""Problems that do not depend on each other, answered by actors of a Ray cluster.

An actor answers one problem at a time and keeps the solver that it was given, so the
solver travels once a worker. Where an actor or its node is lost, what it was
answering is answered by this process, and another actor takes its place if the
cluster has room for one; if not, this process does.
"""

import itertools
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from profilers.running.cluster import connect, disconnect

if TYPE_CHECKING:
    from planner.ports import Scenarios

# More workers than this only wait for the one process that asks them.
MOST_WORKERS = 64
# A busy node starts a worker and imports what it needs in tens of seconds.
START_TIMEOUT_S = 60.0

Problem = TypeVar("Problem")
Answer = TypeVar("Answer")


class _Worker:
    """The actor: answers with the solver of that number, which it fetches once."""

    def __init__(self) -> None:
        self._number = -1
        self._solver: Callable[[Any], Any] | None = None

    def ready(self) -> bool:
        """That it runs at all."""
        return True

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
        if worker is None:
            self._idle.put(worker)
            return self._answered_here(solver, problem)
        try:
            found: Answer = ray.get(worker.answer.remote(number, sent, problem))
        except RayTaskError as error:
            self._idle.put(worker)
            if not isinstance(error.cause, RayError):
                # What the solver itself raised, as if it had been called here.
                raise error.cause from error
            return self._answered_here(solver, problem)
        except RayError:
            self._idle.put(next(iter(_started(1)), None))
            return self._answered_here(solver, problem)
        except BaseException:
            self._idle.put(worker)
            raise
        self._idle.put(worker)
        return found

    def _answered_here(
        self, solver: Callable[[Problem], Answer], problem: Problem
    ) -> Answer:
        with self._here:
            return solver(problem)

    def close(self) -> None:
        """Kill the actors, and end the connection if it is ours."""
        while not self._idle.empty():
            worker = self._idle.get()
            if worker is not None:
                ray.kill(worker)
        self._n_at_once = 0
        if self._is_ours:
            disconnect()
            self._is_ours = False

    def _open(self) -> None:
        instead = "solve on this machine: --workers"
        self._is_ours = connect(self._address, n_cpus=self._most, instead=instead)
        n_cpus = int(ray.cluster_resources().get("CPU", 1))  # type: ignore[no-untyped-call]  # Ray's own
        workers = _started(min(self._most, n_cpus))
        self._n_at_once = max(1, len(workers))
        for worker in workers:
            self._idle.put(worker)

    def _travelled(self, solver: Callable[[Any], Any]) -> tuple[int, list[Any]]:
        """The solver's number and where workers fetch it."""
        with self._setting_up:
            if solver is not self._solver:
                self._solver = solver
                self._sent = (next(self._numbers), [ray.put(solver)])
            return self._sent


def _started(n_workers: int) -> list[Any]:
    """Actors that run; a cluster with other work to do may have no room for some."""
    actor: Any = ray.remote(_Worker).options(num_cpus=1, max_restarts=0)
    new = [actor.remote() for _ in range(n_workers)]
    answers = {worker.ready.remote(): worker for worker in new}
    ready, late = ray.wait(
        list(answers), num_returns=n_workers, timeout=START_TIMEOUT_S
    )
    for answer in late:
        ray.kill(answers[answer])
    return [answers[answer] for answer in ready]


if TYPE_CHECKING:
    _: Scenarios = RayScenarios()
