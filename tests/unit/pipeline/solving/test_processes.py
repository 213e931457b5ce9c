"""Worker processes answer what this one would, and none of their deaths loses anything."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from planner.pipeline.solving.processes import Processes
from planner.pipeline.solving.scenarios import Nothing, Scenario, Solver
from tests.support.profiling import SUPPORT
from tests.support.questions import asked, document

pytestmark = pytest.mark.slow

HOME = os.getpid()


@pytest.fixture(scope="module")
def mortal():
    """Under a name by which other processes find it, too."""
    path = pytest.MonkeyPatch()
    path.syspath_prepend(SUPPORT)
    import solvers

    yield solvers.Mortal(HOME)
    path.undo()


@pytest.fixture(scope="module")
def processes(mortal):
    with closing(Processes(2)) as found:
        yield found


def answers(processes, solver, problems):
    with ThreadPoolExecutor(3) as threads:
        return list(threads.map(lambda p: processes.answer(solver, p), problems))


def test_a_worker_that_dies_loses_no_answer_and_is_replaced(processes, mortal):
    found = answers(processes, mortal, [1, -2, 3, -4, 5])
    after = answers(processes, mortal, [6, 7])

    assert [n for n, _ in found] == [2, -4, 6, -8, 10]
    assert [n for n, _ in after] == [12, 14]
    assert all(pid != HOME for _, pid in after)


def test_what_the_solver_raises_is_raised_here(processes, mortal):
    with pytest.raises(ValueError, match="nothing to double"):
        processes.answer(mortal, 0)


def test_a_solver_that_travelled_gives_the_same_plans(processes):
    solver = Solver(asked(document()))
    scenarios = [
        Scenario(changes={"workloads.0.traffic.rate_rps": rate}, time_limit_s=30)
        for rate in (6, 12, 24, 1e6)
    ]

    away = answers(processes, solver, scenarios)

    here = [solver(s) for s in scenarios]
    assert [a.aims for a in away[:3]] == [h.aims for h in here[:3]]
    assert [a.solution.assignments for a in away[:3]] == [
        h.solution.assignments for h in here[:3]
    ]
    assert away[3] == here[3] == Nothing(is_proved=True)


def test_where_processes_keep_dying_no_more_are_started(mortal):
    with closing(Processes(1)) as doomed:
        found = [doomed.answer(mortal, -n) for n in range(1, 5)]

        assert found == [(-2 * n, HOME) for n in range(1, 5)]
        assert doomed.answer(mortal, 9) == (18, HOME)
