"""Loading a torch model: what is accepted, and one sentence for what is not."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import nn

from planner.domain.profiling import TorchModel
from planner.errors import ModelLoadError
from profilers.models import CALIBRATION_SAMPLES, load_model

MODULE = """
import torch
from torch import nn

def build():
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))

def evaluation():
    return torch.arange(20.0).reshape(5, 4), torch.tensor([0, 1, 2, 1, 0])
"""


def network():
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))


def from_files(directory, **changes):
    (directory / "net.py").write_text(MODULE)
    weights = directory / "weights.safetensors"
    if not weights.exists():
        save_model(network(), weights)
    facts = {
        "name": "net",
        "directory": directory,
        "factory": "net:build",
        "weights": weights,
        "evaluation": "net:evaluation",
    }
    return TorchModel(**(facts | changes))


def live(directory, inputs=lambda: torch.ones(2, 4), **changes):
    facts = {"name": "net", "directory": directory, "factory": network}
    return TorchModel(**(facts | {"inputs": inputs} | changes))


def test_a_model_from_files_has_its_weights_its_data_and_no_dropout(tmp_path):
    original = network().eval()
    save_model(original, tmp_path / "weights.safetensors")

    model = load_model(from_files(tmp_path))

    inputs = model.evaluation.inputs
    torch.testing.assert_close(model.module(inputs), original(inputs))
    assert not model.module.training
    assert model.evaluation.labels.tolist() == [0, 1, 2, 1, 0]
    torch.testing.assert_close(model.example, inputs)


def test_a_live_module_is_left_as_the_user_has_it(tmp_path):
    own = network().train()

    model = load_model(live(tmp_path, factory=lambda: own))

    assert own.training
    assert all(p.requires_grad for p in own.parameters())
    assert model.module is not own


def test_numpy_and_double_precision_data_are_taken(tmp_path):
    model = load_model(
        live(tmp_path, evaluation=lambda: (np.ones((6, 4)), np.zeros(6, np.int32)))
    )

    assert model.evaluation.inputs.dtype == torch.float32
    assert model.evaluation.labels.dtype == torch.int64


def test_calibration_needs_no_more_than_the_first_samples(tmp_path):
    model = load_model(
        live(
            tmp_path,
            None,
            evaluation=lambda: (torch.ones(999, 4), torch.zeros(999, dtype=int)),
        )
    )

    assert len(model.example) == CALIBRATION_SAMPLES
    assert len(model.evaluation.inputs) == 999


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"0.weight": None}, r"missing 0\.weight; unexpected none"),
        ({"extra": torch.ones(1)}, "missing none; unexpected extra"),
        ({"0.weight": torch.ones(2, 2)}, "size mismatch|Error.*loading state_dict"),
    ],
)
def test_weights_that_do_not_fit_are_listed(tmp_path, change, message):
    state = network().state_dict() | change
    path = tmp_path / "weights.safetensors"
    save_file({k: v for k, v in state.items() if v is not None}, path)

    with pytest.raises(ModelLoadError, match=message) as caught:
        load_model(from_files(tmp_path))

    assert str(path) in str(caught.value)


def test_absent_weights_are_told_with_their_path(tmp_path):
    absent = tmp_path / "absent.safetensors"

    with pytest.raises(ModelLoadError, match=r"absent\.safetensors do not exist"):
        load_model(from_files(tmp_path, weights=absent))


def test_a_file_that_is_not_safetensors_is_told(tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(b"not at all")

    with pytest.raises(ModelLoadError, match="must be a safetensors file"):
        load_model(from_files(tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"factory": lambda: 3}, "returned int, not a torch.nn.Module"),
        ({"inputs": None}, "neither an evaluation set nor example inputs"),
        ({"inputs": lambda: torch.ones(4)}, r"have shape \(4,\)"),
        ({"inputs": lambda: torch.ones(0, 4)}, "at least one sample"),
        ({"inputs": lambda: torch.full((2, 4), torch.nan)}, "hold NaN or infinity"),
        ({"inputs": lambda: "text"}, "as a tensor failed"),
        ({"inputs": lambda: torch.ones(2, 5)}, r"batch of shape \(3, 5\) failed"),
        ({"evaluation": lambda: torch.ones(2, 4)}, r"return \(inputs, labels\), "),
        (
            {"evaluation": lambda: (torch.ones(2, 4), torch.zeros(2))},
            r"integer classes of shape \(n,\)",
        ),
        (
            {"evaluation": lambda: (torch.ones(2, 4), torch.tensor([0]))},
            "gave 2 inputs and 1 labels",
        ),
        (
            {"evaluation": lambda: (torch.ones(2, 4), torch.tensor([0, 3]))},
            "labels reach 3",
        ),
        (
            {"evaluation": lambda: (torch.ones(2, 4), torch.tensor([0, -1]))},
            "go below 0",
        ),
        (
            {"factory": lambda: nn.Unflatten(0, (1, -1))},
            r"answers a batch of 3 with shape \(1, 3, 4\)",
        ),
        (
            {"factory": lambda: nn.LSTM(4, 3, batch_first=True)},
            "answers a batch of 3 with tuple",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused_with_the_way_out(
    tmp_path, changes, message
):
    with pytest.raises(ModelLoadError, match=message):
        load_model(live(tmp_path, **changes))


def test_an_evaluation_set_may_bring_slices_and_shifted_sets(tmp_path):
    inputs, labels = torch.ones(4, 4), torch.tensor([0, 1, 2, 0])
    bare = load_model(
        live(tmp_path, evaluation=lambda: (inputs, labels, ["a", "b", "a", "b"]))
    )
    full = load_model(
        live(
            tmp_path,
            evaluation=lambda: {
                "inputs": inputs,
                "labels": labels,
                "slices": {"dark": np.array([True, False, False, True])},
                "shifted": {"fog": (torch.zeros(2, 4), torch.tensor([1, 1]))},
            },
        )
    )

    assert list(bare.evaluation.slices) == ["a", "b"]
    assert list(full.evaluation.slices["dark"]) == [True, False, False, True]
    assert full.evaluation.shifted["fog"].labels.tolist() == [1, 1]


@pytest.mark.parametrize("shifted", [7, {"fog": torch.zeros(2, 4)}])
def test_a_shifted_set_is_a_pair_of_its_own(tmp_path, shifted):
    given = {"inputs": torch.ones(2, 4), "labels": torch.tensor([0, 1]), "shifted": shifted}  # fmt: skip

    with pytest.raises(ModelLoadError, match="no dict of pairs"):
        load_model(live(tmp_path, evaluation=lambda: given))


@pytest.mark.parametrize(
    ("label", "said"), [(3, "its labels reach 3"), (-1, "below 0")]
)
def test_the_labels_of_a_shifted_set_are_classes_of_the_model(tmp_path, label, said):
    given = {
        "inputs": torch.ones(2, 4),
        "labels": torch.tensor([0, 1]),
        "shifted": {"fog": (torch.ones(1, 4), torch.tensor([label]))},
    }

    with pytest.raises(ModelLoadError, match=said):
        load_model(live(tmp_path, evaluation=lambda: given))
