"""Continuous batching: what one request costs, what many share, what memory limits."""

import numpy as np
import pytest

from planner.domain.profiles import LoadCurve
from planner.reference.catalog import Catalog
from planner.simulate.calibration import calibrated
from planner.simulate.engine import (
    DONE_S,
    FIRST_TOKEN_S,
    NOBODY,
    PREEMPTED,
    START_S,
    Limits,
    Prompts,
    engines,
    serve_tokens,
)

STEP_S, PREFILL_S = 0.02, 1e-4


def served(at_s, prompt, output, *, cache=np.inf, most=8, replicas=1, tokens=512):
    n = len(at_s)
    at_work = engines(
        Prompts(
            at_s=np.asarray(at_s, dtype=np.float64),
            prompt=np.full(n, prompt),
            output=np.full(n, output),
            replica=np.full(n, NOBODY),
        ),
        Limits(
            step_s=np.full(most + 1, STEP_S),
            prefill_s_per_token=PREFILL_S,
            most_sequences=most,
            step_tokens=tokens,
            cache_tokens=float(cache),
        ),
        replicas,
    )
    serve_tokens(at_work)
    return at_work


def test_a_request_alone_takes_its_prompt_and_a_step_a_token():
    alone = served([1.0], prompt=1000, output=11).times[0]

    # Two chunks of at most 512 tokens, then ten further tokens.
    assert alone[FIRST_TOKEN_S] - 1.0 == pytest.approx(2 * STEP_S + 1000 * PREFILL_S)
    assert alone[DONE_S] - alone[FIRST_TOKEN_S] == pytest.approx(10 * STEP_S)


def test_who_comes_during_a_step_is_in_the_next_but_one():
    # The first prompt takes one step; then steps begin every 20 ms from 0.06 s on.
    pair = served([0.0, 0.165], prompt=400, output=101).times

    # The step that ends at 0.18 s is at work and the one until 0.2 s is scheduled.
    expected_s = 0.2 + STEP_S + 400 * PREFILL_S
    assert pair[1, FIRST_TOKEN_S] == pytest.approx(expected_s)


def test_an_engine_that_has_nothing_left_to_do_takes_all_that_wait_at_once():
    # Both come during the only step of the first, whose answer is one token.
    times = served([0.0, 0.01, 0.02], prompt=100, output=1).times

    ends_s = 2 * (STEP_S + 100 * PREFILL_S) + 100 * PREFILL_S
    assert times[1:, FIRST_TOKEN_S] == pytest.approx(ends_s)


def test_a_new_prompt_slows_those_that_decode():
    pair = served([0.0, 0.5], prompt=400, output=101).times

    spent = pair[0, DONE_S] - pair[0, FIRST_TOKEN_S]
    assert spent == pytest.approx(100 * STEP_S + 400 * PREFILL_S)


def test_no_more_run_than_may_and_the_rest_wait_in_order():
    times = served(np.zeros(6), prompt=100, output=50, most=2).times

    order = np.argsort(times[:, START_S], kind="stable")
    assert list(order) == list(range(6))
    assert np.all(times[2:4, START_S] >= times[0:2, DONE_S].min())


def test_where_the_cache_is_full_the_youngest_starts_anew_and_all_still_end():
    tight = served(np.zeros(4), prompt=100, output=200, cache=700)
    roomy = served(np.zeros(4), prompt=100, output=200)

    assert tight.replicas[0, PREEMPTED] > 0
    assert roomy.replicas[0, PREEMPTED] == 0
    assert not np.isnan(tight.times).any()
    assert tight.times[:, DONE_S].max() > roomy.times[:, DONE_S].max()
    assert tight.times[0, DONE_S] <= tight.times[3, DONE_S]


def test_a_request_goes_to_the_engine_with_the_fewest_at_hand():
    times = served(np.zeros(8), prompt=100, output=50, most=4, replicas=2).times

    # Eight at once: both engines take four, the first of them a step ahead.
    assert times[:, START_S].max() == pytest.approx(STEP_S + 100 * PREFILL_S)


def test_every_engine_works_off_all_its_tokens():
    rng = np.random.default_rng(2)
    at_s = np.cumsum(rng.exponential(0.1, 300))

    many = served(at_s, prompt=200, output=30, cache=2_000)

    assert not np.isnan(many.times).any()
    assert np.all(many.times[:, FIRST_TOKEN_S] <= many.times[:, DONE_S])
    assert many.replicas[0, :2].tolist()[0] == NOBODY


def curves():
    catalog = Catalog.shipped()
    return [
        p
        for p in catalog.profiles("llama-3.1-8b")
        if isinstance(p, LoadCurve) and len(p.points) >= 4
    ]


def replayed(curve, point):
    engine = calibrated(curve)
    n = 400
    at_work = engines(
        Prompts(
            # The published sweeps send at even intervals.
            at_s=np.arange(n) / point.rate_rps,
            prompt=np.full(n, curve.prompt_tokens),
            output=np.full(n, curve.output_tokens),
            replica=np.zeros(n, np.int64),
        ),
        Limits(
            step_s=engine.step_s,
            prefill_s_per_token=engine.prefill_s_per_token,
            most_sequences=engine.most_sequences,
            step_tokens=engine.step_tokens,
            cache_tokens=engine.cache_tokens,
        ),
        1,
    )
    serve_tokens(at_work)
    steady = at_work.times[n // 3 :]
    first = steady[:, FIRST_TOKEN_S] - at_work.prompts.at_s[n // 3 :] + engine.beside_s
    further = (steady[:, DONE_S] - steady[:, FIRST_TOKEN_S]) / (curve.output_tokens - 1)
    return float(np.median(first)), float(np.median(further))


def test_calibrated_engines_reproduce_published_curves_below_saturation():
    errors = []
    for curve in curves()[:12]:
        for point in curve.points[:-1]:
            first_s, further_s = replayed(curve, point)
            gap_s = (point.e2e_p50_s - point.ttft_p50_s) / (curve.output_tokens - 1)
            errors.append((first_s / point.ttft_p50_s - 1, further_s / gap_s - 1))
    first, further = np.abs(errors).T

    assert np.median(first) < 0.05
    assert np.quantile(first, 0.75) < 0.1
    assert np.median(further) < 0.03
    assert np.quantile(further, 0.75) < 0.05
