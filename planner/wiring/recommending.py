"""Everything a recommendation is made from."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from planner.errors import SpecError
from planner.pipeline.informing.study import Study
from planner.pipeline.recommend import DEFAULT_TIME_LIMIT_S, World
from planner.ports import Observer, OneByOne, Scenarios, Unobserved
from planner.reference.catalog import Catalog
from planner.wiring import measuring
from planner.wiring.extras import is_installed, require
from planner.wiring.facts import utc_now

if TYPE_CHECKING:
    from planner.domain.profiling import UserModel
    from planner.specs.traces import Trace


@contextlib.contextmanager
def world(
    facts: Catalog,
    models: Mapping[str, "UserModel"],
    *,
    traces: Mapping[str, "Trace"] | None = None,
    executor: measuring.Executor = "ray",
    address: str | None = None,
    workers: int | None = None,
    observer: Observer | None = None,
    time_limit_s: float = DEFAULT_TIME_LIMIT_S,
    simulates: bool = False,
    study: Study | None = None,
    fewer_points: bool = False,
) -> Iterator[World]:
    """Everything a recommendation is made from; a profiler only where one is needed.

    What can be solved at once is by a Ray cluster at the address, by so many workers,
    or just here. A plan is tried on simulated traffic where that is asked for and the
    compiler of the simulator's loops is installed: without it a trial would take minutes.

    Raises:
        SpecError: The study is to measure here for a device that this machine is not,
            or fewer points are asked for where nothing is timed.
        MissingExtraError: A cluster is named, and Ray is not installed.
    """
    if fewer_points and not models:
        raise SpecError(
            "--fewer-points (fewer_points in Python) times fewer batch sizes of models of "
            "your own, of which there are none here: leave it out"
        )
    if study is not None and study.here is not None and address is None:
        measuring.require_no_other(study.here)
    profiler = (
        measuring.profiler(facts, executor=executor, address=address)
        if models
        else None
    )
    with contextlib.closing(_scenarios(address, workers)) as scenarios:
        yield World(
            catalog=facts,
            models=models,
            traces=traces or {},
            profiler=profiler,
            observer=observer or Unobserved(),
            now=utc_now,
            time_limit_s=time_limit_s,
            simulates=simulates and is_installed("numba"),
            scenarios=scenarios,
            study=study,
            fewer_points=fewer_points,
        )


def _scenarios(address: str | None, workers: int | None) -> Scenarios:
    if address is not None:
        require("ray", "profile", "solving on a Ray cluster")
        from profilers.running.scenarios import MOST_WORKERS, RayScenarios  # noqa: PLC0415  # Ray

        return RayScenarios(address=address, n_workers=workers or MOST_WORKERS)
    if workers is not None and workers > 1:
        from planner.pipeline.solving.processes import Processes  # noqa: PLC0415  # few ask

        return Processes(workers)
    return OneByOne()
