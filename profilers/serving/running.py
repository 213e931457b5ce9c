"""Run a Ray Serve config in this process's own Ray, until told to stop.

A dashboard would take memory that a small box needs, so there is none; metrics are
Ray's own, in Prometheus' format, on a port of their own.

Ray's settings for throughput hold, and no line is logged for each request: they halve
what a request costs beside the model (LEAN). Replicas keep the memory that they freed, as
what was profiled did (`profilers.measuring.allocator`). Whoever sets one in the environment has
decided otherwise.
"""

import importlib
import os
import re
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import ray
from pydantic import ValidationError
from ray import serve
from ray.serve.config import ProxyLocation
from ray.serve.schema import ServeApplicationSchema, ServeDeploySchema

from planner.domain.servers import KEEPS_FREED_MEMORY
from planner.errors import SpecError, SpecFileError
from planner.specs.load import read_document
from planner.specs.serving import Listen, ServingArgs

METRICS_PORT: Final = 8080
IMPORT_PATH: Final = "profilers.serving.app:build"
# Each application's class, which Ray is given by its module.
_SERVERS: Final = {
    IMPORT_PATH: ("profilers.serving.app", "ModelServer"),
    "profilers.serving.language:build": (
        "profilers.serving.language",
        "LanguageServer",
    ),
}
_ERROR_CLASS: Final = re.compile(r"^[\w.]+(Error|Exception): ")
# Processor time a request costs in the proxy and in the replica of a small MLP, measured
# 2026-11-24 on two shared x86-64 cores, Ray 2.60, 16 requests in flight: 7.2 + 10.5 ms
# without, 4.8 + 6.8 ms with them. Without a proxy the replica takes 0.6 ms for 19 KiB of
# bare numbers and 2.6 ms for the same as JSON (4 in flight). Ray's throughput settings
# alone would have replicas listen on every interface. Workers are 15 nicer than whatever
# else runs unless told otherwise: a small CNN answered 300 requests/s so, 379 without.
LEAN: Final = {
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_ENABLE_DIRECT_INGRESS": "0",
    "RAY_worker_niceness": "0",
}


def read_config(path: Path) -> ServeDeploySchema:
    """The config file, by Ray's own schema.

    Raises:
        SpecFileError: It cannot be read or is not one.
    """
    return parse_config(read_document(path), document=str(path))


def parse_config(plain: object, *, document: str) -> ServeDeploySchema:
    """Plain data as a config, by Ray's own schema.

    Raises:
        SpecFileError: It is not one.
    """
    try:
        return ServeDeploySchema.model_validate(plain)
    except (ValidationError, TypeError) as error:
        raise SpecFileError(f"not a Ray Serve config: {error}", document) from None


def run(
    config: ServeDeploySchema,
    *,
    metrics_port: int,
    on_ready: Callable[[], None],
    n_cpus: int | None = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C, which drain and end it.

    `n_cpus` is what Ray believes this machine has; None: what it finds.

    Raises:
        SpecError: An application is not of this server.
        RuntimeError: A replica cannot start; Ray's message says why.
    """
    start_lean()
    try:
        ray.init(
            address="local",
            num_cpus=n_cpus,
            include_dashboard=False,
            _metrics_export_port=metrics_port,
        )
        stop = _stop_signal()
        deploy(config)
        on_ready()
        stop.wait()
        serve.shutdown()  # type: ignore[no-untyped-call]  # Ray has no types here
    finally:
        ray.shutdown()


def start_lean() -> None:
    """Settings that the processes of a Ray which is started next will have."""
    for name, value in {**LEAN, **KEEPS_FREED_MEMORY}.items():
        os.environ.setdefault(name, value)


def deploy(config: ServeDeploySchema) -> None:
    """Start the config's applications on the Ray that is connected, until healthy.

    Without a proxy (`proxy_location: Disabled`) the one replica listens itself.

    Raises:
        SpecError: An application is not of this server, or one replica is too few.
        RuntimeError: A replica cannot start, and why.
    """
    http = config.http_options
    listen = None
    if config.proxy_location == ProxyLocation.Disabled:
        _require_one_replica(config)
        listen = Listen(host=http.host, port=http.port)
    applications = [bound(a, listen=listen) for a in config.applications]
    serve.start(
        proxy_location=config.proxy_location,
        http_options={"host": http.host, "port": http.port},
    )
    for told, application in zip(config.applications, applications, strict=True):
        try:
            serve.run(application, name=told.name, route_prefix=told.route_prefix)
        except RuntimeError as failure:
            raise RuntimeError(_reason(told.name) or str(failure)) from None


def _reason(name: str) -> str:
    """Why an application's replicas do not start: the end of the traceback that Ray keeps."""
    status = serve.status().applications.get(name)
    deployments = () if status is None else status.deployments.values()
    lines = [line for d in deployments for line in d.message.splitlines() if line]
    return _ERROR_CLASS.sub("", lines[-1]) if lines else ""


def _require_one_replica(config: ServeDeploySchema) -> None:
    """Nobody would choose between several.

    Raises:
        SpecError: There are several.
    """
    deployments = [d for a in config.applications for d in a.deployments]
    options = [d.model_dump(exclude_unset=True) for d in deployments]
    if len(options) != 1 or options[0].get("num_replicas") != 1:
        raise SpecError(
            "without a proxy (proxy_location: Disabled) one replica of one application "
            "listens itself: set proxy_location: EveryNode for more"
        )


def bound(
    application: ServeApplicationSchema, *, listen: Listen | None = None
) -> serve.Application:
    """The application with its config, as Ray runs it.

    Raises:
        SpecError: It is not of this server.
    """
    if application.import_path not in _SERVERS or len(application.deployments) != 1:
        raise SpecError(
            f"application '{application.name}' is not of this server: deploy it with "
            "Ray's own `serve deploy`"
        )
    # Ray ships the class by reference only when it is not defined in __main__.
    module, name = _SERVERS[application.import_path]
    server: Any = getattr(importlib.import_module(module), name)
    options = application.deployments[0].model_dump(exclude_unset=True)
    options.setdefault("logging_config", {"enable_access_log": False})
    args = ServingArgs.model_validate(application.args)
    return server.options(**options).bind(args, listen)  # type: ignore[no-any-return]  # Ray has no types


def _stop_signal() -> threading.Event:
    """Set when the process is told to end; after `ray.init`, which sets its own."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
