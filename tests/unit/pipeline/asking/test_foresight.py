"""What is predicted from the shipped tables, against rows that were held back."""

import datetime as dt
import math
from dataclasses import replace

import pytest

from planner.domain.evidence import Evidence, Provenance
from planner.domain.profiles import BatchProfile, LoadCurve
from planner.domain.servers import ServerCost, Timing
from planner.domain.variants import Precision, Runtime, Variant
from planner.pipeline.asking.atlas import Atlas
from planner.pipeline.asking.foresight import foresee, in_precision, predicted_profiles
from planner.reference.catalog import Catalog
from planner.reference.relatives import RELATIVES

CATALOG = Catalog.shipped()


@pytest.fixture(scope="module")
def atlas():
    return Atlas.of(CATALOG)


def ask(atlas, model, device, *, without=None):
    """Foresight for a device, with what was published of it held back if so asked."""
    profiles = [p for p in CATALOG.profiles(model) if p.device != without]
    return foresee(
        model, profiles, CATALOG.device(device), atlas=atlas, catalog=CATALOG
    )


def published(model, device, precision, runtime):
    return next(
        p
        for p in CATALOG.profiles(model)
        if (p.device, p.variant.precision, p.variant.runtime)
        == (device, precision, runtime)
    )


@pytest.mark.parametrize("device", ["graviton3-8vcpu", "rk3588", "macbook-pro-m1"])
def test_a_held_back_row_lies_within_the_stated_interval(atlas, device):
    truth = published(
        "mobilenet-v1-0.75-128", device, Precision.INT8, Runtime.TFLITE
    ).points[0]

    found = ask(atlas, "mobilenet-v1-0.75-128", device, without=device)

    told = next(
        p
        for p in found.predictions
        if (p.profile.variant.precision, p.profile.variant.runtime)
        == (Precision.INT8, Runtime.TFLITE)
    )
    assert told.low_s <= truth.p50_s <= told.high_s
    assert told.profile.points[0].p50_s == pytest.approx(truth.p50_s, rel=0.2)


def test_what_was_published_for_the_device_is_never_predicted_over(atlas):
    found = ask(atlas, "mobilenet-v2-1.0-224", "graviton3-8vcpu")

    measured = {p.variant for p in found.measured}
    assert measured
    assert measured.isdisjoint(p.profile.variant for p in found.predictions)


def test_every_prediction_says_that_it_is_one_and_from_which_rows(atlas):
    for device in ("graviton3-2vcpu", "nvidia-t4"):
        for model in ("mobilenet-v2-1.0-224", "resnet-50"):
            for p in ask(atlas, model, device).predictions:
                assert p.profile.evidence.provenance is Provenance.PREDICTED
                assert p.profile.evidence.error_frac > 0.02
                assert p.profile.device == device
                assert p.rows
                assert all("(" in row for row in p.rows)
                assert p.narrower
                assert "×" in p.profile.evidence.note or "peaks" in p.profile.evidence.note  # fmt: skip


def test_fewer_cores_of_the_same_processor_are_slower_but_not_by_more_than_their_number(
    atlas,
):
    whole = published(
        "mobilenet-v2-1.0-224", "graviton3-8vcpu", Precision.INT8, Runtime.ARMNN
    ).points[0]

    found = ask(atlas, "mobilenet-v2-1.0-224", "graviton3-2vcpu")

    told = next(
        p for p in found.predictions if p.profile.variant.runtime is Runtime.ARMNN
    )
    assert whole.p50_s < told.profile.points[0].p50_s <= 4 * whole.p50_s


def test_another_generation_of_processor_is_refused(atlas):
    found = ask(atlas, "mobilenet-v2-1.0-224", "graviton4-8vcpu")

    assert found.predictions == ()
    assert "graviton4-8vcpu" in found.refusals[0]


def test_a_burstable_size_is_not_predicted_from_the_whole_processor(atlas):
    found = ask(atlas, "mobilenet-v2-1.0-224", "graviton2-burstable-2vcpu")

    assert found.predictions == ()


def test_a_device_with_two_models_in_common_is_refused_with_the_number(atlas):
    found = ask(atlas, "mobilenet-v2-1.0-224", "mini-pc-ryzen-5-5560u")

    assert found.predictions == ()
    assert any("2 other models are known both there" in r for r in found.refusals)


