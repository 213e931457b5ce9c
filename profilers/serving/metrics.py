"""What a replica counts for Prometheus, whichever way its requests come.

ray_planner_request_latency_ms   histogram, by application and status
ray_planner_requests_in_flight   gauge, by application
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from ray.util.metrics import Gauge, Histogram

from planner.units import milliseconds

_BOUNDARIES_MS: Final[list[float]] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000]
_FAILED: Final = 500


@dataclass(slots=True)
class Outcome:
    """How a request ended, as far as it is known by now."""

    status: int = _FAILED


class Metrics:
    """The counters of a replica of an application."""

    def __init__(self, application: str) -> None:
        self._latency = Histogram(
            "planner_request_latency_ms",
            description="Milliseconds from a request's arrival to its answer.",
            boundaries=_BOUNDARIES_MS,
            tag_keys=("application", "status"),
        )
        self._in_flight = Gauge(
            "planner_requests_in_flight",
            description="Requests that wait or are answered now.",
            tag_keys=("application",),
        )
        self._latency.set_default_tags({"application": application})
        self._in_flight.set_default_tags({"application": application})
        self._n_in_flight = 0

    @contextmanager
    def counted(self) -> Iterator[Outcome]:
        """Count a request; whoever answers it notes the status."""
        began_s = time.perf_counter()
        self._move(1)
        outcome = Outcome()
        try:
            yield outcome
        finally:
            self._move(-1)
            took_ms = milliseconds(time.perf_counter() - began_s)
            self._latency.observe(took_ms, {"status": str(outcome.status)})

    def _move(self, by: int) -> None:
        self._n_in_flight += by
        self._in_flight.set(self._n_in_flight)
