import datetime as dt
import math
from statistics import NormalDist

import pytest

from planner.domain.evidence import Evidence, Provenance
from profilers.emulators import bands
from profilers.emulators.bands import HeldOut

KNOWN = ("known-v1-a", "known-v1-b", "known-v1-c")
LOCAL_S = dict(zip(KNOWN, (0.001, 0.010, 0.100), strict=True))


def device(factor, **others_s):
    return {model: factor * time_s for model, time_s in LOCAL_S.items()} | others_s


def errors(*log_errors, model="net"):
    return [
        HeldOut(local="a", device="b", model=model, log_error=e) for e in log_errors
    ]


def test_a_model_that_behaves_like_the_known_ones_is_predicted_without_error():
    table = {"fast": device(1, other=0.02), "slow": device(5, other=0.10)}

    found = bands.held_out_errors(table, KNOWN)

    assert [(e.local, e.device, e.model) for e in found] == [
        ("fast", "slow", "other"),
        ("slow", "fast", "other"),
    ]
    assert [e.log_error for e in found] == pytest.approx([0, 0])


def test_a_model_twice_as_slow_as_predicted_is_off_by_ln_2_there_and_back():
    table = {"fast": device(1, other=0.02), "slow": device(5, other=0.20)}

    there, back = bands.held_out_errors(table, KNOWN)

    assert there.log_error == pytest.approx(math.log(2))
    assert back.log_error == pytest.approx(-math.log(2))


def test_two_devices_with_two_known_models_in_common_teach_nothing():
    table = {"fast": device(1, other=0.02), "slow": device(5, other=0.10)}
    del table["slow"]["known-v1-b"]

    assert bands.held_out_errors(table, KNOWN) == ()


def test_a_family_with_many_members_does_not_outvote_one_with_few():
    many = errors(*[0.0] * 99, model="mobilenet-v1-1.0-224")
    few = errors(0.7, model="efficientnet-lite0")

    assert bands.quantile(many + few, 0.9) == 0.7


def test_the_band_of_a_lognormal_sample_is_its_own_ninety_percent_quantile():
    # Its quantiles at the middles of 1,000 steps.
    sample = [NormalDist(0, 0.2).inv_cdf((i + 0.5) / 1000) for i in range(1000)]

    sigma = bands.sigma(errors(*sample))

    assert sigma == pytest.approx(0.2, rel=0.01)


def test_the_band_means_what_evidence_says_it_means():
    sample = errors(*[i / 1000 for i in range(1000)])
    band_frac = math.expm1(bands.quantile(sample, 0.9))

    evidence = Evidence(
        provenance=Provenance.EMULATED,
        source="a test",
        as_of=dt.date(2026, 1, 1),
        error_frac=band_frac,
    )

    assert evidence.sigma() == pytest.approx(bands.sigma(sample))


def test_errors_that_are_always_to_the_safe_side_make_no_band():
    assert bands.sigma(errors(-0.5, -0.4, -0.3)) == 0


def test_coverage_counts_what_lies_within():
    sample = errors(0.0, 0.1, 0.2, 0.3)

    assert bands.coverage_frac(sample, 0.2) == pytest.approx(0.75)


def test_pairs_with_the_same_instruction_sets_are_kept_to_themselves():
    x86, arm = ("x1", "x2", "x3"), ("a1", "a2", "a3")
    every = [
        HeldOut(local=i, device=j, model="net", log_error=0.0)
        for i in x86 + arm
        for j in x86 + arm
        if i != j
    ]
    sets = dict.fromkeys(x86, "x86_64") | dict.fromkeys(arm, "arm64")

    chosen = bands.alike(every, sets, local_isa="x86_64", device_isa="arm64")

    assert {(e.local, e.device) for e in chosen} == {(i, j) for i in x86 for j in arm}


def test_too_few_devices_of_a_kind_are_pooled_with_all():
    every = [
        HeldOut(local=i, device=j, model="net", log_error=0.0)
        for i, j in (("x1", "a1"), ("x2", "a1"), ("x3", "a1"), ("a1", "x1"))
    ]
    sets = {"x1": "x86_64", "x2": "x86_64", "x3": "x86_64", "a1": "arm64"}

    assert bands.alike(every, sets, local_isa="x86_64", device_isa="arm64") == every
