"""The door to PuLP tells optimal from infeasible, and proves what it says."""

import subprocess
import sys

import numpy as np
import pytest

from planner.domain.placement import Verdict
from planner.errors import SolverTimeoutError
from planner.optimize.program import Milp
from planner.optimize.terms import terms

SOLVERS = ["highs", "cbc"]


def knapsack_cover(copies=1):
    """Cover 7 with boxes of 3 (price 2) and 5 (price 3): one of each costs 5."""
    milp = Milp()
    boxes = milp.variables((copies, 2), integer=True)
    rows = np.arange(copies)[:, None]
    milp.require(terms(boxes, [3.0, 5.0], row=rows), ">=", np.full(copies, 7.0))
    milp.minimise(terms(boxes, [2.0, 3.0]))
    return milp, boxes


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_optimum_comes_with_its_bound(solver):
    milp, boxes = knapsack_cover()

    answer = milp.solve(time_limit_s=10, solver=solver)

    assert answer.certificate.verdict is Verdict.OPTIMAL
    assert answer.certificate.objective_value == pytest.approx(5.0)
    assert answer.certificate.bound_value == pytest.approx(5.0)
    assert np.round(answer.values[boxes]).tolist() == [[1, 1]]


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_contradiction_is_an_answer(solver):
    milp, boxes = knapsack_cover()
    milp.require(terms(boxes[0, 0]), ">=", 3.0)
    milp.require(terms(boxes[0, 0]), "<=", 2.0)

    answer = milp.solve(time_limit_s=10, solver=solver)

    assert answer.certificate.verdict is Verdict.INFEASIBLE


@pytest.mark.parametrize("solver", SOLVERS)
def test_parts_that_share_no_row_add_up(solver):
    milp, boxes = knapsack_cover(copies=3)

    answer = milp.solve(time_limit_s=10, solver=solver)

    assert answer.certificate.objective_value == pytest.approx(15.0)
    assert answer.certificate.bound_value == pytest.approx(15.0)
    assert np.round(answer.values[boxes]).tolist() == [[1, 1]] * 3


def test_one_part_without_an_answer_leaves_the_whole_without():
    milp, boxes = knapsack_cover(copies=2)
    milp.require(terms(boxes[1]), "<=", 1.0)

    assert milp.solve(time_limit_s=10).certificate.verdict is Verdict.INFEASIBLE


def test_what_is_kept_holds_for_every_part():
    milp, boxes = knapsack_cover(copies=2)
    first = milp.solve(time_limit_s=10)
    milp.keep(first, room_frac=1e-6, least_room=1e-3)
    milp.minimise(terms(boxes[:, 1]))

    answer = milp.solve(time_limit_s=10, start=first.values)

    # A third small box would cost 6 in place of 5, so each part keeps its large one.
    assert answer.certificate.objective_value == pytest.approx(2.0)


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_a_row_of_nothing_holds_only_where_nothing_is_asked(right):
    milp, boxes = knapsack_cover()
    milp.require(terms(boxes[0][:0]), "==", right)

    verdict = milp.solve(time_limit_s=10).certificate.verdict

    assert verdict is (Verdict.INFEASIBLE if right else Verdict.OPTIMAL)


def test_coefficients_of_one_variable_in_one_row_add_up():
    milp = Milp()
    x = milp.variables(1, integer=True)
    milp.require(terms(x, 2.0) + terms(x, 1.0), ">=", 6.0)
    milp.minimise(terms(x, 1.0) + terms(x, 1.0))

    answer = milp.solve(time_limit_s=10)

    assert answer.certificate.objective_value == pytest.approx(4.0)


@pytest.mark.parametrize("solver", SOLVERS)
def test_no_time_is_an_error_that_says_what_to_do(solver):
    rng = np.random.default_rng(1)
    milp = Milp()
    x = milp.variables(60, integer=True)
    rows = np.arange(40)[:, None]
    milp.require(terms(x[None, :], rng.integers(1, 99, (40, 60)), row=rows), ">=", np.full(40, 997.0))  # fmt: skip
    milp.minimise(terms(x, rng.integers(50, 99, 60)))

    with pytest.raises(SolverTimeoutError, match="--time-limit"):
        milp.solve(time_limit_s=0.0, solver=solver)


def test_the_first_solve_of_a_process_prints_nothing():
    script = (
        "from planner.optimize.program import Milp\n"
        "from planner.optimize.terms import terms\n"
        "milp = Milp()\n"
        "x = milp.variables(1, integer=True)\n"
        "milp.require(terms(x, 3.0), '>=', 7.0)\n"
        "milp.minimise(terms(x, 2.0))\n"
        "milp.solve(time_limit_s=10)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout == ""


@pytest.mark.parametrize("threads", [0, 2])
def test_a_process_that_solved_something_of_its_own_before_is_answered(threads):
    """HiGHS keeps its threads for the whole process, and refuses another number of them."""
    script = f"""
import highspy
theirs = highspy.Highs()
theirs.setOptionValue("output_flag", False)
theirs.setOptionValue("threads", {threads})
theirs.addVar(0.0, 1.0)
theirs.changeColsIntegrality(1, [0], [highspy.HighsVarType.kInteger])
theirs.run()

from planner.optimize.program import Milp
from planner.optimize.terms import terms

milp = Milp()
boxes = milp.variables(2, integer=True)
milp.require(terms(boxes, [3.0, 5.0]), ">=", 7.0)
milp.minimise(terms(boxes, [2.0, 3.0]))
assert milp.solve(time_limit_s=10).certificate.objective_value == 5.0
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
