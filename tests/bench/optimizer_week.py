"""A week hour by hour, every way to buy: python tests/bench/optimizer_week.py

Workloads are served on demand, on spot (half of the traffic at most), under one- and
three-year commitments bought in the plan, on boxes of the user's own, or by request.
"""

from instances import week
from specs import BenchSpec, Clock, Run, print_table, timed

from planner.domain.placement import PlacementProblem, Solution
from planner.optimize.columns import undominated
from planner.optimize.placement import place

GAP_FRAC = 1e-3
LIMIT_S = 150.0


def planner(problem: PlacementProblem, clock: Clock) -> Run:
    seconds, answer = timed(
        lambda: place(problem, gap_frac=GAP_FRAC, time_limit_s=LIMIT_S), clock
    )
    assert isinstance(answer, Solution)
    return Run(
        seconds,
        {
            "usd": answer.cost_usd_per_month,
            "gap %": answer.certificate.gap_frac * 100,
            "verdict": answer.certificate.verdict,
            "columns": len(undominated(problem)) * len(problem.blocks),
            "purchases": len(answer.purchases),
        },
    )


SPECS = (
    BenchSpec("168 hours, all purchase options", week, (5, 20), {"planner": planner}),
)

if __name__ == "__main__":
    for spec in SPECS:
        print_table(spec)
