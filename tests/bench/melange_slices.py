"""Mélange's problems, in shares and in its own slices: python tests/bench/melange_slices.py

Made-up problems of its shape (buckets of input by output sizes, GPU kinds, a rate):
throughput falls with the sizes and rises with the price, each GPU with a taste of its
own for short and long requests, so that no kind is best at everything. Clocks start
when a tiny problem has been solved and all libraries are loaded. The baseline is
the formulation that Mélange publishes, every slice of a bucket given whole to one GPU
kind, four slices a bucket as its README advises, solved by CBC as it does.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median

import numpy as np
import pulp
from instances import DAY
from specs import BenchSpec, Clock, Run, Way, print_table, timed

from planner.domain.placement import PlacementProblem, Solution
from planner.importers.melange import Melange, MelangeDocument, placement_problem
from planner.optimize.placement import place

LIMIT_S = 60.0
SLICES = 4


@dataclass(frozen=True)
class Size:
    """Buckets a side, GPU kinds, requests/s."""

    side: int
    gpus: int
    rate_rps: float

    def __str__(self) -> str:
        return f"{self.side}x{self.side}x{self.gpus} {self.rate_rps:g}/s"


def build(size: Size) -> MelangeDocument:
    rng = np.random.default_rng([size.side, size.gpus, int(size.rate_rps)])
    tokens = 25.0 * 2 ** (7.0 * np.arange(size.side) / (size.side - 1))
    share = np.outer(*(rng.dirichlet(np.full(size.side, 2.0)) for _ in range(2)))
    share = share * rng.uniform(0.5, 1.5, share.shape)
    gpus = {}
    for g in range(size.gpus):
        power = 2.0 ** rng.uniform(0, 4)
        long_ones = rng.uniform(-0.15, 0.15)
        work = (tokens[:, None] * 0.1 + tokens[None, :]) / 1000
        tputs = 2.0 * power * work ** -(1.0 + long_ones)
        gpus[f"gpu{g}"] = {
            "cost": round(float(0.5 * power**0.95 * rng.uniform(0.85, 1.15)), 2),
            "tputs": tputs.tolist(),
        }
    return MelangeDocument.model_validate(
        {
            "gpu_info": gpus,
            "workload_distribution": (share / share.sum()).tolist(),
            "total_request_rate": size.rate_rps,
            "slice_factor": SLICES,
        }
    )


def in_slices(document: MelangeDocument, clock: Clock) -> Run:
    """Binary slices through PuLP and CBC, from the published formulation."""

    def whole() -> tuple[float, int]:
        problem = pulp.LpProblem("slices", pulp.LpMinimize)
        gpus = list(document.gpu_info.values())
        n = [problem.add_variable(f"n_{g}", 0, None, pulp.LpInteger) for g in range(len(gpus))]  # fmt: skip
        load: list[list[tuple[pulp.LpVariable, float]]] = [[] for _ in gpus]
        for s, (i, j, rps) in enumerate(_slices(document)):
            x = [problem.add_variable(f"x_{s}_{g}", 0, 1, pulp.LpInteger) for g in range(len(gpus))]  # fmt: skip
            problem += pulp.lpSum(x) == 1
            for g, gpu in enumerate(gpus):
                load[g].append((x[g], rps / gpu.tputs[i][j]))
        for g in range(len(gpus)):
            problem += pulp.LpAffineExpression(load[g]) <= n[g]
        problem.setObjective(pulp.lpSum(v * gpu.cost for v, gpu in zip(n, gpus, strict=True)))  # fmt: skip
        problem.solve(pulp.PULP_CBC_CMD(msg=False, timeLimit=LIMIT_S))
        return float(pulp.value(problem.objective) or np.inf), problem.sol_status

    seconds, (usd_per_h, status) = timed(whole, clock)
    proven = status == pulp.LpSolutionOptimal
    return Run(seconds, {"usd/h": usd_per_h, "proven": "yes" if proven else "no"})


def warmed(way: Way) -> Way:
    return partial(_warmed, way)


def _warmed(way: Way, document: MelangeDocument, clock: Clock) -> Run:
    way(build(Size(side=2, gpus=2, rate_rps=1.0)), clock)
    return way(document, clock)


def _slices(document: MelangeDocument) -> Iterator[tuple[int, int, float]]:
    for i, row in enumerate(document.workload_distribution):
        for j, share in enumerate(row):
            for _ in range(document.slice_factor):
                yield i, j, share * document.total_request_rate / document.slice_factor


def in_shares(document: MelangeDocument, clock: Clock) -> Run:
    def problem() -> PlacementProblem:
        return placement_problem(Melange(document=document, source="bench", read_on=DAY))  # fmt: skip

    seconds, answer = timed(lambda: place(problem(), time_limit_s=LIMIT_S), clock)
    assert isinstance(answer, Solution)
    return Run(
        seconds,
        {
            "usd/h": answer.cost_usd_per_month / 730,
            "gap %": answer.certificate.gap_frac * 100,
        },
    )


SIZES = tuple(
    Size(side=side, gpus=gpus, rate_rps=rate)
    for side, gpus in ((6, 4), (6, 8), (10, 4), (10, 8), (16, 4), (16, 8))
    for rate in (4.0, 32.0, 256.0)
)
SPEC = BenchSpec(
    "Mélange's problems: buckets x buckets x GPU kinds, requests/s",
    build,
    SIZES,
    {"binary slices": warmed(in_slices), "shares": warmed(in_shares)},
)

if __name__ == "__main__":
    runs = print_table(SPEC)
    pairs = [(runs[z, "binary slices"], runs[z, "shares"]) for z in SIZES]
    faster = [slices.seconds / shares.seconds for slices, shares in pairs]
    dearer = [shares.figures["usd/h"] / slices.figures["usd/h"] for slices, shares in pairs]  # fmt: skip
    slowest = max(shares.seconds for _, shares in pairs)
    sys.stdout.write(
        f"\nshares are {median(faster):.0f} times faster in the median; dearest "
        f"{max(dearer):.6f} of the slices' cost; slowest {slowest:.2f} s\n"
    )
