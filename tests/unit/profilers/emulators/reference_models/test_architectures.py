"""Against the figures that the architectures' authors published."""

import pytest

torch = pytest.importorskip("torch")

from profilers.emulators.reference_models import architectures  # noqa: E402

# Million parameters and multiply-adds: TensorFlow models, research/slim/nets
# mobilenet_v1.md and mobilenet/README.md (1,001 classes).
PUBLISHED = [
    ("mobilenet_v1_0_25", "images_160", 0.47, 21),
    ("mobilenet_v1_0_5", "images_192", 1.34, 110),
    ("mobilenet_v1_0_75", "images_224", 2.59, 317),
    ("mobilenet_v2_1_0", "images_224", 3.47, 300),
]


def counted(model, images):
    """Parameters, and multiply-adds of one image's pass."""
    multiply_adds = []

    def count(layer, _, output):
        if isinstance(layer, torch.nn.Conv2d):
            each = layer.weight[0].numel()
            multiply_adds.append(each * output[0].numel())
        elif isinstance(layer, torch.nn.Linear):
            multiply_adds.append(layer.weight.numel())

    for layer in model.modules():
        layer.register_forward_hook(count)
    with torch.inference_mode():
        answer = model(images[:1])
    return sum(p.numel() for p in model.parameters()), sum(multiply_adds), answer


@pytest.mark.slow
@pytest.mark.parametrize(
    ("factory", "inputs", "parameters_m", "multiply_adds_m"), PUBLISHED
)
def test_size_and_work_are_the_published_ones(
    factory, inputs, parameters_m, multiply_adds_m
):
    model = getattr(architectures, factory)()
    images = getattr(architectures, inputs)()

    parameters, multiply_adds, answer = counted(model, images)

    assert parameters / 1e6 == pytest.approx(parameters_m, rel=0.02)
    assert multiply_adds / 1e6 == pytest.approx(multiply_adds_m, rel=0.04)
    assert answer.shape == (1, 1001)


@pytest.mark.slow
def test_activations_stay_in_a_range_that_arithmetic_is_fast_in():
    model = architectures.mobilenet_v2_1_0()
    sizes = []
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(
                lambda _, __, output: sizes.append(float(output.abs().max()))
            )

    with torch.inference_mode():
        model(architectures.images_224()[:1])

    # Denormal numbers begin at 1.2e-38; float16 ends at 65,504.
    assert min(sizes) > 1e-6
    assert max(sizes) < 65504


def test_models_and_images_are_the_same_each_time():
    first, second = (architectures.mobilenet_v1_0_25() for _ in range(2))

    assert torch.equal(next(first.parameters()), next(second.parameters()))
    assert torch.equal(architectures.images_160(), architectures.images_160())
