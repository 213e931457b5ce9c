"""The catalogue against figures read by hand from the sources that it cites."""

import datetime as dt
import statistics
from dataclasses import replace

import pytest

from planner.domain.hardware import DeviceKind, Purchase
from planner.domain.profiles import BatchProfile, LoadCurve
from planner.domain.quotes import InstanceQuote, PriceSnapshot
from planner.domain.variants import Precision, Runtime
from planner.errors import UnknownReferenceError
from planner.reference.catalog import Catalog

CATALOG = Catalog.shipped()
BOTH = (Purchase.ON_DEMAND, Purchase.SPOT)


def offer(name):
    provider, region, *_ = name.split("/")
    found = {o.name: o for o in CATALOG.offers(provider, [region], BOTH)}
    return found[name]


def profile(model, device, precision, runtime):
    (found,) = [
        p
        for p in CATALOG.profiles(model)
        if (p.device, p.variant.precision, p.variant.runtime)
        == (device, precision, runtime)
    ]
    return found


@pytest.mark.parametrize(
    ("name", "usd_per_h", "device", "count"),
    [
        # AWS list prices of us-east-1, https://aws.amazon.com/ec2/pricing/on-demand/
        ("aws/us-east-1/c7g.2xlarge/on_demand", 0.29, "graviton3-8vcpu", 1),
        ("aws/us-east-1/c5.4xlarge/on_demand", 0.68, "xeon-cascade-lake-3ghz-16vcpu", 1),
        ("aws/us-east-1/g6.xlarge/on_demand", 0.8048, "nvidia-l4", 1),
        ("aws/us-east-1/g5.12xlarge/on_demand", 5.672, "nvidia-a10g", 4),
        ("aws/us-east-1/p3.2xlarge/on_demand", 3.06, "nvidia-v100-16gb-sxm", 1),
        ("aws/us-east-1/t4g.medium/on_demand", 0.0336, "graviton2-burstable-2vcpu", 1),
    ],
)  # fmt: skip
def test_an_offer_has_the_list_price_and_the_device_of_its_family(
    name, usd_per_h, device, count
):
    found = offer(name)

    assert found.price_usd_per_h == pytest.approx(usd_per_h)
    assert (found.device, found.device_count) == (device, count)


def test_a_cpu_offer_has_the_memory_of_the_instance():
    assert offer("aws/us-east-1/m7g.2xlarge/on_demand").memory_bytes == 32 * 1024**3


def test_a_gpu_offer_has_the_memory_of_its_accelerators_together():
    assert offer("aws/us-east-1/g5.12xlarge/on_demand").memory_bytes == 4 * 24e9


def test_a_spot_offer_of_aws_states_its_interruption_bucket_and_that_it_is_an_estimate():
    found = offer("aws/eu-central-1/c7g.2xlarge/spot")

    assert 0.05 <= found.interruption_frac_per_month <= 1
    assert "estimate" in found.price_source
    assert (
        found.price_usd_per_h
        < offer("aws/eu-central-1/c7g.2xlarge/on_demand").price_usd_per_h
    )


def test_only_the_purchases_asked_for_are_offered():
    offers = CATALOG.offers("aws", ["us-east-1"], [Purchase.ON_DEMAND])

    assert {o.purchase for o in offers} == {Purchase.ON_DEMAND}


def test_the_sweeps_own_example_is_shipped_as_published():
    fp32 = profile(
        "mobilenet-v2-1.0-224", "raspberry-pi-4", Precision.FP32, Runtime.TFLITE
    )
    int8 = profile(
        "mobilenet-v2-1.0-224", "raspberry-pi-4", Precision.INT8, Runtime.TFLITE
    )

    assert fp32.points[0].p50_s == pytest.approx(0.0616, abs=5e-5)
    assert fp32.quality.value_frac == pytest.approx(0.7177)
    assert int8.points[0].p50_s == pytest.approx(0.0230, abs=5e-5)
    assert int8.quality.value_frac == pytest.approx(0.7054, abs=5e-5)
    assert fp32.quality.n_samples == 50_000


def test_mlperf_results_carry_the_words_that_mlcommons_asks_for():
    for model in ("mobilenet-v2-1.0-224", "resnet-50", "retinanet-800"):
        for p in CATALOG.profiles(model):
            if "MLPerf" in p.evidence.source:
                assert "not verified by MLCommons Association" in p.evidence.source


