"""A batching server, event by event: it shares no code with the planner.

Ciw serves one customer at a time and has no rule to start a batch (its batches are
of arrivals), so it cannot be the oracle for batch sizes above one; it is for the rest.
"""

import datetime as dt
from bisect import bisect_right
from collections.abc import Callable

import numpy as np
import pytest

from planner.domain.evidence import Evidence, Provenance
from planner.domain.hardware import NetworkPath
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.domain.variants import Precision, Runtime, Variant

EVIDENCE = Evidence(
    provenance=Provenance.MEASURED,
    source="made up for a test",
    as_of=dt.date(2026, 1, 1),
    error_frac=0.0,
)


@pytest.fixture
def no_network() -> NetworkPath:
    return NetworkPath(
        rtt_s=0.0, transfer_s=0.0, uplink_load_frac=0.0, source="same machine"
    )


@pytest.fixture
def profile_of() -> Callable[[dict[int, float]], BatchProfile]:
    def build(p50_s: dict[int, float], **ratios: float) -> BatchProfile:
        return BatchProfile(
            model="m",
            variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH),
            device="d",
            evidence=EVIDENCE,
            points=tuple(
                ServicePoint(
                    batch=b, p50_s=t, **{f"{k}_s": r * t for k, r in ratios.items()}
                )
                for b, t in p50_s.items()
            ),
        )

    return build


def serve_batches(
    rng: np.random.Generator,
    *,
    rate_rps: float,
    max_batch: int,
    max_wait_s: float,
    draw_s: Callable[[int], float],
    n_requests: int,
) -> np.ndarray:
    """Sojourns of requests, the first tenth left out."""
    arrived_s = np.cumsum(rng.exponential(1 / rate_rps, n_requests))
    came = arrived_s.tolist()
    free_s, first, done_s, sizes = 0.0, 0, [], []
    while first < n_requests:
        last = first + max_batch - 1
        filled_s = came[last] if last < n_requests else np.inf
        start_s = max(free_s, min(came[first] + max_wait_s, filled_s))
        size = bisect_right(came, start_s, first, min(n_requests, last + 1)) - first
        free_s = start_s + draw_s(size)
        done_s.append(free_s)
        sizes.append(size)
        first += size
    return (np.repeat(done_s, sizes) - arrived_s)[n_requests // 10 :]


@pytest.fixture
def simulate() -> Callable[..., np.ndarray]:
    return serve_batches
