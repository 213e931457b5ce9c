"""Over the shipped catalogue, with this machine's times given, not measured."""

import math

import pytest

from planner.domain.evidence import Provenance
from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import DeviceUnavailableError, UnknownReferenceError
from planner.reference.catalog import Catalog
from planner.reference.relatives import RELATIVES
from profilers.emulators import calibration
from profilers.emulators.emulator import SYSTEM_BYTES, Emulators, Host
from profilers.trials import Envelope, Failure, Trial
from tests.support.timed import measurement, point

PI_4 = "raspberry-pi-4"
HERE = Host(cores=2, isa="x86_64")


@pytest.fixture
def catalog():
    return Catalog.shipped()


@pytest.fixture
def emulators(catalog):
    return Emulators(catalog, host=HERE)


def measured(p50_s, **changes):
    return measurement(point(p50_s), **changes)


def published_s(catalog, model, precision, device=PI_4):
    return min(
        p.points[0].p50_s
        for p in catalog.profiles(model)
        if p.device == device
        and p.variant.precision is precision
        and p.variant.runtime in {Runtime.TFLITE, Runtime.ARMNN}
    )


def as_fast_as_a_pi_4(catalog, emulators, *, times=1.0):
    """Calibration results of a machine that is a Raspberry Pi 4, `times` faster."""
    return {
        t: measured(published_s(catalog, t.model.name, t.variant.precision) / times)
        for t in emulators.calibration_trials([PI_4])
    }


def mine(emulators, tmp_path, *, device=PI_4, precision=Precision.FP32, **variant):
    return Trial(
        model=TorchModel(name="mine", directory=tmp_path, factory="m:build"),
        variant=Variant(
            precision=precision, **{"runtime": Runtime.ONNXRUNTIME, **variant}
        ),
        envelope=emulators.envelope(device),
        batches=(1,),
    )


def test_boards_and_cloud_machines_with_published_tables_can_be_emulated(emulators):
    assert {
        PI_4,
        "raspberry-pi-5",
        "jetson-orin-nano-8gb",
        "graviton3-8vcpu",
        "graviton1-8vcpu",
        "xeon-cascade-lake-3ghz-16vcpu",
        "xeon-broadwell-burstable-2vcpu",
    } <= set(emulators.devices())


def test_every_device_that_can_be_emulated_is_in_the_catalogue(catalog, emulators):
    assert all(catalog.device(name) for name in emulators.devices())


def test_a_gpu_cannot_be_emulated_and_the_way_out_is_named(emulators):
    with pytest.raises(DeviceUnavailableError, match=r"'nvidia-l4'.*raspberry-pi-4"):
        emulators.envelope("nvidia-l4")


def test_an_unknown_device_cannot_be_emulated(emulators):
    with pytest.raises((DeviceUnavailableError, UnknownReferenceError)):
        emulators.envelope("raspberry-pi-99")


def test_a_board_has_its_memory_less_what_its_system_takes(catalog, emulators):
    envelope = emulators.envelope(PI_4)

    assert envelope.memory_bytes == catalog.device(PI_4).memory_bytes - SYSTEM_BYTES


def test_a_cloud_machine_has_no_memory_limit_of_its_own(emulators):
    assert emulators.envelope("graviton3-8vcpu").memory_bytes is None


@pytest.mark.parametrize(
    ("host_cores", "threads", "quota_cores"),
    [(1, 1, None), (2, 1, None), (4, 2, None), (8, 4, 4.0), (64, 4, 4.0)],
)
def test_a_four_core_board_gets_up_to_half_of_this_machine(
    catalog, host_cores, threads, quota_cores
):
    emulators = Emulators(catalog, host=Host(cores=host_cores, isa="x86_64"))

    envelope = emulators.envelope(PI_4)

    assert (envelope.threads, envelope.cpu_quota_cores) == (threads, quota_cores)


def test_boards_with_one_room_share_one_calibration(emulators):
    shared = emulators.calibration_trials([PI_4, "jetson-orin-nano-8gb"])

    assert len(shared) == len(calibration.MODELS) * len(calibration.PRECISIONS)
    assert emulators.calibration_trials([]) == ()


@pytest.mark.parametrize("precision", [Precision.FP32, Precision.INT8])
@pytest.mark.parametrize("times", [1.0, 6.0])
def test_a_machine_that_is_a_faster_pi_4_maps_to_a_pi_4_exactly(
    catalog, emulators, tmp_path, precision, times
):
    emulators.calibrate(as_fast_as_a_pi_4(catalog, emulators, times=times))

    profile = emulators.profile(
        measured(0.005), mine(emulators, tmp_path, precision=precision), PI_4
    )

    assert profile.points[0].p50_s == pytest.approx(0.005 * times)
    assert profile.evidence.provenance is Provenance.EMULATED
    assert "not verified by MLCommons Association" in profile.evidence.source