def test_a_board_from_another_world_of_accelerators_is_not_predicted_from_gpus(atlas):
    found = ask(atlas, "llama-3.1-8b", "aws-inferentia2")

    assert found.predictions == ()


def test_a_gpu_that_was_held_back_is_predicted_from_its_peaks(atlas):
    truth = published("bert-large-squad", "nvidia-a30", Precision.INT8, Runtime.TENSORRT)  # fmt: skip

    found = ask(atlas, "bert-large-squad", "nvidia-a30", without="nvidia-a30")

    told = next(
        p for p in found.predictions if p.profile.variant.precision is Precision.INT8
    )
    assert told.profile.points[0].p50_s == pytest.approx(truth.points[0].p50_s, rel=0.3)
    assert told.low_s <= truth.points[0].p50_s <= told.high_s


def test_a_language_model_has_curves_on_a_gpu_that_was_never_loaded(atlas):
    found = ask(atlas, "llama-3.1-8b", "nvidia-l40s")

    assert len(found.predictions) == 3
    for p in found.predictions:
        curve = p.profile
        rates = [point.rate_rps for point in curve.points]
        assert rates == sorted(rates)
        assert all(
            point.ttft_p50_s <= point.ttft_p95_s <= point.ttft_p99_s
            for point in curve.points
        )


def test_a_gpu_between_two_others_lies_between_them(atlas):
    found = ask(atlas, "llama-3.1-8b", "nvidia-l40s")

    def idle_tpot_s(device):
        return min(
            p.points[0].tpot_p50_s
            for p in CATALOG.profiles("llama-3.1-8b")
            if isinstance(p, LoadCurve) and p.device == device and p.device_count == 1
        )

    told = min(p.profile.points[0].tpot_p50_s for p in found.predictions)
    assert idle_tpot_s("nvidia-a100-80gb-sxm") < told < idle_tpot_s("nvidia-l4")


def test_a_model_too_large_for_the_memory_is_refused(atlas):
    found = ask(atlas, "phi-4", "nvidia-t4")

    assert found.predictions == ()
    assert any("memory does not hold" in r for r in found.refusals)


@pytest.mark.parametrize("device", ["nvidia-h100-94gb-nvl", "nvidia-geforce-rtx-4090"])
def test_what_an_accelerator_does_without_its_tensor_cores_is_no_peak(atlas, device):
    found = ask(atlas, "llama-3.1-8b", device)

    assert found.predictions == ()
    assert "no source states its peaks" in found.refusals[0]


def curve_of(**changes):
    curve = next(
        p
        for p in CATALOG.profiles("llama-3.1-8b")
        if isinstance(p, LoadCurve) and p.device == "nvidia-l4" and p.device_count == 1
    )
    return replace(curve, **changes)


INT4 = Variant(precision=Precision.INT4, runtime=Runtime.VLLM)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "mine"}, "no source states its parameters and layers"),
        ({"variant": INT4}, "too few GPUs were loaded with models in int4"),
        ({"device_count": 2}, "several GPUs together"),
    ],
)
def test_curves_that_lead_nowhere_say_what_is_missing(atlas, changes, words):
    curve = curve_of(**changes)

    found = foresee(
        curve.model, [curve], CATALOG.device("nvidia-l40s"), atlas=atlas, catalog=CATALOG
    )  # fmt: skip

    assert found.predictions == ()
    assert words in found.refusals[0]


def test_token_rates_are_not_carried_over_and_that_is_said(atlas):
    found = ask(atlas, "llama-7b", "graviton3-2vcpu")

    assert found.predictions == ()
    assert "token rates of single requests" in found.refusals[0]


def test_an_accelerator_without_bf16_is_predicted_in_fp16(atlas):
    found = ask(atlas, "gemma-2-2b", "nvidia-t4")

    assert {p.profile.variant.precision for p in found.predictions} == {Precision.FP16}


def test_a_wide_source_gives_a_wide_prediction(atlas):
    source = published(
        "mobilenet-v2-1.0-224", "raspberry-pi-4", Precision.INT8, Runtime.TFLITE
    )
    emulated = replace(
        source,
        evidence=replace(
            source.evidence, provenance=Provenance.EMULATED, error_frac=0.6
        ),
    )

    def band(profile):
        found = foresee(
            "m", [profile], CATALOG.device("graviton3-8vcpu"), atlas=atlas, catalog=CATALOG
        )  # fmt: skip
        return min(p.profile.evidence.error_frac for p in found.predictions)

    assert band(emulated) > 0.55
    assert band(source) < 0.4


