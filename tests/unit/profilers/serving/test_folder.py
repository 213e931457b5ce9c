"""A plan's model is found where its files are, or what is missing is said."""

import pytest

from planner.errors import ModelLoadError
from planner.specs.plan import PlanModel
from profilers.serving.folder import missing_files, model_folder, user_model

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
    assert user_model(MODEL, folder).weights == whole / "w" / "weights.safetensors"


def test_what_each_folder_lacks_is_said(tmp_path):
    whole = spec_folder(tmp_path / "whole")
    (whole / "samples.py").unlink()
    (whole / "w" / "weights.safetensors").unlink()

    with pytest.raises(ModelLoadError, match="--models") as refused:
        model_folder(MODEL, [whole, tmp_path])

    said = str(refused.value)
    assert f"{whole} has no samples.py and no w/weights.safetensors" in said
    assert f"{tmp_path} has no nets/reader.py" in said


@pytest.mark.parametrize(
    ("source", "file", "lacking"),
    [
        ("onnx", "net.onnx", "net.onnx"),
        ("exported", "net.pt2", "net.pt2"),
        ("huggingface", "bert", "bert/config.json"),
    ],
)
def test_a_model_in_a_file_needs_that_file_and_no_code(tmp_path, source, file, lacking):
    model = PlanModel(name="m", source=source, file=file, trust=source == "exported")

    assert missing_files(model, tmp_path) == [lacking]
    (tmp_path / lacking).parent.mkdir(exist_ok=True)
    (tmp_path / lacking).touch()

    assert missing_files(model, tmp_path) == []
    assert user_model(model, tmp_path).path == tmp_path / file


def test_what_trains_a_pruned_model_is_needed_too(tmp_path):
    whole = spec_folder(tmp_path / "whole")
    tuned = MODEL.model_copy(update={"fine_tune": "training:tune"})

    assert missing_files(tuned, whole) == ["training.py"]
    (whole / "training.py").touch()

    assert user_model(tuned, whole).fine_tune == "training:tune"
