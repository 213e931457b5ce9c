"""Actors of a real Ray cluster answer what this process would, though one dies."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from planner.errors import DeviceUnavailableError
from planner.pipeline.exploring.relaxations import ways_out
from tests.support.questions import asked, document

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture
def scenarios(ray_runtime):
    from profilers.running.scenarios import RayScenarios

    found = RayScenarios(n_workers=2)
    yield found
    found.close()


def test_ways_out_found_on_two_actors_are_those_found_here(scenarios):
    spec = document(policy__budget_usd_per_month=0.5)
    here, there = (
        ways_out(
            asked(spec), time_limit_s=30, search_s=1e9, clock_s=lambda: 0.0,
            scenarios=some,
        )
        for some in (None, scenarios)
    )  # fmt: skip

    assert there == here
    assert here.relaxations


def test_an_actor_that_dies_loses_no_answer_and_is_replaced(scenarios):
    home = os.getpid()

    class Mortal:
        def __call__(self, number):
            if number < 0 and os.getpid() != home:
                os._exit(1)
            if number == 0:
                raise ValueError("nothing to double")
            return 2 * number, os.getpid()

    solver = Mortal()
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda p: scenarios.answer(solver, p), [1, -2, 3, 4]))
    after = [scenarios.answer(solver, n) for n in (5, 6, 7)]

    assert [n for n, _ in found] == [2, -4, 6, 8]
    assert [n for n, _ in after] == [10, 12, 14]
    assert all(pid != home for _, pid in after)
    with pytest.raises(ValueError, match="nothing to double"):
        scenarios.answer(solver, 0)


def test_a_runtime_that_was_there_before_is_left_alone(ray_runtime):
    from profilers.running.scenarios import RayScenarios

    some = RayScenarios(n_workers=2)
    assert some.n_at_once == 2
    some.close()

    assert ray_runtime.is_initialized()


def test_no_cluster_at_the_address_is_one_clear_refusal(monkeypatch):
    import ray

    from profilers.running.scenarios import RayScenarios

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(DeviceUnavailableError, match="--workers"):
        _ = RayScenarios(address=f"127.0.0.1:{port}").n_at_once
