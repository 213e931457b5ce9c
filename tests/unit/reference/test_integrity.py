"""Every rule of the facts finds the fact that breaks it, and passes the one that does not."""

import datetime as dt
from dataclasses import replace

import pytest

from planner.domain.evidence import Evidence, Provenance
from planner.domain.hardware import Device, DeviceKind, Offer, Purchase
from planner.domain.profiles import (
    BatchProfile,
    LoadCurve,
    LoadPoint,
    Quality,
    ServicePoint,
    TokenPoint,
    TokenRates,
)
from planner.domain.quotes import InstanceQuote, PriceSnapshot
from planner.domain.variants import Precision, Runtime, Variant
from planner.reference.integrity import (
    check_devices,
    check_offers,
    check_profiles,
    check_quotes,
    check_snapshot,
)

TODAY = dt.date(2026, 11, 24)
TOMORROW = TODAY + dt.timedelta(days=1)

DEVICE = Device(
    name="board-1",
    kind=DeviceKind.EDGE,
    description="a board",
    source="datasheet",
    as_of=TODAY,
    memory_bytes=4e9,
    idle_w=2.0,
    active_w=5.0,
)
OFFER = Offer(
    name="aws/r/t/on_demand",
    provider="aws",
    site="r",
    instance_type="t",
    device="board-1",
    device_count=1,
    purchase=Purchase.ON_DEMAND,
    price_usd_per_h=1.0,
    price_source="list",
    price_as_of=TODAY,
)
SPOT = replace(OFFER, name="aws/r/t/spot", purchase=Purchase.SPOT, price_usd_per_h=0.4)
QUOTE = InstanceQuote(
    provider="aws",
    region="r",
    instance_type="t",
    vcpus=2,
    memory_bytes=4e9,
    accelerator=None,
    accelerator_count=0,
    on_demand_usd_per_h=1.0,
    on_demand_source="list",
    on_demand_as_of=TODAY,
    spot_usd_per_h=0.4,
    spot_source="history",
    spot_as_of=TODAY,
    interruption_frac_per_month=0.05,
)
SNAPSHOT = PriceSnapshot(
    provider="aws",
    regions=("r",),
    taken_at=dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC),
    quotes=(QUOTE,),
)
EVIDENCE = Evidence(
    provenance=Provenance.IMPORTED, source="a page", as_of=TODAY, error_frac=0.1
)
QUALITY = Quality(
    metric="top1_accuracy", value_frac=0.7, low_frac=0.69, high_frac=0.71, source="s"
)
POINT = ServicePoint(batch=1, p50_s=0.01, mean_s=0.011, p90_s=0.012, p99_s=0.02)
BATCHES = BatchProfile(
    model="m",
    variant=Variant(precision=Precision.INT8, runtime=Runtime.TFLITE),
    device="board-1",
    points=(POINT, replace(POINT, batch=2)),
    evidence=EVIDENCE,
    quality=QUALITY,
)
LOAD = LoadPoint(
    concurrency=1.0,
    rate_rps=1.0,
    ttft_p50_s=0.1,
    ttft_p95_s=0.2,
    ttft_p99_s=0.3,
    tpot_p50_s=0.01,
    tpot_p95_s=0.02,
    tpot_p99_s=0.03,
    e2e_p50_s=1.0,
    e2e_p95_s=1.1,
    e2e_p99_s=1.2,
    output_tokens_per_s=100.0,
)
CURVE = LoadCurve(
    model="m",
    variant=Variant(precision=Precision.BF16, runtime=Runtime.VLLM),
    device="board-1",
    prompt_tokens=256,
    output_tokens=128,
    points=(LOAD, replace(LOAD, rate_rps=2.0)),
    evidence=EVIDENCE,
)
RATES = TokenRates(
    model="m",
    variant=Variant(precision=Precision.Q4_K_M, runtime=Runtime.LLAMA_CPP),
    device="board-1",
    prompt_tokens_per_s=100.0,
    output_tokens_per_s=10.0,
    evidence=EVIDENCE,
)


def is_device(name):
    return name == "board-1"


