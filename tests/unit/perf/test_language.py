"""Language models under load, from curves and from token rates."""

import datetime as dt
import math

import pytest

from planner.domain.evidence import Evidence, Provenance
from planner.domain.profiles import LoadCurve, LoadPoint, TokenRates
from planner.domain.variants import Precision, Runtime, Variant
from planner.domain.workloads import TokenSlo
from planner.errors import OutsideProfileError, SpecError
from planner.perf.language import load_capacity_rps, predict_load
from planner.perf.queues import Deterministic

EVIDENCE = Evidence(
    provenance=Provenance.IMPORTED,
    source="made up for a test",
    as_of=dt.date(2026, 1, 1),
    error_frac=0.0,
)
SLO = TokenSlo(percentile_frac=0.95, ttft_s=0.5, tpot_s=0.05)


def load_point(rate_rps: float, ttft_s: float, tpot_s: float) -> LoadPoint:
    """Percentiles p95 = 2 × and p99 = 3 × the median."""
    return LoadPoint(
        concurrency=rate_rps,
        rate_rps=rate_rps,
        ttft_p50_s=ttft_s,
        ttft_p95_s=2 * ttft_s,
        ttft_p99_s=3 * ttft_s,
        tpot_p50_s=tpot_s,
        tpot_p95_s=2 * tpot_s,
        tpot_p99_s=3 * tpot_s,
        e2e_p50_s=ttft_s + 100 * tpot_s,
        e2e_p95_s=2 * ttft_s + 200 * tpot_s,
        e2e_p99_s=3 * ttft_s + 300 * tpot_s,
        output_tokens_per_s=100 * rate_rps,
    )


@pytest.fixture
def curve() -> LoadCurve:
    return LoadCurve(
        model="m",
        variant=Variant(precision=Precision.FP16, runtime=Runtime.VLLM),
        device="d",
        prompt_tokens=512,
        output_tokens=128,
        points=(
            load_point(1.0, 0.10, 0.010),
            load_point(4.0, 0.20, 0.020),
            load_point(8.0, 0.40, 0.030),
        ),
        evidence=EVIDENCE,
    )


@pytest.fixture
def rates() -> TokenRates:
    # 100 tokens of prompt take 0.5 s, 50 of output 2 s.
    return TokenRates(
        model="m",
        variant=Variant(precision=Precision.Q4_K_M, runtime=Runtime.LLAMA_CPP),
        device="d",
        prompt_tokens_per_s=200.0,
        output_tokens_per_s=25.0,
        evidence=EVIDENCE,
    )


def capacity(profile, slo, *, rtt_s=0.0, factor=1.0, prompt=100, output=50):
    return load_capacity_rps(
        profile,
        slo,
        rtt_s,
        error_factor=factor,
        prompt_tokens=prompt,
        output_tokens=output,
    )


def prediction(profile, rate_rps, *, rtt_s=0.0, frac=0.95, factor=1.0, prompt=100):
    return predict_load(
        profile,
        rate_rps,
        rtt_s,
        percentile_frac=frac,
        error_factor=factor,
        prompt_tokens=prompt,
        output_tokens=50,
    )


