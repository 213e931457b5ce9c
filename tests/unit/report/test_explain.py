"""An explanation reads as what it says."""

import pytest

from planner.report.explain import closing_notes, explanation_tables, opening_line
from planner.specs.explanation import (
    Explanation,
    Flip,
    NearPlan,
    Outcome,
    Steady,
    Worth,
)
from planner.specs.ways_out import Change


def change(to, not_enough=None):
    return Change(field="f", from_=1.0, to=to, unit="times", not_enough=not_enough)


def outcome(to, more):
    cost = None if more is None else 10.0 + more
    return Outcome(
        to=to, cost_usd_per_month=cost, change_usd_per_month=more, aim_change_frac=None
    )


@pytest.fixture
def told():
    return Explanation(
        name="shop", spec_sha256="0", plan="2 × board", cost_usd_per_month=10.0,
        worth=(
            Worth(field="policy.spare_replicas", current=1.0, unit="replicas", binds=True,
                  easier=outcome(0.0, -5.0), harder=outcome(2.0, None)),
            Worth(field="stock", current=2.0, unit="board", binds=False, easier=None,
                  harder=outcome(1.0, 0.0)),
        ),
        flips=(Flip(what="traffic", change=change(1.26, 1.25), becomes=None,
                    cost_usd_per_month=None),),
        steady=(Steady(what="promise", change=change(10.0)),),
        near_within_frac=0.05,
        near=(NearPlan(description="1 × box", cost_usd_per_month=10.2, worse_frac=0.02,
                       without=("w board int8",)),),
        runners_up=(), resolution_frac=0.005, n_solves=42, notes=("how",),
    )  # fmt: skip


def test_what_a_unit_is_worth_stands_with_its_sign(told):
    worth = explanation_tables(told)[0]

    assert worth.rows[0][3:] == ("yes", "0", "−5.00", "2", "no plan")
    assert worth.rows[1][3:] == ("no", "—", "—", "1", "0.00")


def test_a_flip_stands_between_the_last_value_that_keeps_and_the_first_that_turns(told):
    flips = explanation_tables(told)[1]

    assert flips.rows[0][2:4] == ("1.25", "1.26")
    assert flips.rows[0][5] == "no plan"
    assert flips.rows[1][2:4] == ("10", "not seen")


def test_empty_tables_are_left_out(told):
    titles = [t.title for t in explanation_tables(told)]

    assert "Other plans within 5 % of the best" in titles
    assert "Why not the runner-up" not in titles


def test_the_plan_comes_first_and_the_method_last(told):
    assert opening_line(told) == "shop: 2 × board, $10.00 a month"
    assert closing_notes(told) == ("how", "42 solves")
