"""Where plugins meet the planner: the only place that names profilers and adapters."""

import contextlib
import datetime as dt
import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from planner.errors import (
    ManifestError,
    MissingExtraError,
    ModelLoadError,
    ProfilingError,
    SpecError,
)
from planner.manifests import here
from planner.manifests.placed import OWN
from planner.pipeline.informing.study import Study
from planner.pipeline.recommend import DEFAULT_TIME_LIMIT_S, World
from planner.ports import Observer, OneByOne, Scenarios, Unobserved
from planner.reference import imported
from planner.reference.catalog import Catalog
from planner.reference.snapshots import read_snapshot

if TYPE_CHECKING:
    from planner.domain.joining import Joining
    from planner.domain.profiles import Profile
    from planner.domain.profiling import UserModel
    from planner.domain.variants import Variant
    from planner.manifests.documents.ray_serve import RayServeFile
    from planner.manifests.placed import Placed
    from planner.ports import PriceSource, Profiler
    from planner.simulate.arrays import Floats
    from planner.specs.placements import PlanPlacement
    from planner.specs.plan import PlanDocument
    from planner.specs.traces import Trace
    from profilers.emulators.network import Way
    from profilers.importers import About, Importer
    from profilers.ports import Executor as ProfilingExecutor
    from profilers.verifying.arrivals import Timed
    from profilers.verifying.verify import Tried

Executor = Literal["ray", "local"]
# One of the plan's hours, all of them, or neither.
Hours = int | Literal["all"] | None
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


def imported_path() -> Path:
    """The folder of the profiles that the user imported."""
    return home() / "imported"


def utc_now() -> dt.datetime:
    """The present instant, aware."""
    return dt.datetime.now(dt.UTC)


def catalog() -> Catalog:
    """The shipped facts, with the user's own price snapshots and profiles.

    Raises:
        SpecFileError: A snapshot or profile that is not what the planner wrote.
    """
    known = Catalog.shipped()
    folder = home() / "prices"
    if folder.is_dir():
        for file in sorted(folder.glob("*.json")):
            known = known.with_snapshot(read_snapshot(file))
    if imported_path().is_dir():
        for file in sorted(imported_path().glob("*.json")):
            known = known.with_profiles(imported.read(file))
    return known


def profiler(
    facts: Catalog,
    *,
    executor: Executor = "ray",
    address: str | None = None,
    weighs_server: bool = False,
    retry_failed: bool = False,
) -> "Profiler":
    """What measures the user's own models: on Ray actors, or in local processes.

    With `retry_failed`, what failed before is tried again. What the server costs beside a model is known from before, or measured where
    `weighs_server` and Ray Serve is installed.

    Raises:
        MissingExtraError: torch, or Ray where it is asked for, is not installed.
    """
    needed = ["torch"] if executor == "local" else ["torch", "ray"]
    for package in needed:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "profile", "profiling your own model")
    from profilers.emulators.emulator import Emulators  # noqa: PLC0415  # heavy
    from profilers.profiler import Profiling  # noqa: PLC0415  # heavy
    from profilers.served import ServedProfiling  # noqa: PLC0415  # heavy
    from profilers.store import ProfileStore  # noqa: PLC0415  # heavy

    store, emulator = ProfileStore(store_path()), Emulators(facts)
    can_serve = all(map(importlib.util.find_spec, ("ray", "uvicorn", "aiohttp")))
    weigh = None
    if weighs_server and can_serve:
        from profilers.serving.weighing import weigh_model  # noqa: PLC0415  # Ray

        weigh = weigh_model
    return ServedProfiling(
        inner=Profiling(
            store,
            _executor(executor, address),
            emulator=emulator,
            retry_failed=retry_failed,
        ),
        store=store,
        emulator=emulator,
        cores_of=lambda device: facts.device(device).cores,
        weigh=weigh,
    )


def _executor(executor: Executor, address: str | None) -> "ProfilingExecutor":
    if executor == "local":
        from profilers.local import LocalExecutor  # noqa: PLC0415  # heavy

        return LocalExecutor()
    from profilers.actors import RayExecutor  # noqa: PLC0415  # Ray

    return RayExecutor(address=address)


