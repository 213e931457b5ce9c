"""Processor time of 1,000 distinct capacity queries, by kind; run by hand.

python tests/bench/perf_capacity.py
"""

import datetime as dt
import sys
import time
from collections.abc import Callable

import numpy as np

from planner.domain.evidence import Evidence, Provenance
from planner.domain.hardware import NetworkPath
from planner.domain.placement import BatchPolicy
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.domain.variants import Precision, Runtime, Variant
from planner.perf.capacity import CapacityQuery, capacities_rps

N_QUERIES = 1000
KINDS = {
    "one by one": (1, 0.0),
    "one by one, shared uplink": (1, 0.4),
    "batches up to 8": (8, 0.0),
    "batches up to 32": (32, 0.0),
}


def profile(fixed_s: float, each_s: float, largest: int) -> BatchProfile:
    """A tailed profile with a linear service time."""
    return BatchProfile(
        model="bench",
        variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH),
        device="bench",
        evidence=Evidence(
            provenance=Provenance.MEASURED,
            source="made up for a benchmark",
            as_of=dt.date(2026, 1, 1),
            error_frac=0.0,
        ),
        points=tuple(
            ServicePoint(batch=b, p50_s=t, p90_s=1.1 * t, p99_s=1.5 * t)
            for b in (1, 2, 4, 8, 16, 32)
            if b <= largest and (t := fixed_s + b * each_s)
        ),
    )


def queries(max_batch: int, uplink_load_frac: float) -> list[CapacityQuery]:
    """Queries that share nothing."""
    rng = np.random.default_rng(1)
    path = NetworkPath(
        rtt_s=0.03, transfer_s=0.01, uplink_load_frac=uplink_load_frac, source="bench"
    )
    return [
        CapacityQuery(
            profile=profile(
                rng.uniform(0.002, 0.02), rng.uniform(5e-4, 5e-3), max_batch
            ),
            policy=BatchPolicy(
                max_batch=max_batch, max_wait_s=float(rng.choice([0.0, 0.006]))
            ),
            path=path,
            percentile_frac=0.95,
            limit_s=rng.uniform(0.1, 0.3),
        )
        for _ in range(N_QUERIES)
    ]


def main(clock_s: Callable[[], float]) -> None:
    """Print one line a kind."""
    for name, (max_batch, load_frac) in KINDS.items():
        asked = queries(max_batch, load_frac)
        start_s = clock_s()
        capacities_rps(asked)
        sys.stdout.write(f"{name}: {clock_s() - start_s:.2f} s for {N_QUERIES}\n")


if __name__ == "__main__":
    main(time.process_time)
