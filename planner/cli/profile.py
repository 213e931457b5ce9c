"""`planner profile`: measure the document's own models, and keep what was measured."""

import json as json_text
import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Annotated

import typer

from planner.cli import arguments
from planner.cli.console import show, tell, watching
from planner.cli.documents import deployment
from planner.domain.profiling import LocalRoom, ProfilingJob, ProfilingOutcome
from planner.errors import ProfilingError, SpecError, UnknownReferenceError
from planner.files import write_text
from planner.pipeline.asking.knowledge import profiling_jobs
from planner.pipeline.asking.references import check_references
from planner.reference.catalog import Catalog
from planner.report.outcomes import export_text, outcome_data
from planner.report.profiling import profiling_tables
from planner.specs.load import nearest
from planner.units import BYTES_PER_MIB, S_PER_MIN
from planner.wiring import measuring
from planner.wiring.facts import catalog
from planner.wiring.home import store_path
from planner.wiring.measuring import Executor


def profile(
    spec: arguments.Spec,
    *,
    device: Annotated[
        list[str] | None,
        typer.Option(
            "--device", help="Only these devices ('local' is this machine). Repeatable."
        ),
    ] = None,
    threads: Annotated[
        list[int] | None,
        typer.Option(
            "--threads",
            min=1,
            help="Threads of a replica on 'local': 1, or all cores of --as-device. Repeatable.",
        ),
    ] = None,
    replicas: Annotated[
        list[int] | None,
        typer.Option(
            "--replicas",
            min=1,
            help="Replicas at work at once on 'local', of which one is measured. "
            "Repeatable.",
        ),
    ] = None,
    server: Annotated[
        bool,
        typer.Option(
            "--server/--no-server",
            help="Measure what our server costs beside the model, where it is not known.",
        ),
    ] = True,
    fewer_points: Annotated[
        bool,
        typer.Option(
            "--fewer-points",
            help="Time only the batch sizes that the others cannot be read off from; "
            "planner recommend --fewer-points asks the plan, too, and times fewer.",
        ),
    ] = False,
    cpu_quota: Annotated[
        float | None,
        typer.Option("--cpu-quota", min=0.05, help="Give 'local' so many cores' time."),
    ] = None,
    memory_mib: Annotated[
        float | None,
        typer.Option("--memory-mib", min=64, help="Give 'local' so much memory."),
    ] = None,
    soak_s: Annotated[
        float,
        typer.Option(
            "--soak-s", min=0, help="Keep 'local' busy so long before timing it."
        ),
    ] = 0.0,
    heat_speed: Annotated[
        float | None,
        typer.Option(
            "--heat-speed",
            min=0.05,
            max=1,
            help="The share of its speed that a device has left after --soak-s of load.",
        ),
    ] = None,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed", help="Try again what failed before; at most twice a run."
        ),
    ] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Measure also what is known, in its place: where the machine was busy.",
        ),
    ] = False,
    reference_models: Annotated[
        bool,
        typer.Option(
            "--reference-models",
            help="Also time published models on this machine, once, so that planner "
            "predict can say from those how fast yours are on published devices.",
        ),
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export",
            metavar="FILE",
            help="Also write the profiles here, for planner import profiles elsewhere.",
        ),
    ] = None,
    as_device: Annotated[
        str | None,
        typer.Option(
            "--as-device",
            metavar="NAME",
            help="Declare that this machine is that device of the catalogue; the export "
            "says so.",
        ),
    ] = None,
    json: arguments.Json = False,
    executor: arguments.ExecutorOption = "ray",
    address: arguments.Address = None,
    sets: arguments.Sets = None,
) -> None:
    """Measure every variant of the document's own models; what is known is not measured again."""
    arguments.check_address(address, executor)
    device = _devices(device, as_device)
    rooms = tuple(product(threads or [_threads(as_device, device)], replicas or [1]))
    local = LocalRoom(
        cpu_quota_cores=cpu_quota,
        memory_bytes=None if memory_mib is None else memory_mib * BYTES_PER_MIB,
        soak_s=soak_s,
        heat_speed_frac=heat_speed,
    )
    _check_room(local, rooms, device)
    if address is None:
        _check_machine(local, rooms)
    document, models = deployment(spec, sets)
    facts = catalog()
    check_references(document, facts)
    if not models:
        raise SpecError(f"{spec}: no model of your own, so nothing to measure")
    profiler = measuring.profiler(
        facts,
        executor=executor,
        address=address,
        weighs_server=server,
        retry_failed=retry_failed,
        again=again,
    )
    within = _within(local)
    declared = () if as_device is None else measuring.unlike(as_device)
    unlike = (*declared, *within)
    for difference in () if as_device is None else unlike:
        tell(f"planner: {difference}; the export will say so", err=True)
    reachable = profiler.reachable_devices()
    jobs = profiling_jobs(document, facts, models, reachable)
    chosen = _chosen(jobs, device, reachable) if device else jobs
    chosen = tuple(
        replace(j, rooms=rooms, fewer_points=fewer_points, local=local) for j in chosen
    )
    if reference_models:
        _time_references(facts, executor, address, quiet=json)
    with watching(quiet=json) as observer:
        outcome = profiler.profile(chosen, on_progress=observer.profiling)
    machine = measuring.machine_at(address)
    data = outcome_data(outcome, machine=machine, unlike=unlike)
    _tell(outcome, data, within, json=json)
    _require_any(outcome)
    if export is not None:
        write_text(export, export_text(data, declared_device=as_device))
        if not json:
            tell(f"written: {export}; elsewhere: planner import profiles {export.name}")


