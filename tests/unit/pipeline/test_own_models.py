"""Every source of the document becomes a model, and every file that is missing is named."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from planner.domain.profiling import FileFormat, ModelFile, PipelineModel, TorchModel
from planner.errors import SpecMistakesError
from planner.pipeline.asking.own_models import own_models
from planner.specs.deployment import Deployment
from planner.specs.models import ExportedSource, SparsityChoice


def document(*models):
    return Deployment.model_validate(
        {
            "kind": "deployment",
            "version": 1,
            "name": "shop",
            "models": models,
            "workloads": [
                {
                    "name": "w",
                    "model": models[0]["name"],
                    "origin": "here",
                    "traffic": {"kind": "constant", "rate_rps": 1},
                    "payload": {"request_kib": 1, "response_kib": 1},
                    "slo": {"percentile": 95, "latency_ms": 100},
                }
            ],
            "sites": [
                {
                    "kind": "edge",
                    "name": "here",
                    "devices": [{"device": "raspberry-pi-4", "stock": 1}],
                }
            ],
        }
    )


SOURCES = [
    {"kind": "torch", "factory": "m:build"},
    {"kind": "onnx", "file": "net.onnx"},
    {"kind": "exported", "file": "net.pt2", "trust": True},
    {"kind": "huggingface", "folder": "bert", "context_tokens": [64]},
    {"kind": "sklearn", "factory": "m:pipeline"},
    {"kind": "reference", "name": "mobilenet-v2-1.0-224"},
]


def test_each_kind_of_source_becomes_its_kind_of_model(tmp_path):
    for name in ("net.onnx", "net.pt2"):
        (tmp_path / name).touch()
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "config.json").touch()
    spec = document(*({"name": s["kind"], "source": s} for s in SOURCES))

    found = own_models(spec, tmp_path)

    assert {name: type(model) for name, model in found.items()} == {
        "torch": TorchModel,
        "onnx": ModelFile,
        "exported": ModelFile,
        "huggingface": ModelFile,
        "sklearn": PipelineModel,
    }
    assert found["onnx"].path == tmp_path / "net.onnx"
    assert not found["onnx"].trusted
    assert found["exported"].trusted
    assert found["huggingface"].format is FileFormat.HUGGINGFACE
    assert found["huggingface"].context_tokens == (64,)


def test_all_missing_files_are_named_at_once():
    spec = document(*({"name": s["kind"], "source": s} for s in SOURCES))

    with pytest.raises(SpecMistakesError) as told:
        own_models(spec, Path("nowhere"))

    assert [m.path for m in told.value.mistakes] == [
        "models.1.source.file",
        "models.2.source.file",
        "models.3.source.folder",
    ]


def test_the_documents_that_a_language_model_is_graded_on_are_looked_for(tmp_path):
    folder = {"kind": "huggingface", "folder": "bert", "evaluation_text": "t.jsonl"}
    spec = document({"name": "m", "source": folder})
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "config.json").touch()

    with pytest.raises(SpecMistakesError) as told:
        own_models(spec, tmp_path)
    assert [m.path for m in told.value.mistakes] == ["models.0.source.evaluation_text"]

    (tmp_path / "t.jsonl").touch()
    assert own_models(spec, tmp_path)["m"].evaluation_text == tmp_path / "t.jsonl"


def test_fine_tuning_without_pruning_is_a_mistake():
    spec = document(
        {"name": "m", "source": SOURCES[0], "fine_tune": {"factory": "m:tune"}}
    )

    with pytest.raises(SpecMistakesError, match="nothing is pruned"):
        own_models(spec, Path())


def test_an_exported_program_needs_the_word_of_trust():
    with pytest.raises(ValidationError, match="say 'trust: true' if you made it"):
        ExportedSource(kind="exported", file="net.pt2")


def test_two_of_four_is_a_half_and_nothing_else():
    assert SparsityChoice(pattern="2:4").share_frac == 0.5
    with pytest.raises(ValidationError, match=r"2:4 is a share_frac of 0\.5"):
        SparsityChoice(pattern="2:4", share_frac=0.3)
