"""Simulated requests per second on one core, beside Ciw and SimPy; run by hand.

python tests/bench/simulator.py

The same M/M/c and batch-service queues in one run, each program with as many requests
as it does in some seconds. Compilation is done before the clock starts, as is drawing
arrivals; `times` says how often faster. Ciw serves no batches: SimPy alone stands beside.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import ciw
import numpy as np
import simpy

from planner.domain.placement import BatchPolicy
from planner.domain.workloads import LatencySlo
from planner.simulate.arrivals import arrivals
from planner.simulate.run import run
from planner.simulate.scenario import (
    Batches,
    Group,
    Placed,
    Routing,
    Scenario,
    Stream,
    Way,
)

N_OURS, N_CIW, N_SIMPY = 2_000_000, 20_000, 40_000
LOAD_FRAC = 0.8
REPEATS = 3


@dataclass(frozen=True)
class BenchSpec:
    name: str
    servers: int
    max_batch: int
    routing: Routing


SPECS = (
    BenchSpec("M/M/1, one queue", 1, 1, Routing.SHARED_QUEUE),
    BenchSpec("M/M/4, one queue", 4, 1, Routing.SHARED_QUEUE),
    BenchSpec("M/M/32, one queue", 32, 1, Routing.SHARED_QUEUE),
    BenchSpec("4 × M/M/1, by share", 4, 1, Routing.SHARE),
    BenchSpec("4 × M/M/1, shortest", 4, 1, Routing.LEAST_OUTSTANDING),
    BenchSpec("batches ≤ 8, exponential", 1, 8, Routing.SHARED_QUEUE),
    BenchSpec("batches ≤ 8, by share", 1, 8, Routing.SHARE),
)


def rate_rps(spec: BenchSpec) -> float:
    return LOAD_FRAC * spec.servers * spec.max_batch


def ours(spec: BenchSpec) -> Callable[[], tuple[int, np.ndarray]]:
    survival = np.append(0.9 ** np.arange(150), 0.0)
    knots = -np.log(np.append(survival[:-1], survival[-2] / np.e**2))
    rate = rate_rps(spec)
    scenario = Scenario(
        streams=(
            Stream(
                workload="w",
                slo=LatencySlo(percentile_frac=0.95, latency_s=1.0),
                arrivals=arrivals(
                    [rate], hour_s=N_OURS / rate, rng=np.random.default_rng(1)
                ),
            ),
        ),
        groups=(
            Group(
                name="g",
                machines_on=(spec.servers,),
                routing=spec.routing,
                placements=(
                    Placed(
                        workload="w",
                        way=Way(rtt_s=0.0),
                        service=Batches(
                            strata=1 - survival,
                            knots_s=np.tile(knots, (spec.max_batch, 1)),
                            policy=BatchPolicy(
                                max_batch=spec.max_batch, max_wait_s=0.0
                            ),
                        ),
                        rates_rps=(rate,),
                    ),
                ),
            ),
        ),
    )

    def go() -> tuple[int, np.ndarray]:
        seen = run(scenario, seed=1).requests[0].latency_s
        return seen.size, seen

    return go


def with_ciw(spec: BenchSpec) -> Callable[[], tuple[int, np.ndarray]] | None:
    if spec.max_batch > 1 or spec.routing is not Routing.SHARED_QUEUE:
        return None

    def go() -> tuple[int, np.ndarray]:
        ciw.seed(1)
        network = ciw.create_network(
            arrival_distributions=[ciw.dists.Exponential(rate_rps(spec))],
            service_distributions=[ciw.dists.Exponential(1.0)],
            number_of_servers=[spec.servers],
        )
        simulation = ciw.Simulation(network)
        simulation.simulate_until_max_customers(N_CIW)
        records = simulation.get_all_records()
        return len(records), np.array([r.exit_date - r.arrival_date for r in records])

    return go


class Bakery:
    """A queue and its servers as SimPy processes; batches take what waits."""

    def __init__(self, spec: BenchSpec) -> None:
        rng = np.random.default_rng(1)
        self._gaps_s = rng.exponential(1 / rate_rps(spec), N_SIMPY)
        self._times_s = iter(rng.exponential(1.0, N_SIMPY))
        self._most = spec.max_batch
        self._waiting: list[float] = []
        self._idle: list[simpy.Event] = []
        self.spent: list[float] = []
        self.world = simpy.Environment()
        self.world.process(self._arriving())
        for _ in range(spec.servers):
            self.world.process(self._serving())

    def _arriving(self):
        for gap_s in self._gaps_s:
            yield self.world.timeout(gap_s)
            self._waiting.append(self.world.now)
            if self._idle:
                self._idle.pop().succeed()

    def _serving(self):
        while True:
            if not self._waiting:
                woken = self.world.event()
                self._idle.append(woken)
                yield woken
            batch = self._waiting[: self._most]
            del self._waiting[: self._most]
            yield self.world.timeout(next(self._times_s))
            self.spent.extend(self.world.now - came_s for came_s in batch)


def with_simpy(spec: BenchSpec) -> Callable[[], tuple[int, np.ndarray]] | None:
    if spec.routing is not Routing.SHARED_QUEUE:
        return None

    def go() -> tuple[int, np.ndarray]:
        bakery = Bakery(spec)
        bakery.world.run()
        return len(bakery.spent), np.array(bakery.spent)

    return go


def timed(go: Callable[[], tuple[int, np.ndarray]], clock_s: Callable[[], float]):
    """Requests per second, the best of some, and the 95th percentile."""
    best, seen = 0.0, np.zeros(1)
    for _ in range(REPEATS):
        start_s = clock_s()
        count, seen = go()
        best = max(best, count / (clock_s() - start_s))
    return best, float(np.quantile(seen, 0.95))


def main(clock_s: Callable[[], float]) -> None:
    """Print a line for every queue."""
    head = f"{'':<26}{'requests/s':>12}{'Ciw':>9}{'times':>7}{'SimPy':>9}{'times':>7}"
    sys.stdout.write(f"{head}{'p95: ours':>11}{'Ciw':>8}{'SimPy':>8}\n")
    for spec in SPECS:
        go = ours(spec)
        go()
        rate, p95 = timed(go, clock_s)
        cells, percentiles = f"{rate:>12,.0f}", f"{p95:>11.3f}"
        for rival in (with_ciw(spec), with_simpy(spec)):
            if rival is None:
                cells += f"{'-':>9}{'-':>7}"
                percentiles += f"{'-':>8}"
                continue
            theirs, their_p95 = timed(rival, clock_s)
            cells += f"{theirs:>9,.0f}{rate / theirs:>7.0f}"
            percentiles += f"{their_p95:>8.3f}"
        sys.stdout.write(f"{spec.name:<26}{cells}{percentiles}\n")


if __name__ == "__main__":
    main(time.process_time)
