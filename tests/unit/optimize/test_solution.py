"""The plan that the solver's values describe, whole."""

from planner.domain.hardware import Purchase
from planner.domain.placement import Block, Limits, PlacementProblem
from planner.optimize.placement import place
from tests.support.placements import candidate, offer


def test_a_machine_that_stands_by_in_one_hour_block_is_part_of_the_plan():
    """By day a large machine waits for the line to fail, by night a small shared one."""
    called = offer("called", 0.0, purchase=Purchase.BY_REQUEST)
    small, large = offer("small", 0.2), offer("large", 1.0)
    problem = PlacementProblem(
        blocks=(
            Block(name="night", h_per_month=300.0),
            Block(name="day", h_per_month=430.0),
        ),
        rate_rps={"a": (1.0, 10.0), "b": (1.0, 1.0)},
        candidates=(
            candidate("a", called, 100.0, uplink="u"),
            candidate("b", called, 100.0, uplink="u"),
            candidate("a", small, 1.0, pool="small"),
            candidate("b", small, 1.0, pool="small"),
            candidate("a", large, 10.0),
        ),
        stock={},
        uplink_bytes_per_s={},
        limits=Limits(offline_frac={"a": 1.0}),
    )

    plan = place(problem)

    on = {a.candidate.name: a.machines_on for a in plan.assignments}
    assert on["a on small"] == (1, 0)
    assert on["a on large"] == (0, 1)
    assert "b on small" not in on
