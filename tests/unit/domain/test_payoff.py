"""A variant that is slower than fp32 is seen, and one within the noise is neither."""

import datetime as dt

import numpy as np
import pytest

from planner.domain.evidence import Evidence, Provenance
from planner.domain.payoff import Pays, payoffs, unpaid
from planner.domain.profiles import BatchProfile, ServicePoint, TokenPoint, TokenRates
from planner.domain.variants import Precision, Runtime, SparsityPattern, Variant


def profile(
    precision,
    times_s,
    *,
    runtime=Runtime.TORCH,
    device="local",
    error_frac=0.05,
    note="x, 1 thread",
    **sparsity,
):
    return BatchProfile(
        model="m",
        variant=Variant(precision=precision, runtime=runtime, **sparsity),
        device=device,
        points=tuple(ServicePoint(batch=b, p50_s=s) for b, s in times_s.items()),
        evidence=Evidence(
            provenance=Provenance.MEASURED,
            source="a test",
            as_of=dt.date(2026, 11, 24),
            error_frac=error_frac,
            note=note,
        ),
        memory_bytes=100.0 if precision is Precision.FP32 else 60.0,
    )


PLAIN = profile(Precision.FP32, {1: 0.010, 8: 0.040})


def test_int8_that_takes_longer_is_said_to():
    (found,) = unpaid([PLAIN, profile(Precision.INT8, {1: 0.034})])

    assert found == (
        "m: int8 on torch, measured for local, takes 3.40 times as long as fp32 on "
        "torch: it does not pay there in time"
    )


@pytest.mark.parametrize("time_s", [0.002, 0.010, 0.0106])
def test_what_is_faster_or_within_the_noise_is_not_accused(time_s):
    assert list(unpaid([PLAIN, profile(Precision.INT8, {1: time_s})])) == []


# ln 1.05 = 0.04879; together √2 · 0.04879, a factor of 1.0714.
@pytest.mark.parametrize(
    ("time_s", "in_time"),
    [
        (0.00932, Pays.YES),
        (0.00934, Pays.UNTOLD),
        (0.01071, Pays.UNTOLD),
        (0.01072, Pays.NO),
    ],
)
def test_the_bands_of_both_decide_together(time_s, in_time):
    (found,) = payoffs([PLAIN, profile(Precision.INT8, {1: time_s})])

    assert found.in_time is in_time


PLAIN_AT_THREE = profile(Precision.FP32, {1: 0.010, 8: 0.040, 32: 0.160})


@pytest.mark.parametrize(
    ("ratios", "in_time", "paying", "costing"),
    [
        ((0.5, 0.6, 0.7), Pays.YES, (1, 8, 32), ()),
        ((2.0, 0.7, 0.6), Pays.SOME, (8, 32), (1,)),
        ((1.0, 1.0, 0.6), Pays.SOME, (32,), ()),
        ((2.0, 1.0, 1.0), Pays.NO, (), (1,)),
        ((1.0, 1.0, 1.0), Pays.UNTOLD, (), ()),
        # One band for all claims together, a wider one where some are picked out:
        # Φ⁻¹(1 - 0.1/3) · √2 · ln 1.05 / Φ⁻¹(0.9) gives a factor of 1.1037.
        ((0.93, 0.93, 0.93), Pays.YES, (1, 8, 32), ()),
        ((0.93, 0.93, 1.0), Pays.UNTOLD, (), ()),
        ((0.90, 0.93, 1.0), Pays.SOME, (1,), ()),
        ((1.08, 1.08, 1.08), Pays.NO, (), (1, 8, 32)),
        ((1.08, 1.08, 1.00), Pays.UNTOLD, (), ()),
    ],
)
def test_each_batch_of_both_is_judged(ratios, in_time, paying, costing):
    times_s = {
        n: s * r
        for (n, s), r in zip(((1, 0.010), (8, 0.040), (32, 0.160)), ratios, strict=True)
    }

    (found,) = payoffs([PLAIN_AT_THREE, profile(Precision.INT8, times_s)])

    assert (found.in_time, found.paying, found.costing) == (in_time, paying, costing)


