"""What measures the user's own models, and which device this machine is."""

from typing import TYPE_CHECKING, Literal

from planner.errors import SpecError
from planner.reference.catalog import Catalog
from planner.wiring.extras import is_installed, require
from planner.wiring.facts import catalog
from planner.wiring.home import store_path

if TYPE_CHECKING:
    from planner.domain.joining import Joining, Machine
    from planner.domain.profiling import ProfilingJob
    from planner.ports import Profiler
    from profilers.ports import Executor as ProfilingExecutor

Executor = Literal["ray", "local"]


def profiler(
    facts: Catalog,
    *,
    executor: Executor = "ray",
    address: str | None = None,
    weighs_server: bool = False,
    retry_failed: bool = False,
    again: bool = False,
) -> "Profiler":
    """What measures the user's own models: on Ray actors, or in local processes.

    With `retry_failed`, what failed before is tried again, and with `again` everything. What the server costs
    beside a model is known from before, or measured where `weighs_server` and Ray
    Serve is installed.

    Raises:
        MissingExtraError: torch, or Ray where it is asked for, is not installed.
    """
    needed = ["torch"] if executor == "local" else ["torch", "ray"]
    for package in needed:
        require(package, "profile", "profiling your own model")
    from profilers.emulators.emulator import Emulators  # noqa: PLC0415  # heavy
    from profilers.profiler import Profiling  # noqa: PLC0415  # heavy
    from profilers.served import ServedProfiling  # noqa: PLC0415  # heavy
    from profilers.store import ProfileStore  # noqa: PLC0415  # heavy

    store, emulator = ProfileStore(store_path()), Emulators(facts)
    can_serve = all(map(is_installed, ("ray", "uvicorn", "aiohttp")))
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
            again=again,
        ),
        store=store,
        emulator=emulator,
        cores_of=lambda device: facts.device(device).cores,
        weigh=weigh,
    )


def reference_jobs() -> "tuple[ProfilingJob, ...]":
    """Published models that this machine is compared with published devices by."""
    from profilers.emulators import calibration  # noqa: PLC0415  # few ask

    return calibration.jobs(((1, 1),))


def reference_trials() -> tuple[int, float]:
    """How many measurements that takes, and about how many seconds."""
    from profilers.emulators import calibration  # noqa: PLC0415  # few ask

    n_trials = len(calibration.REFERENCES) * len(calibration.PRECISIONS)
    return n_trials, n_trials * calibration.TRIAL_S


def _executor(executor: Executor, address: str | None) -> "ProfilingExecutor":
    if executor == "local":
        from profilers.running.local import LocalExecutor  # noqa: PLC0415  # heavy

        return LocalExecutor()
    from profilers.running.actors import RayExecutor  # noqa: PLC0415  # Ray

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
    cluster = address is not None and judging.Cluster(
        address=address,
        silence=silence(address),
        python_version=python_version,
        ray_version=ray_version,
    )
    return judging.joining(known, self_test(), cluster=cluster or None)


def require_no_other(device: str) -> None:
    """Refuse where this machine cannot be the device that its owner declares it to be.

    Raises:
        UnknownReferenceError: No such device in the catalogue.
        SpecError: This machine is another device.
    """
    from planner.reference.joining import contradictions  # noqa: PLC0415  # few declare
    from profilers.self_test import machine_here  # noqa: PLC0415  # few declare

    found = contradictions(catalog().device(device), machine_here())
    if found:
        raise SpecError(
            f"--as-device (as_device in Python): {'; '.join(found)}. What is "
            "measured here would stand for it in silence: name the device that this "
            "machine is (planner catalog devices), or leave it out"
        )


def unlike(device: str) -> tuple[str, ...]:
    """In what this machine is not like the device that its owner declares it to be.

    Raises:
        UnknownReferenceError: No such device in the catalogue.
        SpecError: This machine is another device.
    """
    from planner.reference.joining import mismatches  # noqa: PLC0415  # few declare
    from profilers.self_test import machine_here  # noqa: PLC0415  # few declare

    require_no_other(device)
    return tuple(mismatches(catalog().device(device), machine_here()))


def share_here() -> float:
    """Processors' worth of time that this process may use, which need not be whole."""
    from profilers.measuring.machine import share_cores  # noqa: PLC0415  # few measure

    return share_cores()


def machine_at(address: str | None) -> "Machine | None":
    """What this machine says that it is; None where a cluster's nodes measure."""
    from profilers.self_test import machine_here  # noqa: PLC0415  # few export

    return None if address is not None else machine_here()


def size_here() -> tuple[int, float]:
    """Processors that this process may use, and bytes of memory of this machine."""
    from profilers.measuring.machine import size  # noqa: PLC0415  # few commands measure

    return size()
