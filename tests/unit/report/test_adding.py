"""The bill is rounded once, and says when it does not add up."""

from planner.report.adding import added_up, printed_bill
from tests.support.plans import storefront_plan


def test_the_cent_goes_to_the_amount_that_lost_most():
    printed = added_up([0.006, 0.002, 0.002], decimals=2)

    assert printed.parts == ("0.01", "0.00", "0.00")
    assert printed.total == "0.01"


def test_amounts_that_miss_the_stated_total_are_printed_with_their_own():
    printed = added_up([1.0, 2.0], 4.0, decimals=2)

    assert printed.total == "3.00"
    assert not printed.is_whole


def test_nothing_adds_up_to_nothing():
    printed = added_up([], 0.0, decimals=2)

    assert (printed.parts, printed.total, printed.is_whole) == ((), "0.00", True)


def test_a_machine_costs_the_same_in_the_bill_as_in_the_placements():
    printed = printed_bill(storefront_plan())

    assert printed.placements.parts == ("3.06", "58.42")
    assert printed.lines.parts == ("3.06", "56.58", "1.84")
    assert printed.placements.total == printed.lines.total == "61.48"


def test_lines_that_belong_to_no_placement_still_add_up():
    plan = storefront_plan()
    shuffled = plan.cost.model_copy(update={"lines": plan.cost.lines[::-1]})

    printed = printed_bill(plan.model_copy(update={"cost": shuffled}))

    cents = sum(int(part.replace(".", "")) for part in printed.lines.parts)
    assert cents == 6148