def _devices(devices: list[str] | None, as_device: str | None) -> list[str] | None:
    """Those that were named; a machine that was declared measures itself alone."""
    if as_device is None:
        return devices
    named = devices or ["local"]
    if "local" not in named:
        raise SpecError(
            f"--as-device {as_device} says what 'local' is, which is not among the "
            "devices: add --device local, or leave --as-device out"
        )
    return named


def _time_references(
    facts: Catalog, executor: Executor, address: str | None, *, quiet: bool
) -> None:
    """Time the published models that are not yet, in a room of their own."""
    n_trials, about_s = measuring.reference_trials()
    profiler = measuring.profiler(facts, executor=executor, address=address)
    n_left = n_trials - len(profiler.references())
    if n_left:
        minutes = max(1, round(about_s * n_left / n_trials / S_PER_MIN))
        tell(
            f"planner: {n_left} measurements of published models come first, about "
            f"{minutes} min, once for this machine and these versions of its engines",
            err=True,
        )
        with watching(quiet=quiet) as observer:
            timed = profiler.profile(
                measuring.reference_jobs(), on_progress=observer.profiling
            )
        for failure in timed.failures:
            tell(
                f"planner: {failure.model} {failure.variant}: {failure.reason}",
                err=True,
            )
    tell(
        f"planner: {len(profiler.references())} of {n_trials} are known of this machine; "
        "planner predict SPEC --device NAME predicts your models from them",
        err=True,
    )


def _within(local: LocalRoom) -> tuple[str, ...]:
    """The limits that were asked for, in words; empty without any."""
    asked = []
    if local.cpu_quota_cores is not None:
        asked.append(f"{local.cpu_quota_cores:g} cores' time")
    if local.memory_bytes is not None:
        asked.append(f"{local.memory_bytes / BYTES_PER_MIB:.0f} MiB of memory")
    if local.heat_speed_frac is not None:
        asked.append(f"{local.heat_speed_frac:.0%} of its speed")
    if local.soak_s:
        asked.append(f"{local.soak_s:g} s of load before")
    return (f"measured within limits: {', '.join(asked)}",) if asked else ()


def _check_room(
    local: LocalRoom, rooms: tuple[tuple[int, int], ...], devices: list[str] | None
) -> None:
    """Refuse limits that would not be in force, or have no end."""
    if math.isinf(local.soak_s):
        raise SpecError("--soak-s inf never ends: give seconds")
    if local.heat_speed_frac is not None and not local.soak_s:
        raise SpecError(
            "--heat-speed is the speed left after --soak-s of load: give --soak-s, too"
        )
    is_limited = local != LocalRoom() or rooms != ((1, 1),)
    if is_limited and devices and "local" not in devices:
        raise SpecError(
            "--threads, --replicas and the limits are those of 'local', which is not among "
            "the devices: add --device local; a device of the catalogue has its own"
        )


def _threads(as_device: str | None, devices: list[str] | None) -> int:
    """Those that a plan gives a lone replica: a declared device's cores, else one."""
    if as_device is None or "local" not in (devices or ()):
        return 1
    return min(catalog().device(as_device).cores or 1, measuring.size_here()[0])


def _check_machine(local: LocalRoom, rooms: tuple[tuple[int, int], ...]) -> None:
    """Refuse limits above what this machine has, and say where replicas crowd it."""
    share, (_, memory_bytes) = measuring.share_here(), measuring.size_here()
    processors = f"{share:g} processor{'' if share == 1 else 's'}"
    threads, replicas = max(rooms, key=lambda room: room[0] * room[1])
    if threads * replicas > share:
        tell(
            f"planner: {threads} threads × {replicas} replicas share {processors}: "
            "they wait for one another, which a median of short answers does not show",
            err=True,
        )
    if local.cpu_quota_cores is not None and local.cpu_quota_cores > share:
        raise SpecError(
            f"--cpu-quota {local.cpu_quota_cores:g} is more than the {processors} "
            "of this machine: give less, or leave it out"
        )
    if local.memory_bytes is not None and local.memory_bytes > memory_bytes:
        raise SpecError(
            f"--memory-mib {local.memory_bytes / BYTES_PER_MIB:.0f} is more than the "
            f"{memory_bytes / BYTES_PER_MIB:.0f} MiB of this machine: give less, or leave "
            "it out"
        )


def _require_any(outcome: ProfilingOutcome) -> None:
    if outcome.profiles:
        return
    first = outcome.failures[0]
    others = len(outcome.failures) - 1
    raise ProfilingError(
        f"nothing could be measured: {first.model} {first.variant} on {first.device}: "
        f"{first.reason}" + (f"; and {others} more" if others else "")
    )


def _chosen(
    jobs: tuple[ProfilingJob, ...], devices: list[str], reachable: object
) -> tuple[ProfilingJob, ...]:
    known = ["local", *map(str, reachable)] if isinstance(reachable, tuple) else []
    for name in devices:
        if name not in known:
            near = tuple(nearest(name, known) or known[:5])
            raise UnknownReferenceError("device to profile on", name, near)
    return tuple(replace(j, devices=tuple(devices)) for j in jobs)


def _tell(
    outcome: ProfilingOutcome,
    data: Mapping[str, object],
    within: tuple[str, ...],
    *,
    json: bool,
) -> None:
    if json:
        typer.echo(json_text.dumps(data, indent=2, ensure_ascii=False))
        return
    for table in profiling_tables(outcome):
        show(table)
    for limits in within:
        tell(f"'local' was {limits}")
    tell(f"{outcome.n_measured} tried now, {outcome.n_cached} known from before")
    tell(f"kept in {store_path()}")
