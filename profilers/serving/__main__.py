"""Run a Ray Serve config in this process's own Ray: `python -m profilers.serving FILE`.

What a container starts. A dashboard would take memory that a small box needs, so
there is none; metrics are on port 8080, or PLANNER_METRICS_PORT. SIGTERM and Ctrl-C drain and end it.
"""

import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import ray
from pydantic import ValidationError
from ray import serve
from ray.serve.schema import ServeApplicationSchema, ServeDeploySchema

from planner.errors import PlannerError, SpecError, SpecFileError
from planner.specs.load import read_document
from planner.specs.serving import ServingArgs

METRICS_PORT: Final = 8080
IMPORT_PATH: Final = "profilers.serving.app:build"
_log = logging.getLogger("profilers.serving")


def read_config(path: Path) -> ServeDeploySchema:
    """The config file, by Ray's own schema.

    Raises:
        SpecFileError: It cannot be read or is not one.
    """
    try:
        return ServeDeploySchema.model_validate(read_document(path))
    except (ValidationError, TypeError) as error:
        raise SpecFileError(f"not a Ray Serve config: {error}", str(path)) from None


def deploy(config: ServeDeploySchema) -> None:
    """Start the config's applications on the Ray that is connected, until healthy.

    Raises:
        SpecError: An application is not of this server.
        RuntimeError: A replica cannot start; Ray's message says why.
    """
    http = config.http_options
    serve.start(
        proxy_location=config.proxy_location,
        http_options={"host": http.host, "port": http.port},
    )
    for application in config.applications:
        serve.run(
            _bound(application),
            name=application.name,
            route_prefix=application.route_prefix,
        )


def _bound(application: ServeApplicationSchema) -> serve.Application:
    if application.import_path != IMPORT_PATH or len(application.deployments) != 1:
        raise SpecError(
            f"application '{application.name}' is not of this server: deploy it with "
            "Ray's own `serve deploy`"
        )
    # Ray ships the class by reference only when it is not defined in __main__.
    server: Any = importlib.import_module("profilers.serving.app").ModelServer
    options = application.deployments[0].model_dump(exclude_unset=True)
    args = ServingArgs.model_validate(application.args)
    return server.options(**options).bind(args)  # type: ignore[no-any-return]  # Ray has no types


def _stop_signal() -> threading.Event:
    """Set when the process is told to end; after `ray.init`, which sets its own."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def main(arguments: Sequence[str]) -> int:
    """Serve until told to stop; the exit code is that of the planner's errors."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if len(arguments) != 1:
        _log.error("usage: python -m profilers.serving CONFIG_FILE")
        return 2
    try:
        config = read_config(Path(arguments[0]))
        ray.init(
            address="local",
            include_dashboard=False,
            _metrics_export_port=int(
                os.environ.get("PLANNER_METRICS_PORT", METRICS_PORT)
            ),
        )
        stop = _stop_signal()
        deploy(config)
        _log.info("serving %d application(s)", len(config.applications))
        stop.wait()
        serve.shutdown()  # type: ignore[no-untyped-call]  # Ray has no types here
    except (PlannerError, RuntimeError) as error:
        _log.error("%s", error)
        return error.exit_code if isinstance(error, PlannerError) else 3
    finally:
        ray.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