def test_facts_that_keep_the_rules_have_no_violations():
    assert check_devices([DEVICE], today=TODAY) == ()
    assert check_offers([OFFER, SPOT], is_device=is_device, today=TODAY) == ()
    assert check_quotes([QUOTE], today=TODAY) == ()
    assert check_snapshot(SNAPSHOT) == ()
    profiles = [BATCHES, CURVE, RATES]
    assert check_profiles(profiles, is_device=is_device, today=TODAY) == ()


@pytest.mark.parametrize(
    ("devices", "violation"),
    [
        ([DEVICE, DEVICE], "stands there 2 times"),
        ([replace(DEVICE, name="Board_1")], "lower-kebab"),
        ([replace(DEVICE, memory_bytes=0.0)], "memory_bytes is 0"),
        ([replace(DEVICE, active_w=float("inf"))], "active_w is inf"),
        ([replace(DEVICE, capex_usd=-1.0)], "capex_usd is -1"),
        ([replace(DEVICE, source=" ")], "no source"),
        ([replace(DEVICE, as_of=TOMORROW)], "in the future"),
        ([replace(DEVICE, idle_w=6.0)], "idles at more watts"),
    ],
)
def test_a_wrong_device_is_found(devices, violation):
    (found,) = check_devices(devices, today=TODAY)

    assert violation in found


@pytest.mark.parametrize(
    ("offers", "violation"),
    [
        ([OFFER, OFFER], "stands there 2 times"),
        ([replace(OFFER, price_usd_per_h=0.0)], "price_usd_per_h is 0"),
        ([replace(OFFER, price_usd_per_h=float("nan"))], "price_usd_per_h is nan"),
        ([replace(OFFER, device_count=0)], "device_count is 0"),
        ([replace(OFFER, device="board-2")], "unknown device board-2"),
        ([replace(OFFER, price_source="")], "no source"),
        ([replace(OFFER, price_as_of=TOMORROW)], "in the future"),
        ([replace(SPOT, interruption_frac_per_month=1.5)], "not a fraction"),
        ([OFFER, replace(SPOT, price_usd_per_h=1.01)], "more than on-demand"),
    ],
)
def test_a_wrong_offer_is_found(offers, violation):
    (found,) = check_offers(offers, is_device=is_device, today=TODAY)

    assert violation in found


@pytest.mark.parametrize(
    ("quotes", "violation"),
    [
        ([QUOTE, QUOTE], "stands there 2 times"),
        ([replace(QUOTE, on_demand_usd_per_h=-0.1, spot_usd_per_h=None)], "is -0.1"),
        ([replace(QUOTE, spot_usd_per_h=1.2)], "more than on-demand"),
        ([replace(QUOTE, vcpus=0)], "vcpus is 0"),
        ([replace(QUOTE, memory_bytes=float("nan"))], "memory_bytes is nan"),
        ([replace(QUOTE, on_demand_usd_per_h=None, spot_usd_per_h=None)], "no price"),
        ([replace(QUOTE, on_demand_source="")], "no source"),
        ([replace(QUOTE, on_demand_as_of=TOMORROW)], "in the future"),
        ([replace(QUOTE, spot_as_of=None)], "no date"),
        ([replace(QUOTE, interruption_frac_per_month=-0.1)], "not within 0 and 1"),
        ([replace(QUOTE, accelerator="L4")], "contradict each other"),
        ([replace(QUOTE, accelerator="L4", accelerator_count=-1)], "is -1"),
    ],
)
def test_a_wrong_quote_is_found(quotes, violation):
    (found,) = check_quotes(quotes, today=TODAY)

    assert violation in found


@pytest.mark.parametrize(
    ("snapshot", "violation"),
    [
        (replace(SNAPSHOT, quotes=()), "no quotes"),
        (replace(SNAPSHOT, regions=("r", "s")), "region s has no quotes"),
        (replace(SNAPSHOT, quotes=(QUOTE, replace(QUOTE, region="s"))), "outside"),
        (replace(SNAPSHOT, quotes=(replace(QUOTE, provider="gcp"),)), "outside"),
        (
            replace(
                SNAPSHOT,
                taken_at=SNAPSHOT.taken_at.astimezone(
                    dt.timezone(dt.timedelta(hours=2))
                ),
            ),
            "not UTC",
        ),
        (
            replace(SNAPSHOT, taken_at=SNAPSHOT.taken_at - dt.timedelta(days=2)),
            "in the future",
        ),
    ],
)
def test_a_wrong_snapshot_is_not_published(snapshot, violation):
    found = check_snapshot(snapshot)

    assert any(violation in v for v in found)