class TestLoadCurve:
    def test_the_limit_reached_first_decides(self, curve):
        # p95 of TTFT: 0.4 s at 4, 0.8 s at 8 requests/s: 0.5 s at 5.
        # p95 of TPOT: 0.04 s at 4, 0.06 s at 8: 0.05 s at 6.
        assert capacity(curve, SLO) == pytest.approx(5.0)

    def test_the_round_trip_is_part_of_ttft_only(self, curve):
        slow = TokenSlo(percentile_frac=0.95, ttft_s=9.0, tpot_s=0.05)

        assert capacity(curve, SLO, rtt_s=0.1) == pytest.approx(4.0)
        assert capacity(curve, slow, rtt_s=0.1) == pytest.approx(6.0)

    def test_nothing_is_claimed_beyond_the_highest_measured_load(self, curve):
        loose = TokenSlo(percentile_frac=0.95, ttft_s=99.0, tpot_s=99.0)

        assert capacity(curve, loose) == 8.0

    def test_a_lowest_load_that_misses_leaves_nothing(self, curve):
        tight = TokenSlo(percentile_frac=0.95, ttft_s=0.19, tpot_s=0.05)

        assert capacity(curve, tight) == 0.0

    def test_a_machine_twice_as_slow_runs_on_a_clock_twice_as_slow(self, curve):
        halved = TokenSlo(percentile_frac=0.95, ttft_s=0.25, tpot_s=0.025)

        assert capacity(curve, SLO, factor=2.0) == pytest.approx(
            capacity(curve, halved) / 2
        )
        assert prediction(curve, 2.0, factor=2.0).ttft_s == pytest.approx(0.8)

    def test_longer_requests_than_measured_are_refused(self, curve):
        with pytest.raises(OutsideProfileError, match="512 prompt and 128 output"):
            capacity(curve, SLO, prompt=513)

    def test_a_load_beyond_the_measured_is_refused(self, curve):
        with pytest.raises(OutsideProfileError, match="beyond"):
            prediction(curve, 8.1)

    def test_a_capacity_can_be_predicted_in_spite_of_rounding(self, curve):
        loose = TokenSlo(percentile_frac=0.95, ttft_s=99.0, tpot_s=99.0)
        most = capacity(curve, loose, factor=1.1)

        assert prediction(curve, most * 3 / 3, factor=1.1).utilization_frac == (
            pytest.approx(1.0)
        )

    @pytest.mark.parametrize(
        ("frac", "times_median"),
        [(0.3, 1.0), (0.5, 1.0), (0.95, 2.0), (0.99, 3.0), (0.998, 4.0)],
    )
    def test_measured_percentiles_are_met_and_the_tail_goes_on(
        self, curve, frac, times_median
    ):
        # From p95 to p99 the share beyond falls by 5: so it does for the next step.
        seen = prediction(curve, 4.0, frac=frac)

        assert seen.ttft_s == pytest.approx(0.20 * times_median)

    def test_whole_answers_carry_the_round_trip(self, curve):
        seen = prediction(curve, 4.0, rtt_s=0.1)

        assert (seen.p50_s, seen.p95_s, seen.p99_s) == pytest.approx((2.3, 4.5, 6.7))

    def test_attainment_is_the_percentile_at_the_limit(self, curve):
        seen = prediction(curve, 4.0)

        for frac in (0.5, 0.8, 0.95, 0.99, 0.998):
            slo = TokenSlo(
                percentile_frac=frac,
                ttft_s=prediction(curve, 4.0, frac=frac).ttft_s,
                tpot_s=9.0,
            )
            assert seen.attainment_frac(slo) == pytest.approx(frac)

    def test_a_limit_below_the_median_attains_less_than_half(self, curve):
        slo = TokenSlo(percentile_frac=0.95, ttft_s=0.1, tpot_s=9.0)

        assert prediction(curve, 4.0).attainment_frac(slo) == pytest.approx(0.25)

    def test_noise_in_a_curve_never_makes_more_load_faster(self, curve):
        bumpy = LoadCurve(
            model="m",
            variant=curve.variant,
            device="d",
            prompt_tokens=512,
            output_tokens=128,
            points=(
                load_point(1.0, 0.30, 0.010),
                load_point(4.0, 0.20, 0.020),
            ),
            evidence=EVIDENCE,
        )

        assert prediction(bumpy, 4.0).ttft_s == pytest.approx(0.6)


class TestTokenRates:
    def test_an_idle_machine_takes_prefill_and_round_trip(self, rates):
        seen = prediction(rates, 0.0, rtt_s=0.1)

        assert seen.ttft_s == pytest.approx(0.6)
        assert seen.tpot_s == pytest.approx(0.04)
        assert seen.p99_s == pytest.approx(2.6)
        assert seen.utilization_frac == 0.0

    def test_under_load_requests_wait_as_in_m_d_1(self, rates):
        queue = Deterministic(rate_rps=0.2, service_s=2.5)

        seen = prediction(rates, 0.2)

        assert seen.ttft_s == pytest.approx(0.5 + queue.wait_quantile_s(0.95))
        assert seen.p95_s == pytest.approx(queue.sojourn_quantile_s(0.95))
        assert seen.utilization_frac == pytest.approx(0.5)

    def test_capacity_is_where_the_percentile_meets_the_limit(self, rates):
        slo = TokenSlo(percentile_frac=0.95, ttft_s=6.0, tpot_s=0.05)

        most = capacity(rates, slo, rtt_s=0.1)

        assert prediction(rates, most, rtt_s=0.1).ttft_s == pytest.approx(6.0)
        assert prediction(rates, most, rtt_s=0.1).attainment_frac(slo) == (
            pytest.approx(0.95)
        )

    @pytest.mark.parametrize(
        ("ttft_s", "tpot_s"), [(0.4, 0.05), (6.0, 0.039)], ids=["ttft", "tpot"]
    )
    def test_a_limit_that_an_idle_machine_misses_leaves_nothing(
        self, rates, ttft_s, tpot_s
    ):
        slo = TokenSlo(percentile_frac=0.95, ttft_s=ttft_s, tpot_s=tpot_s)

        assert capacity(rates, slo) == 0.0

    def test_overload_never_ends(self, rates):
        seen = prediction(rates, 1.0)

        assert seen.ttft_s == math.inf
        assert seen.utilization_frac == 1.0
        assert seen.attainment_frac(SLO) == 0.0

    def test_the_length_of_requests_must_be_known(self, rates):
        with pytest.raises(SpecError, match="prompt_tokens"):
            capacity(rates, SLO, prompt=None)
