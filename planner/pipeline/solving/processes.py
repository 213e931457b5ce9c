"""Problems that do not depend on each other, answered by processes of this machine.

Each process is given the solver once, when it starts. Where one dies, what it and its
fellows were answering is answered here, and new ones are started for what follows.
"""

import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from planner.ports import Scenarios

Problem = TypeVar("Problem")
Answer = TypeVar("Answer")

# Where processes keep dying, something here is the death of them: no more are started.
MOST_LOSSES: Final = 3

# The solver of this worker process, from the day it starts.
_solver: list[Callable[[Any], Any]] = []


class Processes:
    """So many worker processes, started when the first problem comes."""

    def __init__(self, n_workers: int) -> None:
        self.n_at_once = n_workers
        self._solver: Callable[[Any], Any] | None = None
        self._pool: ProcessPoolExecutor | None = None
        self._n_losses = 0
        self._setting_up = threading.Lock()
        self._here = threading.Lock()

    def answer(self, solver: Callable[[Problem], Answer], problem: Problem) -> Answer:
        """What the solver says, from a worker; from this process if that is lost."""
        if self._n_losses < MOST_LOSSES:
            pool = self._pool_of(solver)
            try:
                found: Answer = pool.submit(_answer, problem).result()
            except BrokenProcessPool:
                self._drop(pool)
            else:
                return found
        with self._here:
            return solver(problem)

    def close(self) -> None:
        """End the workers; what they are at is not waited for."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._solver = None

    def _pool_of(self, solver: Callable[[Any], Any]) -> ProcessPoolExecutor:
        with self._setting_up:
            if self._pool is None or solver is not self._solver:
                self.close()
                self._solver = solver
                # Threads of this process must not be copied half-way through.
                self._pool = ProcessPoolExecutor(
                    self.n_at_once,
                    mp_context=get_context("spawn"),
                    initializer=_begin,
                    initargs=(solver,),
                )
            return self._pool

    def _drop(self, pool: ProcessPoolExecutor) -> None:
        with self._setting_up:
            if self._pool is pool:
                self._n_losses += 1
                self.close()


def _begin(solver: Callable[[Any], Any]) -> None:
    # Ctrl-C is heeded by whoever asked.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _solver.append(solver)


def _answer(problem: Any) -> Any:  # noqa: ANN401  # whatever is asked
    return _solver[0](problem)


if TYPE_CHECKING:
    _: Scenarios = Processes(2)