def batches(**changes):
    return replace(BATCHES, points=(replace(POINT, **changes),))


def loads(**changes):
    return replace(CURVE, points=(replace(LOAD, **changes),))


@pytest.mark.parametrize(
    ("profile", "violation"),
    [
        (replace(BATCHES, device="board-2"), "unknown device"),
        (replace(BATCHES, device_count=0), "device_count is 0"),
        (replace(BATCHES, memory_bytes=-1.0), "memory_bytes is -1"),
        (replace(BATCHES, points=()), "has no points"),
        (replace(BATCHES, points=BATCHES.points[::-1]), "do not ascend by batch"),
        (batches(p50_s=0.013), "percentiles do not ascend"),
        (batches(p95_s=0.011), "percentiles do not ascend"),
        (batches(p95_s=0.03), "percentiles do not ascend"),
        (batches(p50_s=0.0), "not a positive time"),
        (batches(mean_s=-1.0), "mean_s is -1"),
        (batches(energy_j=-3.0), "energy_j is -3"),
        (replace(BATCHES, rested_s=-0.002), "rested_s is -0.002"),
        (replace(BATCHES, batch_grid=(0, 4)), "a batch of none"),
        (
            replace(BATCHES, variant=replace(BATCHES.variant, sparsity_frac=1.5)),
            "sparsity_frac is not within",
        ),
        (replace(BATCHES, evidence=replace(EVIDENCE, source="")), "no source"),
        (replace(BATCHES, evidence=replace(EVIDENCE, as_of=TOMORROW)), "future"),
        (replace(BATCHES, evidence=replace(EVIDENCE, error_frac=-0.1)), "error_frac"),
        (
            replace(
                BATCHES,
                quality=replace(
                    QUALITY, value_frac=70.0, low_frac=None, high_frac=None
                ),
            ),
            "not within 0 and 1",
        ),
        (replace(BATCHES, quality=replace(QUALITY, low_frac=0.705)), "outside its own"),
        (replace(BATCHES, quality=replace(QUALITY, metric="")), "no metric"),
        (replace(CURVE, points=()), "has no points"),
        (replace(CURVE, points=(LOAD, LOAD)), "do not ascend by rate"),
        (replace(CURVE, prompt_tokens=0), "at least a token"),
        (loads(rate_rps=0.0), "rate_rps is 0"),
        (loads(concurrency=float("nan")), "concurrency is nan"),
        (loads(ttft_p95_s=0.05), "TTFT percentiles do not ascend"),
        (loads(tpot_p99_s=0.015), "TPOT percentiles do not ascend"),
        (loads(e2e_p95_s=1.3), "E2E percentiles do not ascend"),
        (
            loads(ttft_p50_s=2.0, ttft_p95_s=2.0, ttft_p99_s=2.0),
            "first token comes after the last",
        ),
        (replace(RATES, prompt_tokens_per_s=0.0), "prompt_tokens_per_s is 0"),
        (replace(RATES, output_tokens_per_s=-1.0), "output_tokens_per_s is -1"),
        (
            replace(
                RATES,
                grid=(
                    TokenPoint(batch=1, context_tokens=64, prefill_s=0.1, step_s=-0.01),
                ),
            ),
            "step_s is -0.01",
        ),
    ],
)
def test_a_wrong_profile_is_found(profile, violation):
    (found,) = check_profiles([profile], is_device=is_device, today=TODAY)

    assert violation in found


def test_the_same_profile_twice_is_found():
    (found,) = check_profiles([CURVE, CURVE], is_device=is_device, today=TODAY)

    assert "stands there 2 times" in found
    assert "256+128 tokens" in found


def test_the_same_model_under_another_request_shape_is_another_profile():
    other = replace(CURVE, prompt_tokens=1024)

    assert check_profiles([CURVE, other], is_device=is_device, today=TODAY) == ()