def joining(
    device: str,
    *,
    address: str | None,
    python_version: str | None,
    ray_version: str | None,
) -> "Joining":
    """What this machine was found to be, and how it takes part as that device.

    Raises:
        UnknownReferenceError: No such device in the catalogue.
    """
    from planner.reference import joining as judging  # noqa: PLC0415  # few join
    from profilers.self_test import self_test, silence  # noqa: PLC0415  # few join

    known = catalog().device(device)
    cluster = address and judging.Cluster(
        address=address,
        silence=silence(address),
        python_version=python_version,
        ray_version=ray_version,
    )
    return judging.joining(known, self_test(), cluster=cluster or None)


def unlike(device: str) -> tuple[str, ...]:
    """In what this machine is not like the device that its owner declares it to be.

    Raises:
        UnknownReferenceError: No such device in the catalogue.
    """
    from planner.reference.joining import mismatches  # noqa: PLC0415  # few declare
    from profilers.self_test import self_test  # noqa: PLC0415  # few declare

    return tuple(mismatches(catalog().device(device), self_test()))


def size_here() -> tuple[int, float]:
    """Processors that this process may use, and bytes of memory of this machine."""
    from profilers.machine import size  # noqa: PLC0415  # few commands measure

    return size()


def importers() -> "Mapping[str, Importer]":
    """Who reads other programs' measurements, by the format's name."""
    from profilers.importers import FORMATS  # noqa: PLC0415  # few commands import

    return FORMATS


def about_import(
    *, model: str, variant: "Variant", device: str, device_count: int, batch: int
) -> "About":
    """What a file of another program does not say of itself, as of today."""
    from profilers.importers import About  # noqa: PLC0415  # few commands import

    return About(
        model=model,
        variant=variant,
        device=device,
        device_count=device_count,
        batch=batch,
        today=utc_now().date(),
    )


def exported_profiles(
    file: Path, *, device: str | None, model: str | None
) -> "tuple[Profile, ...]":
    """What `planner profile --export` wrote elsewhere.

    Raises:
        SpecFileError: It is no such file, or nobody says which device measured.
    """
    from profilers.importers import own  # noqa: PLC0415  # few commands import

    return own.read_all(file, device=device, model=model, today=utc_now().date())


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
    models: Mapping[str, "UserModel"],
    *,
    traces: Mapping[str, "Trace"] | None = None,
    executor: Executor = "ray",
    address: str | None = None,
    observer: Observer | None = None,
    time_limit_s: float = DEFAULT_TIME_LIMIT_S,
    simulates: bool = False,
    scenarios: Scenarios | None = None,
    study: Study | None = None,
    fewer_points: bool = False,
) -> World:
    """Everything a recommendation is made from; a profiler only where one is needed.

    A plan is tried on simulated traffic where that is asked for and the compiler of
    the simulator's loops is installed: without it a trial would take minutes.
    """
    measuring = profiler(facts, executor=executor, address=address) if models else None
    return World(
        catalog=facts,
        models=models,
        traces=traces or {},
        profiler=measuring,
        observer=observer or Unobserved(),
        now=utc_now,
        time_limit_s=time_limit_s,
        simulates=simulates and importlib.util.find_spec("numba") is not None,
        scenarios=scenarios or OneByOne(),
        study=study,
        fewer_points=fewer_points,
    )


@contextlib.contextmanager
def side_by_side(
    *, address: str | None = None, workers: int | None = None
) -> Iterator[Scenarios]:
    """Who solves what can be solved at once: a Ray cluster, processes, or just this one.

    Raises:
        MissingExtraError: A cluster is named, and Ray is not installed.
    """
    found = _scenarios(address, workers)
    try:
        yield found
    finally:
        found.close()


