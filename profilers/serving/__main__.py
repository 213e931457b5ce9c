"""What a container starts: `python -m profilers.serving FILE`, a Ray Serve config.

Metrics are on port 8080, or PLANNER_METRICS_PORT. SIGTERM and Ctrl-C drain and end it.
"""

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from planner.errors import PlannerError
from profilers.serving.running import METRICS_PORT, read_config, run

_log = logging.getLogger("profilers.serving")


def main(arguments: Sequence[str]) -> int:
    """Serve until told to stop; the exit code is that of the planner's errors."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if len(arguments) != 1:
        _log.error("usage: python -m profilers.serving CONFIG_FILE")
        return 2
    try:
        config = read_config(Path(arguments[0]))
        count = len(config.applications)
        run(
            config,
            metrics_port=int(os.environ.get("PLANNER_METRICS_PORT", METRICS_PORT)),
            on_ready=lambda: _log.info("serving %d application(s)", count),
        )
    except (PlannerError, RuntimeError) as error:
        _log.error("%s", error)
        return error.exit_code if isinstance(error, PlannerError) else 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
