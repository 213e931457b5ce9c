"""Where plugins meet the planner: the only place that names profilers and adapters."""

import datetime as dt
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from planner.errors import MissingExtraError
from planner.pipeline.recommend import DEFAULT_TIME_LIMIT_S, World
from planner.ports import Observer, Unobserved
from planner.reference.catalog import Catalog
from planner.reference.snapshots import read_snapshot

if TYPE_CHECKING:
    from planner.domain.profiling import TorchModel
    from planner.ports import PriceSource, Profiler
    from profilers.ports import Executor as ProfilingExecutor

Executor = Literal["ray", "local"]
HOME_VARIABLE: Final = "PLANNER_HOME"


def home() -> Path:
    """Where the user's own profiles and prices are kept, across projects.

    `$PLANNER_HOME`, else `$XDG_DATA_HOME/deployment-planner`, else
    `~/.local/share/deployment-planner`.
    """
    chosen = os.environ.get(HOME_VARIABLE)
    if chosen:
        return Path(chosen)
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "deployment-planner"


def store_path() -> Path:
    """The database of the user's own profiles."""
    return home() / "profiles.sqlite3"


def snapshot_path(provider: str) -> Path:
    """The user's own price snapshot of a provider."""
    return home() / "prices" / f"{provider}.json"


def utc_now() -> dt.datetime:
    """The present instant, aware."""
    return dt.datetime.now(dt.UTC)


def catalog() -> Catalog:
    """The shipped facts, with the user's own price snapshots before them.

    Raises:
        CatalogIntegrityError: A snapshot that is not what the planner wrote.
    """
    known = Catalog.shipped()
    folder = home() / "prices"
    if folder.is_dir():
        for file in sorted(folder.glob("*.json")):
            known = known.with_snapshot(read_snapshot(file))
    return known


def profiler(
    facts: Catalog, *, executor: Executor = "ray", address: str | None = None
) -> "Profiler":
    """What measures the user's own models: on Ray actors, or in local processes.

    Raises:
        MissingExtraError: torch, or Ray where it is asked for, is not installed.
    """
    import importlib.util  # noqa: PLC0415  # a plan from known profiles needs none of it

    needed = ["torch"] if executor == "local" else ["torch", "ray"]
    for package in needed:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "profile", "profiling your own model")
    from profilers.emulators.emulator import Emulators  # noqa: PLC0415  # heavy
    from profilers.profiler import Profiling  # noqa: PLC0415  # heavy
    from profilers.store import ProfileStore  # noqa: PLC0415  # heavy

    return Profiling(
        ProfileStore(store_path()),
        _executor(executor, address),
        emulator=Emulators(facts),
    )


def _executor(executor: Executor, address: str | None) -> "ProfilingExecutor":
    if executor == "local":
        from profilers.local import LocalExecutor  # noqa: PLC0415  # heavy

        return LocalExecutor()
    from profilers.actors import RayExecutor  # noqa: PLC0415  # Ray

    return RayExecutor(address=address)


def price_source(provider: str) -> "PriceSource":
    """Who is asked for a provider's prices.

    Raises:
        UnknownReferenceError: No adapter for that provider.
        MissingExtraError: Its client library is not installed.
    """
    from cloud_adapters.registry import price_source as find  # noqa: PLC0415  # boto3

    return find(provider)


def world(
    facts: Catalog,
    models: Mapping[str, "TorchModel"],
    *,
    executor: Executor = "ray",
    address: str | None = None,
    observer: Observer | None = None,
    time_limit_s: float = DEFAULT_TIME_LIMIT_S,
) -> World:
    """Everything a recommendation is made from; a profiler only where one is needed."""
    measuring = profiler(facts, executor=executor, address=address) if models else None
    return World(
        catalog=facts,
        models=models,
        profiler=measuring,
        observer=observer or Unobserved(),
        now=utc_now,
        time_limit_s=time_limit_s,
    )