def test_a_profile_of_the_sweep_names_round_division_submitter_and_log():
    source = profile(
        "mobilenet-v2-1.0-224", "raspberry-pi-4", Precision.INT8, Runtime.TFLITE
    ).evidence.source

    assert "v2.1, open division" in source
    assert "Krai" in source
    assert "open/Krai/results/rpi4-tflite-v2.7.1-ruy/" in source


def test_a_model_runs_on_an_edge_board_and_on_an_instance_that_is_sold():
    devices = {p.device for p in CATALOG.profiles("mobilenet-v2-1.0-224")}
    sold = {o.device for o in CATALOG.offers("aws", ["eu-central-1"], BOTH)}

    assert "raspberry-pi-4" in devices
    assert "graviton3-8vcpu" in devices & sold


def test_detectors_run_on_boards_with_and_without_an_edge_tpu():
    found = {p.device: p for p in CATALOG.profiles("efficientdet-lite0")}

    assert found["raspberry-pi-4"].quality.metric == "map50_95"
    assert (
        found["raspberry-pi-4-coral-usb"].points[0].p50_s
        < found["raspberry-pi-4"].points[0].p50_s
    )


@pytest.mark.parametrize(
    "device",
    [
        "nvidia-l4",
        "nvidia-a10g",
        "nvidia-a100-80gb-pcie",
        "nvidia-h100-80gb-sxm",
        "nvidia-h200-141gb-sxm",
    ],
)
def test_an_8b_language_model_has_a_load_curve_on_the_gpu(device):
    curves = [
        p
        for p in CATALOG.profiles("llama-3.1-8b")
        if isinstance(p, LoadCurve) and p.device == device
    ]

    assert curves
    assert all(c.variant.runtime is Runtime.VLLM for c in curves)
    assert {(c.prompt_tokens, c.output_tokens) for c in curves} >= {(256, 128)}


def test_a_load_curve_obeys_littles_law_at_every_point():
    for p in CATALOG.profiles("llama-3.1-8b"):
        if isinstance(p, LoadCurve):
            for point in p.points:
                implied = point.rate_rps * point.e2e_p50_s
                assert implied == pytest.approx(point.concurrency, rel=0.35)


def test_tpot_of_a_load_curve_is_a_further_tokens_and_holds_no_first_one():
    answers = [
        (p.ttft_p50_s + (curve.output_tokens - 1) * p.tpot_p50_s) / p.e2e_p50_s
        for model in CATALOG.models()
        for curve in CATALOG.profiles(model.name)
        if isinstance(curve, LoadCurve)
        for p in curve.points
    ]

    assert len(answers) > 700
    assert 0.995 < statistics.median(answers) < 1.005
    # Medians of parts need not add up to the median of the whole, at two saturated loads.
    assert sum(abs(ratio - 1) > 0.05 for ratio in answers) <= 0.01 * len(answers)


def test_quality_of_a_quantization_is_the_ratio_of_published_perplexities():
    # llama.cpp pull request 1684, LLaMA 7B on wikitext-2.
    published = {"q2_k": 6.7764, "q4_k_m": 5.9601, "q6_k": 5.9110, "fp16": 5.9066}

    found = {p.variant.precision: p.quality for p in CATALOG.profiles("llama-7b")}

    for precision, perplexity in published.items():
        quality = found[Precision(precision)]
        assert quality.metric == "perplexity_ratio"
        assert quality.value_frac == pytest.approx(5.9066 / perplexity, abs=1e-5)


def test_heavier_quantization_of_the_same_model_is_faster_smaller_and_worse():
    by_size = sorted(
        (
            p
            for p in CATALOG.profiles("llama-7b")
            if p.device == "desktop-ryzen-9-7950x"
        ),
        key=lambda p: p.memory_bytes,
    )

    rates = [p.output_tokens_per_s for p in by_size]
    qualities = [p.quality.value_frac for p in by_size]
    assert len(by_size) == 6
    assert rates == sorted(rates, reverse=True)
    assert qualities == sorted(qualities)