def test_of_many_batches_that_take_the_same_time_one_is_seldom_said_to_pay():
    rng = np.random.default_rng(5)
    errors_frac = (0.1, 0.3)
    sigmas = np.log1p(errors_frac) / 1.281552
    factors = np.exp(rng.normal(size=(2000, 2, 6)) * sigmas[:, None])

    told = [
        payoffs(
            [
                profile(kind, dict(enumerate(figures_s, 1)), error_frac=error)
                for kind, figures_s, error in zip(
                    (Precision.FP32, Precision.INT8), both, errors_frac, strict=True
                )
            ]
        )[0].in_time
        for both in factors
    ]

    # Each claim alone would be wrong for one draw in two.
    assert 0.05 < np.mean([t in {Pays.YES, Pays.SOME} for t in told]) <= 0.1 + 0.015


def test_what_costs_time_at_one_batch_and_pays_at_others_is_said():
    mixed = profile(Precision.INT8, {1: 0.020, 8: 0.020, 32: 0.080})

    (said,) = unpaid([PLAIN_AT_THREE, mixed])

    assert said == (
        "m: int8 on torch, measured for local, takes 2.00 times as long as fp32 on "
        "torch at batch 1: it pays in time from batch 8 alone"
    )


def test_what_costs_time_at_some_and_pays_nowhere_is_said_to_where():
    slow = profile(Precision.INT8, {1: 0.020, 8: 0.060, 32: 0.160})

    (said,) = unpaid([PLAIN_AT_THREE, slow])

    assert said == (
        "m: int8 on torch, measured for local, takes 1.50 to 2.00 times as long as fp32 "
        "on torch up to batch 8: it does not pay there in time"
    )


@pytest.mark.parametrize("errors_frac", [(0.05, 0.4), (0.4, 0.05)])
def test_a_wide_band_of_either_hides_what_narrow_ones_show(errors_frac):
    of_plain, of_int8 = errors_frac
    plain = profile(Precision.FP32, {1: 0.010}, error_frac=of_plain)

    found = [
        payoffs([plain, profile(Precision.INT8, {1: s}, error_frac=of_int8)])[0]
        for s in (0.0075, 0.0130)
    ]

    assert [f.in_time for f in found] == [Pays.UNTOLD, Pays.UNTOLD]


def test_of_two_that_take_the_same_time_each_is_called_slower_one_time_in_ten():
    rng = np.random.default_rng(5)
    errors_frac = (0.1, 0.3)
    # 1 + error_frac is the 90 % quantile of truth over figure: Φ⁻¹(0.9) = 1.281552.
    sigmas = np.log1p(errors_frac) / 1.281552
    figures_s = 0.010 / np.exp(rng.normal(size=(4000, 2)) * sigmas)

    told = [
        payoffs(
            [
                profile(Precision.FP32, {1: plain_s}, error_frac=errors_frac[0]),
                profile(Precision.INT8, {1: int8_s}, error_frac=errors_frac[1]),
            ]
        )[0].in_time
        for plain_s, int8_s in figures_s
    ]

    # Of 4,000 draws a tenth is 400 ± 19.
    assert told.count(Pays.NO) / 4000 == pytest.approx(0.1, abs=0.015)
    assert told.count(Pays.YES) / 4000 == pytest.approx(0.1, abs=0.015)


HALF = {"sparsity_frac": 0.5, "sparsity_pattern": SparsityPattern.TWO_OF_FOUR}


@pytest.mark.parametrize("time_s", [0.0095, 0.0101])
def test_sparsity_that_cannot_be_told_from_none_is_said_to(time_s):
    (said,) = unpaid([PLAIN, profile(Precision.FP32, {1: time_s}, **HALF)])

    assert "fp32 2:4 sparse on torch" in said
    assert "cannot be told from fp32 on torch" in said
    assert f"({time_s / 0.010:.2f} times as long, and up to 1.07 times either way" in said  # fmt: skip


