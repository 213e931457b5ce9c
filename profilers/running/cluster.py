"""This program's connection to Ray: the cluster at an address, or a runtime of its own.

Without an address a runtime is started on this machine and ended again, without
dashboard, usage reports or logs on the terminal. A runtime that the program already
has is used and left alone.
"""

import logging
import os
import socket
from importlib.resources import files

import ray
from ray.exceptions import RayError

from planner.errors import DeviceUnavailableError
from profilers.running.process import one_line

# Tasks and results are small; more would only outgrow a container's /dev/shm.
OBJECT_STORE_BYTES = 256 * 1024**2
CONNECT_TIMEOUT_S = 10.0
# What tasks and actors are made of; other nodes need not have it installed.
_OUR_PACKAGES = ("planner", "profilers")


def connect(address: str | None, *, n_cpus: int, instead: str) -> bool:
    """Connect where there is no connection yet; whether it is ours to end.

    Raises:
        DeviceUnavailableError: Ray cannot be started or reached; `instead` is how to
            do without.
    """
    if ray.is_initialized():
        return False
    try:
        if address is not None:
            _join(address)
        else:
            _start(n_cpus)
    except (RayError, OSError, RuntimeError, ValueError, TimeoutError) as error:
        raise DeviceUnavailableError(
            f"Ray on {address or 'this machine'} does not answer "
            f"({one_line(str(error))}); check the address, or {instead}"
        ) from error
    # Ray prints the death of a worker on stdout whatever `log_to_driver` says,
    # and stdout belongs to the planner's document (2.60).
    ray._private.worker._worker_logs_enabled = False
    return True


def disconnect() -> None:
    """End the runtime or connection that `connect` said was ours."""
    ray.shutdown()
    ray._private.worker._worker_logs_enabled = True


def _join(address: str) -> None:
    _require_listener(address)
    ray.init(
        address=address,
        runtime_env={"py_modules": [str(files(name)) for name in _OUR_PACKAGES]},
        log_to_driver=False,
        logging_level=logging.ERROR,
    )


def _start(n_cpus: int) -> None:
    # Loopback only, for minutes; a token file left behind would turn
    # authentication on for the user's later clusters.
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # What is measured gives way to nobody, as what is served later.
    os.environ.setdefault("RAY_worker_niceness", "0")
    ray.init(
        address="local",
        num_cpus=n_cpus,
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )


def _require_listener(address: str) -> None:
    """Ray itself takes two minutes to find nobody there, and then exits the program."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdigit():
        where = (host.strip("[]"), int(port))
        socket.create_connection(where, timeout=CONNECT_TIMEOUT_S).close()
