"""Against counts made by hand, and what the architectures' authors published."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from planner.reference.operations import operations  # noqa: E402
from profilers.counting import counted, of_module  # noqa: E402
from profilers.emulators.reference_models import architectures  # noqa: E402
from profilers.models import LoadedModel  # noqa: E402


def module_of(*layers):
    return nn.Sequential(*layers).eval()


def test_a_small_cnn_has_the_operations_counted_by_hand():
    net = module_of(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(8 * 4 * 4, 10),
    )  # fmt: skip

    found = of_module("net", net, torch.randn(1, 3, 8, 8))

    full, depthwise, linear = 8 * 8 * 8 * 3 * 9, 8 * 8 * 8 * 9, 128 * 10
    assert found.macs == full + depthwise + linear
    assert found.parameters == (8 * 3 * 9 + 8) + 16 + (8 * 9 + 8) + (1280 + 10)
    moved = (3 * 64 + 8 * 64) + (8 * 64 + 8 * 64) + (128 + 10)
    assert found.activation_values == moved


@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_every_step_of_a_recurrent_layer_counts(kind, gates):
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = kind(5, 7, batch_first=True)

        def forward(self, x):
            return self.layer(x)[0]

    found = of_module("reader", Reader().eval(), torch.randn(1, 11, 5))

    assert found.macs == 11 * gates * (5 * 7 + 7 * 7)
    assert found.parameters == gates * (5 * 7 + 7 * 7 + 2 * 7)


def test_attention_counts_the_products_of_tokens_with_each_other():
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).eval()

    found = of_module("encoder", layer, torch.randn(1, 10, 16))

    projections, among_tokens = 10 * 16 * 64, 2 * 10 * 10 * 16
    assert found.macs == projections + among_tokens + 2 * 10 * 16 * 32


def test_embeddings_keep_parameters_and_multiply_nothing():
    class Texts(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(100, 8)
            self.places = nn.Parameter(torch.randn(6, 8))
            self.out = nn.Linear(8, 3)

        def forward(self, tokens):
            return self.out((self.words(tokens) + self.places).mean(1))

    found = of_module("texts", Texts(), torch.zeros(1, 6, dtype=torch.int64))

    assert found.macs == 24
    assert found.parameters == 800 + 48 + 27
    assert found.activation_values == 8 + 3


def test_an_operator_that_no_table_knows_makes_the_count_unknown():
    class Distances(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(4, 4)
            self.centres = nn.Parameter(torch.randn(5, 4))

        def forward(self, x):
            return torch.cdist(self.first(x), self.centres)

    found = of_module("distances", Distances(), torch.randn(1, 4))

    assert isinstance(found, str)
    assert "cdist" in found


def test_code_that_cannot_be_watched_makes_the_count_unknown():
    class Stubborn(nn.Module):
        def forward(self, x):
            raise RuntimeError("not today")

    found = of_module("stubborn", Stubborn(), torch.randn(1, 4))

    assert isinstance(found, str)
    assert "not today" in found


def test_nothing_to_multiply_is_no_count_of_zero():
    assert isinstance(of_module("relu", module_of(nn.ReLU()), torch.randn(1, 4)), str)


def test_counting_leaves_torch_as_it_was():
    before = torch.backends.mha.get_fastpath_enabled()

    of_module("net", module_of(nn.Linear(4, 4)), torch.randn(1, 4))

    assert torch.backends.mha.get_fastpath_enabled() == before


def test_a_causal_language_model_has_no_one_item():
    model = LoadedModel(
        name="m", example=torch.zeros(1, 4), evaluation=None, contexts=(128,)
    )

    assert "language model" in counted(model)


def test_the_same_network_counts_the_same_as_a_program_of_torch_export():
    net = module_of(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5))
    sample = torch.randn(2, 1, 8, 8)
    program = torch.export.export(
        net, (sample,), dynamic_shapes=({0: torch.export.Dim("batch")},)
    )

    exported = of_module("net", program.module(), sample[:1])

    assert exported == of_module("net", net, sample[:1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "factory", "images"),
    [
        ("mobilenet-v1-1.0-128", "mobilenet_v1_1_0", "images_128"),
        ("mobilenet-v2-0.75-128", "mobilenet_v2_0_75", "images_128"),
        ("mobilenet-v3-large-minimalistic-1.0-224", "mobilenet_v3_large_minimalistic", "images_224"),
        ("efficientnet-lite0", "efficientnet_lite0", "images_224"),
        ("efficientnet-lite2", "efficientnet_lite2", "images_260"),
    ],
)  # fmt: skip
def test_known_models_count_as_published(name, factory, images):
    net = getattr(architectures, factory)()
    stated = operations()[name]

    found = of_module(name, net, getattr(architectures, images)()[:1])

    # EfficientNet-lite's are published with biases and pooling.
    assert found.macs == pytest.approx(stated.macs, rel=0.06)
    assert found.parameters == pytest.approx(stated.parameters, rel=0.02)


def test_a_mobilenet_counts_as_published():
    net, images = architectures.mobilenet_v1_0_25(), architectures.images_160()

    found = of_module("net", net, images[:1])

    assert found.macs / 1e6 == pytest.approx(21, rel=0.01)
    assert found.parameters / 1e6 == pytest.approx(0.47, rel=0.01)
