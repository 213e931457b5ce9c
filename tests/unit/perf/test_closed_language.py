"""Users of a language engine that each wait for their answer."""

from dataclasses import replace

import numpy as np
import pytest

from planner.errors import OutsideProfileError
from planner.perf.closed_language import gaps_s, predict_users
from planner.simulate.engine import (
    DONE_S,
    FIRST_TOKEN_S,
    NOBODY,
    Limits,
    Prompts,
    engines,
    serve_tokens,
)
from tests.support.load_curves import engine_curve

FIXED_S, EACH_S, OUTPUT = 0.010, 0.001, 101


@pytest.fixture
def engine():
    return engine_curve([1, 4, 8], fixed_s=FIXED_S, each_s=EACH_S, output=OUTPUT)


@pytest.mark.parametrize("users", [1, 3, 8, 16, 20])
def test_linear_steps_go_on_as_they_began(engine, users):
    step_s = FIXED_S + EACH_S * users

    seen = predict_users(engine, users)

    assert seen.gap_s == pytest.approx(step_s)
    assert seen.rate_rps * seen.answer_s == pytest.approx(users)


def test_a_first_token_waits_two_and_a_half_steps_that_are_each_slower(engine):
    known, beyond = predict_users(engine, 8), predict_users(engine, 18)

    later_s = beyond.ttft_s - known.ttft_s
    assert later_s == pytest.approx(2.5 * (beyond.gap_s - known.gap_s))


def test_tools_that_count_the_first_token_into_tpot_change_nothing(engine):
    counted = replace(
        engine,
        points=tuple(
            replace(p, tpot_p50_s=p.e2e_p50_s / OUTPUT) for p in engine.points
        ),
    )

    assert predict_users(counted, 6) == predict_users(engine, 6)


def test_more_than_the_loads_say_anything_of_is_refused(engine):
    with pytest.raises(OutsideProfileError, match="up to 8 requests at once"):
        predict_users(engine, 21)
    with pytest.raises(OutsideProfileError, match="measure under more load"):
        predict_users(replace(engine, points=engine.points[:1]), 2)


def test_fewer_users_than_measured_see_the_lowest_load(engine):
    busier = replace(engine, points=engine.points[1:])

    assert predict_users(busier, 1).gap_s == pytest.approx(gaps_s(busier)[0])


def test_gaps_beyond_are_those_of_the_simulated_engine(engine):
    # Sixteen decode side by side, their prompts of one token long done.
    users = 16
    at_work = engines(
        Prompts(
            at_s=np.zeros(users),
            prompt=np.ones(users, dtype=np.int64),
            output=np.full(users, OUTPUT),
            replica=np.full(users, NOBODY),
        ),
        Limits(
            step_s=FIXED_S + EACH_S * np.arange(users + 1),
            prefill_s_per_token=0.0,
            most_sequences=users,
            step_tokens=2048,
            cache_tokens=np.inf,
        ),
        1,
    )
    serve_tokens(at_work)
    spent_s = at_work.times[:, DONE_S] - at_work.times[:, FIRST_TOKEN_S]

    told = predict_users(engine, users)

    # The first to arrive starts alone: one of the hundred steps is shorter.
    seen_s = float(np.median(spent_s)) / (OUTPUT - 1)
    assert told.gap_s == pytest.approx(seen_s, rel=1e-3)
