import pytest

from planner.reference.catalog import Catalog

CATALOG = Catalog.shipped()


@pytest.mark.parametrize(
    ("model", "layers", "heads", "width"),
    [("llama-3.1-8b", 32, 8, 128), ("smollm2-135m", 30, 3, 64)],
)
def test_a_language_models_cache_is_keys_and_values_of_all_its_layers(
    model, layers, heads, width
):
    stated = CATALOG.operations(model)

    assert stated.kv_values_per_token == 2 * layers * heads * width


def test_every_classifier_of_the_sweep_has_its_operations():
    sweep = [
        m.name
        for m in CATALOG.models()
        if m.name.startswith(("mobilenet-", "efficientnet-lite"))
    ]

    assert sweep
    assert all(CATALOG.operations(m).macs for m in sweep)


def test_operations_fall_with_the_square_of_the_resolution():
    large = CATALOG.operations("mobilenet-v2-1.0-224")
    small = CATALOG.operations("mobilenet-v2-1.0-160")

    assert small.macs / large.macs == pytest.approx((160 / 224) ** 2, rel=0.03)


def test_more_cores_of_a_processor_are_faster_together_up_to_its_size():
    speeds = [CATALOG.images_per_s(f"graviton3-{n}vcpu")[0] for n in (2, 4, 8, 16)]

    assert speeds == sorted(speeds)
    assert CATALOG.images_per_s("raspberry-pi-4") is None