def own(model, **changes):
    """A profile of the user's own model on a board, in a published setting."""
    source = published(
        "mobilenet-v2-1.0-224", "raspberry-pi-4", Precision.INT8, Runtime.TFLITE
    )
    return replace(source, model=model, model_sha256="1f" * 32, **changes)


def told_of(atlas, source, device):
    found = foresee(
        source.model, [source], CATALOG.device(device), atlas=atlas, catalog=CATALOG
    )
    return next(
        p for p in found.predictions
        if p.profile.variant.runtime is source.variant.runtime
    )  # fmt: skip


def test_the_users_own_model_borrows_nothing_from_a_published_one_of_its_name(atlas):
    stranger, named, sibling = (
        told_of(atlas, own(name), "graviton3-8vcpu")
        for name in ("mine", "mobilenet-v2-1.0-224", "mobilenet-v2-mine")
    )

    assert "times alone" in named.profile.evidence.note
    for told in (named, sibling):
        assert (told.low_s, told.high_s) == (stranger.low_s, stranger.high_s)


SERVER = ServerCost(
    server="ours",
    processor_s=4e-4,
    latency_s=2e-4,
    rested_s=1e-4,
    shared_frac=0.25,
    evidence=Evidence(
        provenance=Provenance.MEASURED,
        source="a stopwatch",
        as_of=dt.date(2026, 8, 1),
        error_frac=0.1,
    ),
)


def test_what_serving_costs_elsewhere_is_predicted_with_the_model_and_said_to_be(atlas):
    source = own("mine", server=SERVER, rested_s=1e-3)

    told = told_of(atlas, source, "graviton3-8vcpu").profile

    ratio = told.points[0].p50_s / source.points[0].p50_s
    assert ratio < 0.5
    assert told.server.processor_s == pytest.approx(SERVER.processor_s * ratio)
    assert told.server.rested_s == pytest.approx(SERVER.rested_s * ratio)
    assert told.rested_s == pytest.approx(source.rested_s * ratio)
    assert told.server.evidence.provenance is Provenance.PREDICTED
    assert told.server.evidence.error_frac > told.evidence.error_frac
    assert "raspberry-pi-4" in told.server.evidence.source


def test_on_another_size_of_a_processor_a_request_takes_the_server_one_thread_as_here(
    atlas,
):
    source = own("mine", device="graviton3-8vcpu", server=SERVER)

    told = told_of(atlas, source, "graviton3-2vcpu").profile

    assert told.server.processor_s == SERVER.processor_s
    assert told.server.shared_frac == 1.0
    assert told.server.evidence.provenance is Provenance.PREDICTED
    assert "graviton3-8vcpu" in told.server.evidence.source


def test_times_with_a_server_in_them_and_without_are_in_no_column_together(atlas):
    served = [s for s in atlas.columns if s.timing is Timing.SERVER]

    assert served
    for setting, column in atlas.columns.items():
        assert {p.timing for p in column.values()} == {setting.timing}


def test_an_emulated_source_is_named_as_one(atlas):
    source = own("mine")
    known = replace(source.evidence, provenance=Provenance.EMULATED)

    told = told_of(atlas, replace(source, evidence=known), "graviton3-8vcpu")

    assert "(emulated: " in told.rows[0]
    assert "emulated" not in told_of(atlas, source, "graviton3-8vcpu").rows[0]


def test_it_does_not_matter_in_which_order_the_hosts_of_a_gpu_were_published(atlas):
    turned = replace(atlas, curves=tuple(reversed(atlas.curves)))

    one, other = (first_tokens(a, None) for a in (atlas, turned))

    assert one == pytest.approx(other)


def test_predicted_profiles_leave_measured_devices_alone():
    profiles = CATALOG.profiles("mobilenet-v2-1.0-224")
    rented = {"graviton3-8vcpu": (None,), "graviton3-4vcpu": (None,)}

    added = predicted_profiles(profiles, rented, CATALOG)

    assert {p.device for p in added} == {"graviton3-4vcpu"}
    assert all(isinstance(p, BatchProfile) for p in added)


