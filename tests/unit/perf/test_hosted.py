"""Hosted models: the percentiles they state, and their limits against Poisson's law."""

import datetime as dt
import math

import pytest
from scipy.stats import poisson

from planner.domain.evidence import Evidence, Provenance
from planner.domain.profiles import HostedTimes, StatedTimes
from planner.domain.tariffs import TokenTariff
from planner.domain.variants import Precision, Runtime, Variant
from planner.domain.workloads import TokenSlo
from planner.errors import OutsideProfileError
from planner.perf.hosted import hosted_capacity_rps, limit_rps, stated
from planner.perf.language import predict_load

TIMES = HostedTimes(
    model="m",
    variant=Variant(precision=Precision.UNSTATED, runtime=Runtime.HOSTED),
    device="api/m",
    times=(
        StatedTimes(percentile_frac=0.5, ttft_s=0.2, tpot_s=0.01),
        StatedTimes(percentile_frac=0.95, ttft_s=0.6, tpot_s=0.03),
    ),
    evidence=Evidence(
        provenance=Provenance.IMPORTED,
        source="s",
        as_of=dt.date(2026, 1, 1),
        error_frac=0.0,
    ),
)


def tariff(**limits):
    return TokenTariff(
        serves="m",
        usd_per_million_prompt_tokens=1.0,
        usd_per_million_output_tokens=2.0,
        **limits,
    )


def test_a_percentile_is_bounded_by_the_next_one_stated():
    assert stated(TIMES, 0.5).ttft_s == 0.2
    assert stated(TIMES, 0.51).ttft_s == 0.6
    assert stated(TIMES, 95 / 100).ttft_s == 0.6
    assert stated(TIMES, 0.99) is None


@pytest.mark.parametrize(
    ("ttft_s", "tpot_s", "error_factor", "capacity"),
    [
        (0.7, 0.03, 1.0, math.inf),
        (0.69, 0.03, 1.0, 0.0),
        (0.7, 0.029, 1.0, 0.0),
        (0.7, 0.03, 1.1, 0.0),
    ],
)
def test_a_promise_is_kept_or_not_whatever_the_rate(
    ttft_s, tpot_s, error_factor, capacity
):
    slo = TokenSlo(percentile_frac=0.95, ttft_s=ttft_s, tpot_s=tpot_s)

    assert hosted_capacity_rps(TIMES, slo, 0.1, error_factor=error_factor) == capacity


def test_nobody_is_told_the_time_of_a_whole_answer():
    seen = predict_load(
        TIMES,
        3.0,
        0.1,
        percentile_frac=0.95,
        error_factor=2.0,
        prompt_tokens=9,
        output_tokens=9,
    )

    assert (seen.ttft_s, seen.tpot_s) == pytest.approx((1.3, 0.06))
    assert seen.p95_s is None
    slow = TokenSlo(percentile_frac=0.5, ttft_s=1.0, tpot_s=9.0)
    assert seen.attainment_frac(slow) == 0.5


def test_beyond_the_last_percentile_nothing_is_said():
    with pytest.raises(OutsideProfileError, match=r"95\.0%.*99\.0%"):
        predict_load(
            TIMES,
            1.0,
            0.0,
            percentile_frac=0.99,
            error_factor=1.0,
            prompt_tokens=9,
            output_tokens=9,
        )


@pytest.mark.parametrize("percentile_frac", [0.9, 0.95, 0.99])
def test_minutes_stay_within_the_limit_as_surely_as_promised(percentile_frac):
    rate = limit_rps(tariff(most_requests_per_min=600), 100.0, percentile_frac)

    within = poisson.cdf(600, 60 * rate)
    assert within == pytest.approx(percentile_frac, abs=0.004)


def test_the_tighter_limit_counts():
    both = tariff(most_requests_per_min=600, most_tokens_per_min=1000)

    tokens = limit_rps(both, 100.0, 0.5)

    assert tokens == pytest.approx(10 / 60)
    assert limit_rps(both, 1.0, 0.5) == pytest.approx(600 / 60)
    assert limit_rps(tariff(), 1.0, 0.5) == math.inf