def test_sparsity_that_gains_time_is_not_accused_and_one_that_costs_time_is():
    gains, costs = (profile(Precision.FP32, {1: s}, **HALF) for s in (0.005, 0.020))

    assert not list(unpaid([PLAIN, gains]))
    (said,) = unpaid([PLAIN, costs])
    assert "takes 2.00 times as long as fp32 on torch: it does not pay" in said


def test_what_quantizing_gained_is_not_counted_for_the_zeros():
    int8 = profile(Precision.INT8, {1: 0.004})

    def said(time_s):
        return list(unpaid([PLAIN, int8, profile(Precision.INT8, {1: time_s}, **HALF)]))

    (nothing,) = said(0.0042)
    (dearer,) = said(0.008)
    assert "cannot be told from int8 on torch (1.05 times" in nothing
    assert "takes 2.00 times as long as int8 on torch" in dearer
    assert said(0.002) == []


def test_without_a_dense_one_of_the_same_engine_zeros_are_held_against_fp32():
    (said,) = unpaid([PLAIN, profile(Precision.INT8, {1: 0.010}, **HALF)])

    assert "cannot be told from fp32 on torch" in said


def test_the_same_engine_goes_before_another_and_another_before_none():
    onnx = profile(Precision.FP32, {1: 0.002}, runtime=Runtime.ONNXRUNTIME)
    int8 = profile(Precision.INT8, {1: 0.004}, runtime=Runtime.ONNXRUNTIME)
    compiled = profile(Precision.INT8, {1: 0.004}, runtime=Runtime.TORCH_COMPILE)

    found = {
        p.profile.variant.runtime: p
        for p in payoffs([PLAIN, onnx, int8, compiled])
        if p.profile.variant.precision is Precision.INT8
    }

    assert found[Runtime.ONNXRUNTIME].time_ratio == pytest.approx(2.0)
    assert found[Runtime.TORCH_COMPILE].time_ratio == pytest.approx(0.4)
    assert found[Runtime.ONNXRUNTIME].memory_ratio == pytest.approx(0.6)


def test_other_devices_and_other_threads_are_not_compared():
    elsewhere = profile(Precision.INT8, {1: 0.034}, device="raspberry-pi-4")
    threaded = profile(Precision.INT8, {1: 0.034}, note="x, 2 threads")

    assert payoffs([PLAIN, elsewhere, threaded]) == ()


def test_batches_that_only_one_has_are_not_compared():
    (found,) = payoffs([PLAIN, profile(Precision.INT8, {4: 1.0, 8: 0.020})])

    assert found.time_ratio == pytest.approx(0.5)
    assert payoffs([PLAIN, profile(Precision.INT8, {4: 1.0})]) == ()


def test_language_models_are_compared_by_the_tokens_they_write():
    def rates(precision, output):
        return TokenRates(
            model="m",
            variant=Variant(precision=precision, runtime=Runtime.TORCH),
            device="local",
            prompt_tokens_per_s=100.0,
            output_tokens_per_s=output,
            evidence=PLAIN.evidence,
        )

    (found,) = payoffs([rates(Precision.FP32, 30.0), rates(Precision.BF16, 10.0)])

    assert found.time_ratio == pytest.approx(3.0)
    assert found.in_time is Pays.NO


def test_a_language_model_is_judged_at_each_batch_where_its_contexts_take_longest():
    def rates(precision, steps_s):
        return TokenRates(
            model="m",
            variant=Variant(precision=precision, runtime=Runtime.TORCH),
            device="local",
            prompt_tokens_per_s=100.0,
            output_tokens_per_s=20.0,
            evidence=PLAIN.evidence,
            grid=tuple(
                TokenPoint(batch=b, context_tokens=c, prefill_s=1.0, step_s=step_s)
                for (b, c), step_s in steps_s.items()
            ),
        )

    plain = rates(Precision.FP32, {(1, 128): 0.03, (1, 512): 0.05, (4, 128): 0.1})
    int8 = rates(Precision.INT8, {(1, 128): 0.04, (1, 512): 0.10, (4, 128): 0.05})

    (found,) = payoffs([plain, int8])

    assert found.times_ratio == pytest.approx({1: 2.0, 4: 0.5})
    assert found.in_time is Pays.SOME
