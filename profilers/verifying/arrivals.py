"""When requests are sent: a Poisson stream, which the plan's capacities assume.

Or instants that were made elsewhere: an hour of the plan's, all its hours, a trace.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Requests are tasks in memory; a million of them is hours of what one sender can do.
MAX_REQUESTS = 1_000_000


def poisson_s(
    rate_rps: float, length_s: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Instants of a Poisson stream within `length_s`, ascending, in seconds.

    Given their number, the instants of a Poisson stream are uniform and independent.
    """
    count = min(int(rng.poisson(rate_rps * length_s)), MAX_REQUESTS)
    return np.sort(rng.uniform(0.0, length_s, size=count))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Timed:
    """Requests to be sent, with their sizes where those are known.

    `words` say what traffic that is.
    """

    due_s: NDArray[np.float64]
    length_s: float
    words: str
    prompt_tokens: Sequence[int] | None = None
    output_tokens: Sequence[int] | None = None

    @property
    def rate_rps(self) -> float:
        """Mean rate."""
        return len(self.due_s) / self.length_s
