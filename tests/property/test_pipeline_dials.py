"""A dial never turns the wrong way, and what it shows a person is never too little."""

from hypothesis import given
from hypothesis import strategies as st

from planner.pipeline.exploring.dials import Dial, Scale

turns = st.floats(0, 1)


@st.composite
def some_dials(draw):
    current = draw(st.floats(0.01, 1e4))
    factor = draw(st.sampled_from([50.0, 100.0, 0.01, 0.5]))
    return Dial(field="f", current=current, limit=current * factor, unit="u")


@given(dial=some_dials(), one=turns, other=turns)
def test_a_larger_turn_is_never_nearer_to_the_current_value(dial, one, other):
    small, large = sorted([one, other])
    direction = 1 if dial.limit > dial.current else -1

    assert direction * dial.at(large) >= direction * dial.at(small)


@given(dial=some_dials(), turn=turns)
def test_four_digits_are_shown_on_the_side_that_suffices(dial, turn):
    exact = dial.current * (dial.limit / dial.current) ** turn
    direction = 1 if dial.limit > dial.current else -1

    shown = dial.at(turn)

    assert direction * (shown - exact) >= -1e-9 * exact
    assert abs(shown - exact) <= 2e-3 * exact


@given(stock=st.integers(0, 50), turn=turns)
def test_whole_numbers_stay_whole(stock, turn):
    dial = Dial(field="f", current=stock, limit=100_000, unit="pi", scale=Scale.COUNT)

    assert dial.at(turn) == int(dial.at(turn))
    assert dial.at(0.0) == stock
    assert dial.at(1.0) == 100_000
