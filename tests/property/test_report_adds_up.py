"""What the report prints adds up as printed, and never flatters."""

import re
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from planner.report.adding import added_up, printed_bill
from planner.report.sentences import beyond, latency, surely
from planner.specs.plan import PlanCost
from tests.support.plans import digits_placement, storefront_plan

amounts = st.floats(min_value=0, max_value=1e12)


def read(words: str) -> Decimal:
    return Decimal(words.replace(",", ""))


@given(st.lists(amounts, max_size=30), st.integers(0, 4))
def test_printed_amounts_add_up_to_the_printed_total(values, decimals):
    printed = added_up(values, decimals=decimals)

    assert sum(map(read, printed.parts)) == read(printed.total)


@given(st.lists(amounts, min_size=1, max_size=30))
def test_no_printed_amount_is_a_whole_cent_off(values):
    printed = added_up(values, decimals=2)

    for part, value in zip(printed.parts, values, strict=True):
        assert abs(Fraction(read(part)) - Fraction(value)) < Fraction(1, 100)


@given(st.lists(amounts, max_size=30))
def test_the_printed_total_is_the_nearest_cent(values):
    printed = added_up(values, decimals=2)

    error = abs(Fraction(read(printed.total)) - sum(map(Fraction, values)))
    assert error <= Fraction(1, 200)


# A price is nothing or worth naming; less would vanish in a float's sum.
bills = st.just(0.0) | st.floats(min_value=1e-6, max_value=1e7)


@given(st.lists(st.lists(bills, min_size=1, max_size=4), min_size=1, max_size=6))
def test_the_same_money_reads_the_same_in_both_tables(groups):
    plan = bill_of(groups)

    printed = printed_bill(plan)

    total = read(printed.placements.total)
    assert sum(map(read, printed.placements.parts)) == total
    assert sum(map(read, printed.lines.parts)) == total
    parts = iter(printed.lines.parts)
    for group, cost in zip(groups, printed.placements.parts, strict=True):
        assert sum(read(next(parts)) for _ in group) == read(cost)


def bill_of(groups):
    plan = storefront_plan()
    line = plan.cost.lines[0]
    costs = [sum(group) for group in groups]
    lines = tuple(
        line.model_copy(update={"usd_per_month": amount})
        for group in groups
        for amount in group
    )
    placements = tuple(
        digits_placement().model_copy(update={"cost_usd_per_month": cost})
        for cost in costs
    )
    total = sum(amount for group in groups for amount in group)
    return plan.model_copy(
        update={
            "placements": placements,
            "cost": PlanCost(total_usd_per_month=total, lines=lines),
        }
    )


@given(st.floats(min_value=1e-6, max_value=1e8))
def test_a_latency_is_never_printed_shorter_than_it_is(value_ms):
    words, unit = latency(value_ms).split()
    printed_ms = float(words.replace(",", "")) * (1000 if unit == "s" else 1)

    # A billionth is the noise of float sums; three digits are a hundredth at most.
    assert value_ms * (1 - 1e-8) <= printed_ms <= value_ms * 1.0101 + 1e-12


@given(st.floats(min_value=0, max_value=1))
def test_a_probability_is_never_printed_larger_than_it_is(frac):
    words = surely(frac)

    bound = float(re.search(r"[\d.]+", words).group()) / 100
    assert frac < bound if words.startswith("<") else bound <= frac + 1e-9


@given(
    st.floats(min_value=0, max_value=1e6),
    st.floats(min_value=1e-3, max_value=1e6),
    st.sampled_from(["usd_per_month", "ms", "rps", "frac", "devices"]),
)
def test_a_change_as_printed_goes_at_least_as_far_as_was_solved(start, to, unit):
    printed = float(read(beyond(start, to, unit=unit)))

    if to >= start:
        assert printed >= to * (1 - 1e-8)
    else:
        assert printed <= to * (1 + 1e-8)
    assert abs(printed - to) <= max(0.01, 0.001 * to)