def _scenarios(address: str | None, workers: int | None) -> Scenarios:
    if address is not None:
        _require("ray", "profile", "solving on a Ray cluster")
        from profilers.scenarios import MOST_WORKERS, RayScenarios  # noqa: PLC0415  # Ray

        return RayScenarios(address=address, n_workers=workers or MOST_WORKERS)
    if workers is not None and workers > 1:
        from planner.pipeline.solving.processes import Processes  # noqa: PLC0415  # few ask

        return Processes(workers)
    return OneByOne()


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Placements ready to be run here; `routes` are their paths by name.

    `config` listens where `host` and `port` say, or behind the emulated `way` from there.
    """

    config: "RayServeFile"
    routes: Mapping[str, str]
    cautions: tuple[str, ...]
    host: str
    port: int
    way: "Way | None" = None

    def run(self, *, metrics_port: int, on_ready: Callable[[], None]) -> None:
        """Serve until Ctrl-C.

        Raises:
            SpecError: Nothing can listen there.
            ProfilingError: A replica cannot start.
        """
        from profilers.emulators.network import emulated  # noqa: PLC0415  # numpy
        from profilers.serving.running import parse_config, run  # noqa: PLC0415  # Ray

        plain = self.config.model_dump(mode="json", exclude_none=True)
        n_replicas = sum(
            d.num_replicas or 1 for a in self.config.applications for d in a.deployments
        )
        inner = self.config.http_options
        try:
            with (
                contextlib.nullcontext()
                if self.way is None
                else emulated(
                    self.way, (inner.host, inner.port), host=self.host, port=self.port
                )
            ):
                run(
                    parse_config(plain, document="the config of planner serve"),
                    metrics_port=metrics_port,
                    on_ready=on_ready,
                    n_cpus=max(os.cpu_count() or 1, n_replicas),
                )
        except RuntimeError as error:
            raise ProfilingError(f"the placement cannot be served: {error}") from error


def serving(
    plan: "PlanDocument",
    *,
    site: str,
    workload: str | None,
    folders: Sequence[Path],
    host: str,
    port: int,
    emulates_network: bool = False,
) -> Serving:
    """A plan's placements at a site, to be run on this machine.

    Raises:
        SpecError: There are none, our server cannot run one of them, or several ways
            would have to be emulated.
        ModelLoadError: The files of a model are in none of the folders.
        MissingExtraError: Ray Serve is not installed.
    """
    from profilers.machine import free_port  # noqa: PLC0415  # a plugin
    from profilers.serving.folder import model_folder  # noqa: PLC0415  # the same

    placed = here.chosen(plan, site=site, workload=workload)
    for package in ("ray", "uvicorn", "torch"):
        _require(package, "serve", "planner serve")
    found = {p.model.name: model_folder(p.model, folders) for p in placed}
    way = _only_way(plan, placed) if emulates_network else None
    inner = (host, port) if way is None else ("127.0.0.1", free_port())
    config = here.serve_here(placed, found, host=inner[0], port=inner[1])
    return Serving(
        config=config if way is None else _behind(way, config),
        routes={a.name: a.route_prefix for a in config.applications},
        cautions=here.cautions(placed, n_cpus=os.cpu_count() or 1),
        host=host,
        port=port,
        way=way,
    )


def _only_way(plan: "PlanDocument", placed: "Sequence[Placed]") -> "Way":
    if len(placed) > 1:
        raise SpecError(
            f"--emulate-network is the way to one placement, and {len(placed)} are "
            "chosen: say which with --workload or --site"
        )
    return _way(plan, placed[0].placement)


def _behind(way: "Way", config: "RayServeFile") -> "RayServeFile":
    """The config, whose applications say of themselves that the way leads to them."""
    from profilers.emulators.network import SERVED_BEHIND  # noqa: PLC0415  # numpy

    told = {SERVED_BEHIND: f"{way.words} ({way.source})"}
    applications = [
        a.model_copy(
            update={"args": {**a.args, "placement": {**a.args["placement"], **told}}}
        )
        for a in config.applications
    ]
    return config.model_copy(update={"applications": applications})


def verifying(
    plan: "PlanDocument",
    url: str,
    workload: str,
    *,
    site: str | None,
    length_s: float,
    rate_rps: float | None,
    hours: Hours = None,
    trace: Path | None = None,
    timeout_s: float | None,
    inputs: Path | None,
    served_model: str | None = None,
    emulates_network: bool = False,
    then_alone: bool = False,
    folders: Sequence[Path],
    on_stage: Callable[[str], None],
) -> "Tried":
    """Load a running deployment as the plan says, and judge it.

    Raises:
        SpecError: Arguments that do not fit the plan.
        ProfilingError: Nothing is there that could be measured.
        MissingExtraError: aiohttp is not installed.
    """
    _require("aiohttp", "verify", "planner verify")
    from profilers.verifying.promise import promise_of  # noqa: PLC0415  # aiohttp
    from profilers.verifying.traffic import Traffic  # noqa: PLC0415
    from profilers.verifying.verify import verify  # noqa: PLC0415

    placement = promise_of(plan, workload, site=site).placement
    return verify(
        plan,
        url,
        workload,
        traffic=Traffic(
            length_s=length_s,
            rate_rps=rate_rps,
            timed=_timed(plan, placement, length_s=length_s, hours=hours, trace=trace),
            timeout_s=timeout_s,
            inputs=inputs,
            served_model=served_model,
            served_names=_served_names(plan, placement),
            model=_model_at_hand(plan, workload, folders),
            then_alone=then_alone,
        ),
        site=site,
        way=_way(plan, placement) if emulates_network else None,
        now=utc_now,
        on_stage=on_stage,
    )


def _way(plan: "PlanDocument", placement: "PlanPlacement") -> "Way":
    """The way to a placement, as it is emulated.

    Raises:
        SpecError: The plan does not carry its document, or the way is not known any more.
    """
    from planner.pipeline.rehearsing.way import way_to  # noqa: PLC0415  # few ask
    from profilers.emulators.network import way_of  # noqa: PLC0415

    path, payload_bytes = way_to(plan, placement, catalog())
    return way_of(path, payload_bytes=payload_bytes)


def _timed(
    plan: "PlanDocument",
    placement: "PlanPlacement",
    *,
    length_s: float,
    hours: Hours,
    trace: Path | None,
) -> "Timed | None":
    """Instants to send at; None: a steady stream."""
    from planner.pipeline.rehearsing import load_traffic  # noqa: PLC0415  # numpy
    from planner.specs.traces import read_trace  # noqa: PLC0415
    from profilers.verifying.arrivals import Timed  # noqa: PLC0415

    if trace is not None:
        found = load_traffic.trace_load(
            placement, read_trace(trace, placement.workload), length_s=length_s, seed=0
        )
    elif hours == "all":
        found = load_traffic.all_hours_load(plan, placement, length_s=length_s, seed=0)
    elif hours is not None:
        found = load_traffic.hour_load(
            plan, placement, hour=hours, length_s=length_s, seed=0
        )
    else:
        return None
    sent = found.arrivals
    return Timed(
        due_s=sent.at_s,
        length_s=sent.span_s,
        words=found.words,
        prompt_tokens=_whole(sent.prompt_tokens),
        output_tokens=_whole(sent.output_tokens),
    )


def _whole(counts: "Floats | None") -> list[int] | None:
    return None if counts is None else [max(round(c), 1) for c in counts.tolist()]


def _served_names(plan: "PlanDocument", placement: "PlanPlacement") -> tuple[str, ...]:
    """What the plan's manifests call the model of a placement where they serve it."""
    from planner.manifests.layout import lay_out  # noqa: PLC0415

    try:
        placed = lay_out(plan).placed
    except ManifestError:
        # A plan that cannot be written out was not deployed from its manifests.
        return ()
    return tuple(p.name for p in placed if p.placement == placement)