def test_predictions_are_not_predicted_from():
    profiles = CATALOG.profiles("mobilenet-v2-1.0-224")
    two = predicted_profiles(profiles, {"graviton3-2vcpu": (None,)}, CATALOG)

    again = predicted_profiles(two, {"graviton3-4vcpu": (None,)}, CATALOG)

    assert again == ()


def test_profiles_are_chosen_by_precision():
    profiles = CATALOG.profiles("mobilenet-v2-1.0-224")

    only = in_precision(profiles, Precision.INT8)

    assert {p.variant.precision for p in only} == {Precision.INT8}
    assert in_precision(profiles, None) == profiles


def first_tokens(atlas, beside):
    """TTFT and TPOT of a small model's first load, and how sure they are."""
    found = foresee(
        "smollm2-135m",
        CATALOG.profiles("smollm2-135m"),
        CATALOG.device("nvidia-l40s"),
        atlas=atlas,
        catalog=CATALOG,
        hosts=(beside,),
    )
    profile = found.predictions[0].profile
    point = profile.points[0]
    return point.ttft_p50_s, point.tpot_p50_s, profile.evidence.error_frac


def test_first_tokens_wait_for_the_host_that_is_named_and_are_surer_for_it(atlas):
    anywhere = first_tokens(atlas, None)
    provider = first_tokens(atlas, "aws")
    instance = first_tokens(atlas, "aws g6e.xlarge")

    assert anywhere[1] == provider[1] == instance[1]
    assert anywhere[2] > provider[2]
    # All hosts of this GPU that are known are this provider's and much alike.
    assert instance[0] == pytest.approx(provider[0], rel=0.05)


def test_small_models_first_tokens_on_the_gpu_held_back_follow_its_host(atlas):
    """Published beside two hosts: 17.1 ms on the slow one, 10.1 ms on the fast one."""
    others = [p for p in CATALOG.profiles("smollm2-135m") if p.device != "nvidia-l4"]

    def ttft_s(beside):
        (short, *_) = foresee(
            "smollm2-135m", others, CATALOG.device("nvidia-l4"), atlas=atlas,
            catalog=CATALOG, hosts=(beside,),
        ).predictions  # fmt: skip
        return short.profile.points[0].ttft_p50_s

    assert ttft_s("gcp g2-standard-16") == pytest.approx(0.0171, rel=0.25)
    assert ttft_s("upcloud GPU-12xCPU-128GB-1xL4") == pytest.approx(0.0101, rel=0.3)


def test_a_board_without_a_table_is_told_from_its_relative_by_the_argued_factor(atlas):
    found = ask(atlas, "mobilenet-v2-1.0-224", "raspberry-pi-5")

    truth = published(
        "mobilenet-v2-1.0-224", "rk3588", Precision.INT8, Runtime.TFLITE
    ).points[0]
    told = next(
        p
        for p in found.predictions
        if (p.profile.variant.precision, p.profile.variant.runtime)
        == (Precision.INT8, Runtime.TFLITE)
    )
    factor = RELATIVES["raspberry-pi-5"].factors[Precision.INT8]
    for point_s, bound_s in (
        (told.low_s, factor.low_ratio * truth.p50_s),
        (told.high_s, factor.high_ratio * truth.p50_s),
    ):
        # Bounds are quantiles of 10 and 90 %, the interval's ends of 5 and 95 %.
        assert abs(math.log(point_s / truth.p50_s)) >= abs(
            math.log(bound_s / truth.p50_s)
        )
    assert told.profile.points[0].p50_s == pytest.approx(
        truth.p50_s * factor.middle_ratio
    )
    assert "Cortex-A76" in told.profile.evidence.note
    assert "top500-benchmark" in told.profile.evidence.source


def test_a_precision_that_no_factor_is_argued_for_is_not_told_by_a_relative(atlas):
    emulated = replace(
        published("mobilenet-v2-1.0-224", "rk3588", Precision.FP32, Runtime.TFLITE),
        variant=Variant(precision=Precision.BF16, runtime=Runtime.ONNXRUNTIME),
    )

    found = foresee(
        "mine", [emulated], CATALOG.device("raspberry-pi-5"), atlas=atlas, catalog=CATALOG
    )  # fmt: skip

    assert found.predictions == ()
    assert found.refusals
