"""Simulated calls: refused as Erlang says, as late as callers were seen to be."""

import numpy as np
import pytest

from planner.perf.functions import erlang_b
from planner.simulate.called import Calls, answer
from planner.simulate.scenario import Hosted, Instances

N = 60_000


def calls(rate_rps, *, prompt=100.0, output=50.0, seed=1):
    rng = np.random.default_rng(seed)
    return Calls(
        at_s=np.cumsum(rng.exponential(1 / rate_rps, N)),
        placement=np.zeros(N, np.int64),
        prompt=np.full(N, prompt),
        output=np.full(N, output),
    )


def function(**facts):
    plain = {
        "strata": np.array([0.0, 1.0]),
        "knots_s": np.array([0.1, 0.3]),
        "cold_start_s": 1.0,
        "cold_start_frac": 0.0,
    }
    return Instances(**(plain | facts))


def test_refusals_are_erlangs():
    left_s, _ = answer(
        calls(50.0), [function(most_at_once=10)], np.random.default_rng(2)
    )

    refused = np.isnan(left_s).mean()
    assert refused == pytest.approx(erlang_b(10, 50 * 0.2), rel=0.05)


def test_without_a_limit_nobody_waits():
    sent = calls(1000.0)

    left_s, _ = answer(sent, [function()], np.random.default_rng(2))

    takes_s = left_s - sent.at_s
    assert takes_s.min() >= 0.1 - 1e-6
    assert takes_s.max() <= 0.3 + 1e-6


def test_some_start_cold():
    sent = calls(10.0)

    left_s, _ = answer(sent, [function(cold_start_frac=0.05)], np.random.default_rng(2))

    assert (left_s - sent.at_s > 1.0).mean() == pytest.approx(0.05, abs=0.004)


def hosted(**facts):
    plain = {
        "shares": np.array([0.5, 0.95]),
        "ttft_s": np.array([0.2, 0.6]),
        "tpot_s": np.array([0.01, 0.03]),
    }
    return Hosted(**(plain | facts))


def test_a_hosted_model_answers_as_its_callers_saw():
    sent = calls(1.0)

    left_s, first_s = answer(sent, [hosted()], np.random.default_rng(2))

    first, whole = first_s - sent.at_s, left_s - sent.at_s
    assert (first <= 0.6 + 1e-9).mean() == pytest.approx(0.95, abs=0.003)
    assert np.median(first) == pytest.approx(0.2, rel=0.01)
    assert first.min() == pytest.approx(0.2)
    further = (whole - first) / 49
    assert (further <= 0.03 + 1e-9).mean() == pytest.approx(0.95, abs=0.003)


@pytest.mark.parametrize(
    ("limits", "per_minute"),
    [
        ({"most_requests_per_min": 30.0}, 30),
        ({"most_tokens_per_min": 3000.0}, 20),
    ],
)
def test_no_minute_has_more_than_its_limit(limits, per_minute):
    sent = calls(1.0)

    left_s, _ = answer(sent, [hosted(**limits)], np.random.default_rng(2))

    minutes = (sent.at_s / 60).astype(int)
    served = np.bincount(minutes, weights=~np.isnan(left_s))
    came = np.bincount(minutes)
    assert served.tolist() == np.minimum(came, per_minute).tolist()
