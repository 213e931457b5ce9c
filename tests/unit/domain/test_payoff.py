"""A variant that is slower than fp32 is seen, and one within the noise is not accused."""

import datetime as dt

import pytest

from planner.domain.evidence import Evidence, Provenance
from planner.domain.payoff import payoffs, unpaid
from planner.domain.profiles import BatchProfile, ServicePoint, TokenRates
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


@pytest.mark.parametrize("time_s", [0.002, 0.010, 0.0104])
def test_what_is_faster_or_within_the_noise_is_not_accused(time_s):
    assert list(unpaid([PLAIN, profile(Precision.INT8, {1: time_s})])) == []


def test_sparsity_that_gains_nothing_is_said_to_even_where_it_loses_nothing():
    half = {"sparsity_frac": 0.5, "sparsity_pattern": SparsityPattern.TWO_OF_FOUR}

    (said,) = unpaid([PLAIN, profile(Precision.FP32, {1: 0.0101}, **half)])

    assert "fp32 2:4 sparse on torch" in said
    assert "is no faster than fp32 on torch" in said
    assert not list(unpaid([PLAIN, profile(Precision.FP32, {1: 0.005}, **half)]))


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
    assert found.is_slower
