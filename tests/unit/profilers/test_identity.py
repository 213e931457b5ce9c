"""The key of stored measurements changes exactly when the content does."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from planner.domain.profiling import TorchModel
from planner.errors import ModelLoadError
from profilers.identity import _accelerators, identity, runtime_versions


@pytest.fixture
def home(tmp_path):
    (tmp_path / "net.py").write_text(
        "from layers import block\nimport kit.inner\ndef build(): ...\n"
    )
    (tmp_path / "layers.py").write_text("def block(): ...\n")
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit/__init__.py").write_text("from . import deep\n")
    (tmp_path / "kit/inner.py").write_text("\n")
    (tmp_path / "kit/deep.py").write_text("\n")
    (tmp_path / "data.py").write_text("def evaluation(): ...\n")
    (tmp_path / "train.py").write_text("raise SystemExit\n")
    (tmp_path / "w.safetensors").write_bytes(b"weights")
    return tmp_path


def model(home, **changes):
    facts = {
        "name": "net",
        "directory": home,
        "factory": "net:build",
        "weights": home / "w.safetensors",
        "evaluation": "data:evaluation",
    }
    return TorchModel(**(facts | changes))


@pytest.mark.parametrize(
    "file",
    [
        "net.py",
        "layers.py",
        "kit/__init__.py",
        "kit/inner.py",
        "kit/deep.py",
        "data.py",
        "w.safetensors",
    ],
)
def test_a_change_of_any_file_that_the_model_is_made_of_is_another_model(home, file):
    before = identity(model(home))
    (home / file).write_bytes((home / file).read_bytes() + b"\n#")

    assert identity(model(home)) != before


def test_files_beside_and_names_do_not_count(home):
    before = identity(model(home))
    (home / "train.py").write_text("other")

    assert identity(model(home, name="renamed")) == before


def test_another_function_of_the_same_file_is_another_model(home):
    assert identity(model(home)) != identity(model(home, factory="net:block"))


def test_no_user_code_and_no_torch_runs_to_identify_files(home):
    (home / "net.py").write_text("raise RuntimeError\n")
    code = (
        "import sys; from pathlib import Path;"
        "from planner.domain.profiling import TorchModel;"
        "from profilers.worker import identity, runtime_versions;"
        f"m = TorchModel(name='n', directory=Path({str(home)!r}), factory='net:build');"
        "assert len(identity(m)) == 64; assert runtime_versions();"
        "assert not {'torch', 'onnxruntime', 'net'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"factory": "absent:build"}, "'absent' is not in"),
        ({"weights": "absent.safetensors"}, "cannot be read: No such file"),
    ],
)
def test_missing_files_are_told(home, changes, message):
    if "weights" in changes:
        changes = {"weights": home / changes["weights"]}

    with pytest.raises(ModelLoadError, match=message):
        identity(model(home, **changes))


def test_a_file_that_is_not_python_is_told(home):
    (home / "layers.py").write_text("def (")

    with pytest.raises(ModelLoadError, match=r"layers\.py is not Python"):
        identity(model(home))


class Scaled(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([weight]))

    def forward(self, x):
        return x * self.weight


class Shifted(Scaled):
    def forward(self, x):
        return x + self.weight


def live(tmp_path, module, inputs):
    return TorchModel(
        name="live", directory=tmp_path, factory=lambda: module, inputs=lambda: inputs
    )


def test_a_live_model_is_its_parameters_code_and_data(tmp_path):
    ones, zeros = torch.ones(2, 3), torch.zeros(2, 3)

    first = identity(live(tmp_path, Scaled(1.0), ones))

    assert identity(live(tmp_path, Scaled(1.0), torch.ones(2, 3))) == first
    others = [
        live(tmp_path, Scaled(2.0), ones),
        live(tmp_path, Shifted(1.0), ones),
        live(tmp_path, Scaled(1.0), zeros),
        live(tmp_path, Scaled(1.0), ones.to(torch.bfloat16)),
    ]
    assert len({first, *map(identity, others)}) == 5


def test_versions_are_those_of_what_is_installed():
    versions = runtime_versions()

    assert versions["torch"] == torch.__version__
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert versions["processor"]


def test_gpus_and_their_driver_are_read_without_loading_anything(tmp_path):
    assert _accelerators(tmp_path) == {}
    for n in (0, 1):
        gpu = tmp_path / f"gpus/0000:0{n}:00.0"
        gpu.mkdir(parents=True)
        (gpu / "information").write_text("Model: \t NVIDIA L4\nIRQ:   \t 51\n")
    (tmp_path / "version").write_text("NVRM version: 595.58  Tue\nGCC version: 12\n")

    assert _accelerators(tmp_path) == {
        "accelerators": "NVIDIA L4, NVIDIA L4",
        "driver": "NVRM version: 595.58 Tue",
    }