def test_gpu_tables_have_several_batches_with_growing_throughput():
    found = profile("resnet-50", "nvidia-t4", Precision.FP16, Runtime.ONNXRUNTIME)

    rates = [p.batch / p.p50_s for p in found.points]

    assert [p.batch for p in found.points] == [1, 2, 4, 8, 16, 32, 64, 128]
    assert rates == sorted(rates)


def test_every_figure_can_be_dated():
    device = CATALOG.device("nvidia-l4")
    p = CATALOG.profiles("llama-3.1-8b")[0]

    assert isinstance(device.as_of, dt.date)
    assert p.evidence.as_of >= dt.date(2026, 6, 1)


def test_a_cpu_shape_of_any_size_is_a_device():
    device = CATALOG.device("graviton3-12vcpu")

    assert (device.kind, device.cores) == (DeviceKind.CPU, 12)
    assert device.architecture == "arm64"


@pytest.mark.parametrize(
    "name", ["raspberry-pi4", "graviton9-8vcpu", "graviton3-0vcpu"]
)
def test_an_unknown_device_is_refused_with_the_nearest_names(name):
    with pytest.raises(UnknownReferenceError) as refused:
        CATALOG.device(name)

    assert refused.value.name == name
    assert refused.value.nearest


def test_unknown_models_providers_and_regions_are_refused_with_names_that_exist():
    with pytest.raises(UnknownReferenceError, match=r"mobilenet-v2-1\.0-224"):
        CATALOG.profiles("mobilenet-v2-1.0")
    with pytest.raises(UnknownReferenceError, match="aws"):
        CATALOG.offers("amazon", ["us-east-1"], BOTH)
    with pytest.raises(UnknownReferenceError, match="eu-central-1"):
        CATALOG.offers("aws", ["eu-central"], BOTH)


def snapshot(region, usd_per_h, provider="aws"):
    return PriceSnapshot(
        provider=provider,
        regions=(region,),
        taken_at=dt.datetime(2026, 11, 1, tzinfo=dt.UTC),
        quotes=(
            InstanceQuote(
                provider=provider,
                region=region,
                instance_type="c7g.2xlarge",
                vcpus=8,
                memory_bytes=16 * 1024**3,
                accelerator=None,
                accelerator_count=0,
                on_demand_usd_per_h=usd_per_h,
                on_demand_source="asked today",
                on_demand_as_of=dt.date(2026, 11, 1),
            ),
        ),
    )


def test_a_snapshot_replaces_the_shipped_prices_of_its_regions_only():
    catalog = CATALOG.with_snapshot(snapshot("us-east-1", 0.25))

    own = catalog.offers("aws", ["us-east-1"], BOTH)
    shipped = catalog.offers("aws", ["us-west-2"], BOTH)

    assert [(o.price_usd_per_h, o.price_source) for o in own] == [(0.25, "asked today")]
    assert shipped == CATALOG.offers("aws", ["us-west-2"], BOTH)


def test_of_two_snapshots_of_a_region_the_last_counts():
    catalog = CATALOG.with_snapshot(snapshot("us-east-1", 0.25)).with_snapshot(
        snapshot("us-east-1", 0.5)
    )

    assert [o.price_usd_per_h for o in catalog.offers("aws", ["us-east-1"], BOTH)] == [
        0.5
    ]


def test_batch_profiles_are_of_one_replica_on_one_device():
    for p in CATALOG.profiles("retinanet-800"):
        assert isinstance(p, BatchProfile)
        assert p.device_count == 1


def test_a_snapshot_keeps_how_often_spot_machines_are_taken_away():
    fresh = snapshot("us-east-1", 0.25)
    quote = replace(
        fresh.quotes[0],
        instance_type="c7g.2xlarge",
        spot_usd_per_h=0.1,
        spot_source="a test",
        spot_as_of=fresh.quotes[0].on_demand_as_of,
    )
    catalog = CATALOG.with_snapshot(replace(fresh, quotes=(quote,)))

    (spot,) = catalog.offers("aws", ["us-east-1"], [Purchase.SPOT])

    shipped = offer("aws/us-east-1/c7g.2xlarge/spot")
    assert spot.price_usd_per_h == 0.1
    assert spot.interruption_frac_per_month == shipped.interruption_frac_per_month
    assert spot.interruption_frac_per_month is not None
