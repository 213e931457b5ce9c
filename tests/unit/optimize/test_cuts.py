"""Rows that whole machines imply: no plan breaks them, and fractions of machines do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.domain.hardware import Purchase
from planner.domain.placement import Limits, PlacementProblem
from planner.optimize import cuts
from planner.optimize.placement import variables
from planner.optimize.rows import add_rows
from tests.support.placements import candidate, offer

PURCHASES = [Purchase.ON_DEMAND, Purchase.SPOT, Purchase.BY_REQUEST]


@st.composite
def markets(draw):
    """One or two workloads, machines of many sizes, some spot, some by request."""
    columns = []
    for i in range(draw(st.integers(2, 5))):
        purchase = draw(st.sampled_from(PURCHASES))
        called = purchase is Purchase.BY_REQUEST
        sold = offer(f"o{i}", 0.0 if called else float(draw(st.integers(1, 9))), purchase=purchase)  # fmt: skip
        columns += [
            candidate(
                w,
                sold,
                float(draw(st.integers(1, 12))),
                usd_per_request=0.0005 if called else 0.0,
            )
            for w in "ab"
        ]
    columns += [candidate(w, offer("always", 11.0), 5.0) for w in "ab"]
    rate = st.integers(1, 20).map(lambda r: r / 2)
    return PlacementProblem(
        rate_rps={w: (draw(rate),) for w in "ab"},
        candidates=tuple(columns),
        stock={},
        uplink_bytes_per_s={},
        limits=Limits(spot_share_frac=draw(st.sampled_from([None, 0.25, 0.5]))),
    )


def built(problem):
    model = variables(problem, problem.candidates)
    add_rows(model)
    model.milp.minimise(model.cost())
    return model


def best(model):
    return model.milp.solve(time_limit_s=30).certificate.objective_value


def tightened(problem):
    model = built(problem)
    cuts.tighten(model, lambda: model.milp.relaxed(time_limit_s=30))
    return model


@given(markets())
@settings(max_examples=60, deadline=None)
def test_the_best_plan_breaks_none_of_them(problem):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuts, "LEAST_MACHINE_COLUMNS", 0)
        model = tightened(problem)

    assert best(model) == pytest.approx(best(built(problem)), rel=1e-6)


def test_a_fraction_of_a_large_machine_beside_a_small_one_costs_a_whole_one(
    monkeypatch,
):
    """12 requests/s on machines of 10 (9 USD) or 4 (4 USD): three small ones, 12 USD.

    Without whole numbers 1.2 large ones do at 10.8 USD; the row of one candidate alone
    asks ⌈1.2⌉ = 2 of these, which a small one beside them goes round.
    """
    columns = (
        candidate("a", offer("large", 9.0), 10.0),
        candidate("a", offer("small", 4.0), 4.0),
    )
    problem = PlacementProblem(
        rate_rps={"a": (12.0,)}, candidates=columns, stock={}, uplink_bytes_per_s={}
    )
    monkeypatch.setattr(cuts, "LEAST_MACHINE_COLUMNS", 0)
    loose, _ = built(problem).milp.relaxed(time_limit_s=30)
    tight, _ = tightened(problem).milp.relaxed(time_limit_s=30)

    assert best(built(problem)) == pytest.approx(730 * 12.0)
    assert loose < 0.97 * 730 * 12.0
    assert loose < tight <= 730 * 12.0 * (1 + 1e-9)
