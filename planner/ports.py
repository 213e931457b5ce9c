"""What the planner asks of the world; profilers and cloud adapters answer."""

from collections.abc import Callable, Sequence
from typing import Protocol

from planner.domain.profiling import (
    ProfilingJob,
    ProfilingOutcome,
    ProfilingProgress,
)
from planner.domain.quotes import PriceSnapshot


class Profiler(Protocol):
    """Measures variants of a user's own model."""

    def profile(
        self,
        jobs: Sequence[ProfilingJob],
        *,
        on_progress: Callable[[ProfilingProgress], None],
    ) -> ProfilingOutcome:
        """Profiles of every variant of every job; what is stored is not measured again.

        Raises:
            ProfilingError: Nothing can be measured here at all.
        """
        ...


class PriceSource(Protocol):
    """A provider that can be asked for its prices."""

    def fetch(
        self, regions: Sequence[str], *, on_progress: Callable[[str], None]
    ) -> PriceSnapshot:
        """Prices and shapes of every instance type of the regions, now.

        Raises:
            CloudError: No credentials, no network, throttled, or nonsense prices.
        """
        ...
