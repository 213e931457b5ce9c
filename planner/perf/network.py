"""What the way to the server adds: a constant, and the wait for a shared uplink.

    network = rtt + transfer + wait for the uplink

The uplink is an M/D/1 queue: every transfer takes `transfer_s`, and
`uplink_load_frac` is the share of time that transfers keep it busy. Its wait is
taken as independent of what happens at the server, as strata of its exact
distribution (Crommelin's, see `planner.perf.queues`), each at its middle quantile.
"""

from functools import lru_cache
from typing import Final

import numpy as np

from planner.domain.hardware import NetworkPath
from planner.perf.queues import Deterministic
from planner.perf.service import Floats

# Survival probabilities of neighbouring strata: the tail as fine as the body.
_SURVIVAL_RATIO: Final = 0.9
N_STRATA: Final = 56
# A stratum is a tenth wide: its middle needs no more than 2**-20 of a transfer time.
_HALVINGS: Final = 20


@lru_cache(maxsize=256)
def uplink_wait_strata(load_frac: float) -> tuple[Floats, Floats]:
    """Waits, in transfer times, and their probabilities; the first is no wait at all."""
    queue = Deterministic(rate_rps=load_frac, service_s=1.0)
    edges = load_frac * _SURVIVAL_RATIO ** np.arange(N_STRATA)
    masses = np.concatenate(([1 - load_frac], edges[:-1] - edges[1:], edges[-1:]))
    middle = edges * (1 + _SURVIVAL_RATIO) / 2
    waits = np.array(
        [
            0.0,
            *(queue.wait_quantile_s(1 - float(m), halvings=_HALVINGS) for m in middle),
        ]
    )
    # The open last stratum carries what the others leave of the exact mean.
    rest = queue.mean_wait_s - float(waits[:-1] @ masses[:-1])
    waits[-1] = max(rest / masses[-1], waits[-2])
    return waits, masses


def is_uplink_shared(path: NetworkPath) -> bool:
    """Whether requests may have to wait for the uplink."""
    return path.uplink_load_frac > 0 and path.transfer_s > 0


def constant_s(path: NetworkPath) -> float:
    """What every request spends on the way."""
    return path.rtt_s + path.transfer_s


def delays_s(path: NetworkPath) -> tuple[Floats, Floats]:
    """Network delays and their probabilities; one delay where no uplink is shared."""
    if not is_uplink_shared(path):
        return np.array([constant_s(path)]), np.ones(1)
    waits, masses = uplink_wait_strata(path.uplink_load_frac)
    return constant_s(path) + waits * path.transfer_s, masses


def mean_transfer_s(path: NetworkPath) -> float:
    """Mean time for the payload, the wait for the uplink included."""
    if not is_uplink_shared(path):
        return path.transfer_s
    queue = Deterministic(rate_rps=path.uplink_load_frac, service_s=1.0)
    return path.transfer_s * (1 + queue.mean_wait_s)
