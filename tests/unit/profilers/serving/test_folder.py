"""A plan's model is found where its files are, or what is missing is said."""

import pytest

from planner.errors import ModelLoadError
from planner.specs.plan import PlanModel
from profilers.serving.folder import model_folder, torch_model

MODEL = PlanModel(
    name="reader",
    source="torch",
    factory="nets.reader:build",
    weights="w/weights.safetensors",
    evaluation="samples:evaluation",
)


def spec_folder(path):
    (path / "nets").mkdir(parents=True)
    (path / "nets" / "reader.py").touch()
    (path / "samples.py").touch()
    (path / "w").mkdir()
    (path / "w" / "weights.safetensors").touch()
    return path


def test_the_first_folder_with_every_file_is_taken(tmp_path):
    empty, whole = tmp_path / "empty", spec_folder(tmp_path / "whole")
    empty.mkdir()

    folder = model_folder(MODEL, [empty, whole, tmp_path])

    assert folder == whole
    assert torch_model(MODEL, folder).weights == whole / "w" / "weights.safetensors"


def test_what_each_folder_lacks_is_said(tmp_path):
    whole = spec_folder(tmp_path / "whole")
    (whole / "samples.py").unlink()
    (whole / "w" / "weights.safetensors").unlink()

    with pytest.raises(ModelLoadError, match="--models") as refused:
        model_folder(MODEL, [whole, tmp_path])

    said = str(refused.value)
    assert f"{whole} has no samples.py and no w/weights.safetensors" in said
    assert f"{tmp_path} has no nets/reader.py" in said
