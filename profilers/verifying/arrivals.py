"""When requests are sent: a Poisson stream, which the plan's capacities assume."""

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