def keeping(
    plan: "PlanDocument",
    url: str,
    workload: str,
    *,
    site: str | None,
    folders: Sequence[Path],
    device: str | None,
) -> Callable[["Tried"], str]:
    """What will keep a verification as a profile and say what it kept.

    Raises:
        SpecError: The device must be named.
        ModelLoadError: The model's files, under whose content it is kept, are not here.
        MissingExtraError: aiohttp is not installed.
    """
    _require("aiohttp", "verify", "planner verify")
    from profilers.store import ProfileStore  # noqa: PLC0415  # a plugin
    from profilers.verifying.keeping import device_of, keep  # noqa: PLC0415  # a plugin
    from profilers.verifying.promise import promise_of  # noqa: PLC0415  # a plugin

    planned = promise_of(plan, workload, site=site).placement.device
    runs_on = device_of(url, planned, named=device)
    model = _model_at_hand(plan, workload, folders)
    if model is None:
        raise ModelLoadError(
            "nothing could be stored: a profile is kept under its model's content, and "
            "the files are not here; name the spec's folder with --models"
        )
    kept = ProfileStore(store_path())
    return lambda tried: keep(tried, kept, model=model, device=runs_on)


def _model_at_hand(
    plan: "PlanDocument", workload: str, folders: Sequence[Path]
) -> "UserModel | None":
    """The workload's own model; None where it is a published one or its files elsewhere.

    Raises:
        ModelLoadError: The one folder that was named does not hold it.
    """
    from profilers.serving.folder import model_folder, user_model  # noqa: PLC0415  # a plugin

    names = {w.model for w in plan.workloads if w.name == workload}
    own = [m for m in plan.models if m.name in names and m.source in OWN]
    if not own:
        return None
    try:
        return user_model(own[0], model_folder(own[0], folders))
    except ModelLoadError:
        if len(folders) == 1:
            raise
        return None


def _require(package: str, extra: str, needed_for: str) -> None:
    import importlib.util  # noqa: PLC0415  # only for what is optional

    if importlib.util.find_spec(package) is None:
        raise MissingExtraError(package, extra, needed_for)
