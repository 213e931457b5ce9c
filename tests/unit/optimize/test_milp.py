"""The door to PuLP tells optimal from infeasible, and proves what it says."""

import subprocess
import sys

import pytest

from planner.domain.placement import Verdict
from planner.optimize.milp import Milp

SOLVERS = ["highs", "cbc"]


def knapsack_cover():
    """Cover 7 with boxes of 3 (price 2) and 5 (price 3): one of each costs 5."""
    milp = Milp("cover")
    small = milp.variable("small", integer=True)
    large = milp.variable("large", integer=True)
    milp.require("demand", [(3.0, small), (5.0, large)], ">=", 7.0)
    milp.minimise([(2.0, small), (3.0, large)])
    return milp, small, large


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_optimum_comes_with_its_bound(solver):
    milp, small, large = knapsack_cover()

    answer = milp.solve(time_limit_s=10, solver=solver)

    assert answer.certificate.verdict is Verdict.OPTIMAL
    assert answer.certificate.objective_value == pytest.approx(5.0)
    assert answer.certificate.bound_value == pytest.approx(5.0)
    assert (round(answer[small]), round(answer[large])) == (1, 1)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_contradiction_is_an_answer(solver):
    milp, small, _ = knapsack_cover()
    milp.require("stock", [(1.0, small)], ">=", 3.0)
    milp.require("stock", [(1.0, small)], "<=", 2.0)

    answer = milp.solve(time_limit_s=10, solver=solver)

    assert answer.certificate.verdict is Verdict.INFEASIBLE


def test_the_first_solve_of_a_process_prints_nothing():
    script = (
        "from planner.optimize.milp import Milp\n"
        "milp = Milp('m')\n"
        "x = milp.variable('x', integer=True)\n"
        "milp.require('demand', [(3.0, x)], '>=', 7.0)\n"
        "milp.minimise([(2.0, x)])\n"
        "milp.solve(time_limit_s=10)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout == ""