def test_models_that_took_no_part_come_out_within_the_band(catalog, tmp_path):
    """An RK3588 plays this machine; its own published times predict a Pi 4's."""
    emulators = Emulators(catalog, host=Host(cores=8, isa="arm64"))
    emulators.calibrate(
        {
            t: measured(
                published_s(catalog, t.model.name, t.variant.precision, "rk3588")
            )
            for t in emulators.calibration_trials([PI_4])
        }
    )
    unseen = ["mobilenet-v1-1.0-224", "mobilenet-v2-0.5-128", "efficientnet-lite3"]

    for model in unseen:
        here_s = published_s(catalog, model, Precision.FP32, "rk3588")
        profile = emulators.profile(measured(here_s), mine(emulators, tmp_path), PI_4)
        band = 1 + profile.evidence.error_frac
        truth_s = published_s(catalog, model, Precision.FP32)
        assert truth_s < profile.points[0].p50_s * band
        assert truth_s > profile.points[0].p50_s / band**2


@pytest.mark.parametrize("precision", [Precision.BF16, Precision.FP16, Precision.INT4])
def test_a_precision_that_nobody_published_is_refused(
    catalog, emulators, tmp_path, precision
):
    emulators.calibrate(as_fast_as_a_pi_4(catalog, emulators))

    with pytest.raises(
        DeviceUnavailableError, match=f"{precision} on '{PI_4}'.*measure fp32, int8"
    ):
        emulators.profile(
            measured(0.005), mine(emulators, tmp_path, precision=precision), PI_4
        )


def test_without_calibration_nothing_is_emulated(emulators, tmp_path):
    with pytest.raises(DeviceUnavailableError, match="0 of the 3 known models"):
        emulators.profile(measured(0.005), mine(emulators, tmp_path), PI_4)


def test_a_failed_calibration_is_named_and_spares_the_other_precision(
    catalog, emulators, tmp_path
):
    results = {
        t: Failure(reason="no quantizer", failed_at=r.measured_at)
        if t.variant.precision is Precision.INT8
        else r
        for t, r in as_fast_as_a_pi_4(catalog, emulators).items()
    }
    emulators.calibrate(results)

    with pytest.raises(DeviceUnavailableError, match="no quantizer"):
        emulators.profile(
            measured(0.005),
            mine(emulators, tmp_path, precision=Precision.INT8),
            PI_4,
        )
    assert emulators.profile(measured(0.005), mine(emulators, tmp_path), PI_4)


def test_times_of_another_room_do_not_calibrate_this_one(catalog, emulators, tmp_path):
    results = {
        Trial(
            model=t.model,
            variant=t.variant,
            envelope=Envelope(threads=4),
            batches=t.batches,
        ): r
        for t, r in as_fast_as_a_pi_4(catalog, emulators).items()
    }
    emulators.calibrate(results)

    with pytest.raises(DeviceUnavailableError, match="0 of the 3 known models"):
        emulators.profile(measured(0.005), mine(emulators, tmp_path), PI_4)


@pytest.mark.parametrize("device", RELATIVES)
def test_a_device_without_a_table_is_emulated_by_way_of_its_relative(
    catalog, emulators, tmp_path, device
):
    emulators.calibrate(as_fast_as_a_pi_4(catalog, emulators))
    relative = RELATIVES[device].device

    own = emulators.profile(
        measured(0.02), mine(emulators, tmp_path, device=device), device
    )
    of_relative = emulators.profile(
        measured(0.02), mine(emulators, tmp_path, device=relative), relative
    )

    factor = RELATIVES[device].factors[Precision.FP32]
    assert own.points[0].p50_s == pytest.approx(
        of_relative.points[0].p50_s * factor.middle_ratio
    )
    assert own.evidence.error_frac > of_relative.evidence.error_frac
    assert f"emulated via {relative} ×" in own.evidence.note


def test_another_instruction_set_here_gives_another_band(catalog, tmp_path):
    bands = []
    for isa in ("x86_64", "arm64"):
        emulators = Emulators(catalog, host=Host(cores=2, isa=isa))
        emulators.calibrate(as_fast_as_a_pi_4(catalog, emulators))
        profile = emulators.profile(
            measured(0.02, error_frac=0.0), mine(emulators, tmp_path), PI_4
        )
        bands.append(profile.evidence.error_frac)

    x86, arm = bands
    assert not math.isclose(x86, arm)
    assert min(bands) > 0.1
